/** Which key does what. Single letters; they rest while somebody types and can be switched off (WCAG 2.2 §2.1.4). */

export const KEYS = {
  microphone: 'M',
  camera: 'V',
  share: 'S',
  chat: 'C',
  people: 'P',
  view: 'L',
  invite: 'I',
  stages: 'W',
  stats: 'N',
  talk: 'Space',
  hand: 'H',
  leave: 'Q',
  help: '?',
} as const

export type Action = keyof typeof KEYS

interface Pressed {
  readonly key: string
  readonly ctrlKey: boolean
  readonly metaKey: boolean
  readonly altKey: boolean
  readonly repeat: boolean
}

export function actionOf(pressed: Pressed): Action | null {
  if (pressed.ctrlKey || pressed.metaKey || pressed.altKey || pressed.repeat) return null
  const key = pressed.key === ' ' ? 'Space' : pressed.key.toUpperCase()
  for (const [action, one] of Object.entries(KEYS)) if (one === key) return action as Action
  return null
}

/** Whether the space bar presses what has the focus. */
export function takesSpace(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches('button, a, summary, [role=button], [role=log], [tabindex="0"]')
}

/** Whether keys pressed here are text, or choose by letter in a list. */
export function takesText(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  return target.isContentEditable || target.matches('input, textarea, select, [role=listbox] *, [role=menu] *')
}
