/**
 * How this person looks at rooms: layout, mirror, oneself hidden, the corner of one's own picture, and the pin. All but the
 * pin is remembered by the device. A store like the session; made once for the page, read through `useLook`.
 */

import { useSyncExternalStore } from 'react'
import { isRecord, readDevice, writeDevice } from './device'
import { LAYOUTS, type Layout } from './layout'

export const CORNERS = ['top-left', 'top-right', 'bottom-right', 'bottom-left'] as const
export type Corner = (typeof CORNERS)[number]

export interface LookState {
  readonly layout: Layout
  readonly hideSelf: boolean
  /** One's own camera as in a mirror. */
  readonly mirror: boolean
  readonly corner: Corner
  readonly captions: boolean
  readonly captionSize: number
  readonly pinned: string | null
}

const DEFAULT: LookState = { layout: 'auto', hideSelf: false, mirror: true, corner: 'bottom-right', captions: true, captionSize: 100, pinned: null }
export const CAPTION_SIZES = [75, 100, 150, 200] as const

export class Look {
  private readonly listeners = new Set<() => void>()
  private current: LookState

  constructor() {
    this.current = { ...DEFAULT, ...remembered() }
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }
  snapshot = (): LookState => this.current

  set(change: Partial<LookState>): void {
    this.current = { ...this.current, ...change }
    writeDevice('look', { ...this.current, pinned: null })
    for (const listener of this.listeners) listener()
  }

  /** Pins, or unpins what is pinned. */
  pin(id: string): void {
    this.set({ pinned: this.current.pinned === id ? null : id })
  }
}

function remembered(): Partial<LookState> {
  const value = readDevice('look')
  if (!isRecord(value)) return {}
  const layout = LAYOUTS.find((one) => one === value['layout'])
  const corner = CORNERS.find((one) => one === value['corner'])
  const size = CAPTION_SIZES.find((one) => one === value['captionSize'])
  return {
    ...(layout ? { layout } : {}),
    ...(corner ? { corner } : {}),
    ...(size ? { captionSize: size } : {}),
    hideSelf: value['hideSelf'] === true,
    mirror: value['mirror'] !== false,
    captions: value['captions'] !== false,
  }
}

export const look = new Look()
export const useLook = (): LookState => useSyncExternalStore(look.subscribe, look.snapshot)
