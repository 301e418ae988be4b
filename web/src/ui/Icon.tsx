/** Our icons: 24-unit grid, 1.8 strokes, drawn here. Decorative always; the control that holds one has the name. */

import type { ReactNode } from 'react'

const SHAPES = {
  mic: <><rect x="9" y="3" width="6" height="11" rx="3" /><path d="M5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3" /></>,
  micOff: <><path d="M9 9.5V6a3 3 0 0 1 6 0v5.5c0 .4-.1.8-.2 1.1M12.4 14a3 3 0 0 1-3.3-2.4M5.5 11.5a6.5 6.5 0 0 0 10 5.5M18.5 11.500c0 .9-.2 1.7-.5 2.500M12 18v3M4 4l16 16" /></>,
  camera: <><rect x="3" y="6.5" width="12.5" height="11" rx="2.8" /><path d="m15.5 11 4.2-2.900a.8.8 0 0 1 1.3.7v6.400a.8.8 0 0 1-1.3.7L15.5 13" /></>,
  cameraOff: <><path d="M8.5 6.500h4.200a2.8 2.8 0 0 1 2.8 2.800v1.700l4.2-2.900a.8.8 0 0 1 1.3.7v6.400a.8.8 0 0 1-1 .7M15.4 15.400a2.8 2.8 0 0 1-2.7 2.100H5.800A2.8 2.8 0 0 1 3 14.700V9.300c0-1.2.8-2.3 2-2.700M4 4l16 16" /></>,
  screen: <><rect x="3" y="4.5" width="18" height="12" rx="2.5" /><path d="M9 20h6M12 13.500v-6m-2.7 2.600L12 7.400l2.7 2.7" /></>,
  screenStop: <><rect x="3" y="4.5" width="18" height="12" rx="2.5" /><path d="M9 20h6M9.8 8.300l4.4 4.400m0-4.4-4.4 4.4" /></>,
  chat: <path d="M12 4.500c5 0 8.5 3 8.5 7s-3.5 7-8.5 7c-1 0-2-.1-2.9-.4L4.5 20l1.2-3.300c-1.4-1.3-2.2-3.1-2.2-5.2 0-4 3.5-7 8.5-7ZM8.5 11.500h.01M12 11.500h.01M15.5 11.500h.01" />,
  people: <><circle cx="9" cy="8.5" r="3.5" /><path d="M2.8 19.500c.5-3.3 3-5.2 6.2-5.200s5.7 1.9 6.2 5.200M15.5 5.300a3.5 3.5 0 0 1 0 6.400M17.5 14.700c2 .7 3.3 2.4 3.7 4.8" /></>,
  invite: <><circle cx="10" cy="8.5" r="3.5" /><path d="M3.5 19.500c.5-3.3 3.2-5.2 6.5-5.2 1.5 0 2.9.4 4 1.100M18 14v6M15 17h6" /></>,
  leave: <path d="M12 9.200c3.7 0 6.6.9 8.5 2.5.8.7.9 1.8.5 2.700l-.6 1.300c-.4.8-1.3 1.1-2.1.8l-2.5-.9c-.7-.3-1.2-.9-1.2-1.600v-1.200a9.7 9.7 0 0 0-5.2 0V14c0 .7-.5 1.4-1.2 1.600l-2.5.9c-.8.3-1.7 0-2.1-.8L3 14.400c-.4-.9-.3-2 .5-2.7 1.9-1.6 4.8-2.5 8.5-2.500Z" fill="currentColor" stroke="none" />,
  down: <path d="m6.5 9.5 5.5 5.5 5.5-5.5" />,
  up: <path d="m6.5 14.5 5.5-5.5 5.5 5.5" />,
  close: <path d="m6 6 12 12M18 6 6 18" />,
  send: <path d="M4.5 12 3.3 5.300a.9.9 0 0 1 1.3-1l15.6 7a.8.8 0 0 1 0 1.400l-15.6 7a.9.9 0 0 1-1.3-1L4.5 12Zm0 0H12" />,
  copy: <><rect x="8.5" y="8.5" width="11.5" height="11.5" rx="2.5" /><path d="M15.5 8.500V6.500A2.5 2.5 0 0 0 13 4H6.500A2.5 2.5 0 0 0 4 6.500V13a2.5 2.5 0 0 0 2.5 2.500h2" /></>,
  check: <path d="m5 12.5 4.5 4.500L19 7.5" />,
  refresh: <path d="M19.5 12a7.5 7.5 0 1 1-2.2-5.300L20 9.300M20 4.500v4.800h-4.8" />,
  speaker: <path d="M4 9.500v5h3.500L12 18.500v-13L7.5 9.500H4ZM15.5 9a4.2 4.2 0 0 1 0 6M18 6.500a8 8 0 0 1 0 11" />,
  speakerOff: <path d="M4 9.500v5h3.500L12 18.500v-13L7.5 9.500H4ZM16 9.500l5 5m0-5-5 5" />,
  live: <><circle cx="12" cy="12" r="2.4" /><path d="M8 16a5.700 5.700 0 0 1 0-8M16 8a5.700 5.700 0 0 1 0 8M5.200 18.800a9.600 9.600 0 0 1 0-13.600M18.800 5.200a9.600 9.600 0 0 1 0 13.600" /></>,
  eye: <><path d="M2.500 12S6 5.500 12 5.500 21.500 12 21.500 12 18 18.500 12 18.500 2.500 12 2.500 12Z" /><circle cx="12" cy="12" r="2.800" /></>,
  more: <path d="M5.5 12h.01M12 12h.01M18.5 12h.01" strokeWidth="2.8" />,
  keyboard: <><rect x="2.5" y="6" width="19" height="12" rx="2.5" /><path d="M6.5 10h.01M10 10h.01M13.5 10h.01M17.5 10h.01M8 14h8" /></>,
  lock: <><rect x="5" y="10.5" width="14" height="9.5" rx="2.5" /><path d="M8.5 10.500V8a3.5 3.5 0 0 1 7 0v2.5" /></>,
  warning: <path d="M12 9.500v4m0 3h.01M10.4 4.9 3.2 17.300A1.9 1.9 0 0 0 4.8 20h14.400a1.9 1.9 0 0 0 1.6-2.700L13.6 4.900a1.9 1.9 0 0 0-3.2 0Z" />,
  arrow: <path d="M5 12h14m-5.5-5.500L19 12l-5.5 5.5" />,
  back: <path d="M19 12H5m5.5-5.500L5 12l5.5 5.5" />,
  expand: <path d="M4.5 9.500v-5h5m5 0h5v5m0 5v5h-5m-5 0h-5v-5" />,
  shrink: <path d="M9.5 4.500v5h-5m15 0h-5v-5m0 15v-5h5m-15 0h5v5" />,
  dice: <><rect x="4" y="4" width="16" height="16" rx="4" /><path d="M8.8 8.800h.01M15.2 8.800h.01M12 12h.01M8.8 15.200h.01M15.2 15.200h.01" strokeWidth="2.4" /></>,
  stages: <><circle cx="5" cy="17.5" r="2.3" /><circle cx="12" cy="6.5" r="2.3" /><circle cx="19" cy="17.5" r="2.3" /><path d="M6.3 15.500 10.700 8.500M13.300 8.500l4.400 7M7.500 17.500h9" /></>,
  left: <path d="m14.5 5.500-6.5 6.500 6.5 6.500" />,
  right: <path d="m9.5 5.500 6.5 6.500-6.5 6.500" />,
  pin: <path d="M9 3.500h6l-.8 6 3.300 3.500v1.500h-11V13l3.300-3.500-.8-6ZM12 14.500V21" />,
  mirror: <path d="M12 3v18M8.500 7 3.500 17h5V7Zm7 0 5 10h-5V7Z" />,
  eyeOff: <path d="M4 4l16 16M9.900 5.700A9.500 9.500 0 0 1 12 5.500c5 0 8.300 4 9.300 6.500a12 12 0 0 1-2.500 3.600M6.300 7.700A12 12 0 0 0 2.700 12c1 2.500 4.300 6.500 9.300 6.500 1.600 0 3-.4 4.300-1M9.900 10a3 3 0 0 0 4.100 4.100" />,
  layout: <><rect x="3" y="4.500" width="12" height="15" rx="2.200" /><path d="M18.500 5h1.200c.7 0 1.300.6 1.300 1.300V9h-2.500V5ZM18.500 11h2.500v3h-2.500v-3ZM18.500 16h2.500v1.700c0 .7-.6 1.300-1.300 1.300h-1.200v-3Z" /></>,
  hand: <path d="M8 12V5.800a1.400 1.400 0 0 1 2.800 0V11V4.400a1.400 1.400 0 0 1 2.800 0V11V5.600a1.400 1.400 0 0 1 2.800 0V12.500 9.200a1.400 1.400 0 0 1 2.800 0V14.500c0 4-2.600 6.500-6.200 6.500-2.600 0-4.200-1-5.500-3.200L4.700 13.600c-.9-1.500 1-2.800 2.200-1.500L8 13.300V12Z" />,
  smile: <><circle cx="12" cy="12" r="8.500" /><path d="M8.500 14c.8 1.400 2 2.200 3.500 2.200s2.700-.8 3.500-2.200M9.200 9.500h.01M14.800 9.500h.01" /></>,
  captions: <><rect x="3" y="5.500" width="18" height="13" rx="2.500" /><path d="M10.500 10.500c-1.500-1.100-3.500-.3-3.500 1.500s2 2.600 3.500 1.500M17 10.500c-1.500-1.100-3.500-.3-3.500 1.500s2 2.600 3.500 1.500" /></>,
  chart: <path d="M4 20V4M4 20h16M8.500 16v-4M12.500 16V8.500M16.500 16v-6" />,
  pip: <><rect x="3" y="4.500" width="18" height="15" rx="2.500" /><rect x="11.500" y="11.500" width="7" height="5.500" rx="1" fill="currentColor" stroke="none" /></>,
  shield: <path d="M12 3.500 5 6v5.500c0 4.300 2.900 7.500 7 9 4.100-1.500 7-4.700 7-9V6l-7-2.500Z" />,
  download: <path d="M12 4v11m-4-4 4 4 4-4M5 19.500h14" />,
  pen: <path d="m4.500 19.500.9-3.800L15.800 5.300a1.900 1.900 0 0 1 2.700 0l.2.2a1.900 1.900 0 0 1 0 2.700L8.300 18.600l-3.800.9ZM14 7l3 3" />,
  pointer: <path d="m5.500 4.500 5.200 14.300 2.200-5.900 5.900-2.200L5.500 4.500Z" />,
  plus: <path d="M12 5.500v13M5.500 12h13" />,
  minus: <path d="M5.500 12h13" />,
  out: <path d="M10 4.500H6.500A2 2 0 0 0 4.500 6.500v11a2 2 0 0 0 2 2H10M14.500 8l4 4-4 4M18.500 12H9" />,
  clock: <><circle cx="12" cy="12" r="8" /><path d="M12 7.500V12l3 2" /></>,
} as const satisfies Record<string, ReactNode>

export type IconName = keyof typeof SHAPES

/** Arrows that point along the line: the other way where lines run from right to left. */
const TURNED: ReadonlySet<string> = new Set(['arrow', 'back', 'left', 'right', 'send', 'out'])

export function Icon({ name, size = 22 }: { name: IconName; size?: number }): ReactNode {
  return (
    <svg
      className={TURNED.has(name) ? 'icon turned' : 'icon'}
      viewBox="0 0 24 24"
      width={size}
      height={size}
      fill="none"
      stroke="currentColor"
      strokeWidth="1.8"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      {SHAPES[name]}
    </svg>
  )
}
