/** Loads the room's screen once it will be needed: the front page and pre-join do without its code. Called by `RoomPage`. */

import type { ComponentType } from 'react'
import { ApiError } from '../room/api'
import type { EndReason } from '../room/snapshot'

export type Screen = ComponentType<{ onEnd: (reason: EndReason) => void }>

/** Raises ApiError `unreachable`; the browser keeps what it has loaded, and asks again for what it has not. */
export async function loadScreen(): Promise<Screen> {
  try {
    return (await import('./RoomScreen')).RoomScreen
  } catch {
    throw new ApiError('unreachable', 'the room did not load')
  }
}
