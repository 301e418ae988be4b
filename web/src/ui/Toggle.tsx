/** A switch with its label. */

import type { ReactNode } from 'react'
import { SwitchButton, SwitchField } from 'react-aria-components'

export interface ToggleProps {
  on: boolean
  onChange: (on: boolean) => void
  disabled?: boolean
  children: ReactNode
}

export function Toggle({ on, onChange, disabled = false, children }: ToggleProps): ReactNode {
  return (
    <SwitchField isSelected={on} onChange={onChange} isDisabled={disabled}>
      <SwitchButton className="switch">
        <span className="switch-track" />
        {children}
      </SwitchButton>
    </SwitchField>
  )
}
