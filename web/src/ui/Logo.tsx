/** The mark and the name. */

import type { ReactNode } from 'react'

export function Logo({ size = 30 }: { size?: number }): ReactNode {
  return (
    <span className="logo">
      <svg viewBox="0 0 32 32" width={size} height={size} aria-hidden="true" focusable="false">
        <rect width="32" height="32" rx="9" className="logo-ground" />
        <path d="M7 24V13.500a9 9 0 0 1 18 0V24" fill="none" stroke="#fff" strokeWidth="2.6" strokeLinecap="round" />
        <circle cx="11.9" cy="21.4" r="2.7" fill="#fff" />
        <circle cx="20.1" cy="21.4" r="2.7" fill="#ffc66b" />
      </svg>
      <span>Roomful</span>
    </span>
  )
}
