/** The way in: token from the server, library, connection, devices. Called by the room page; keeps what the device keeps. */

import { requestJoin, socketUrl, ApiError } from './api'
import {
  forgetHostKeys,
  hostKey,
  rememberRoom,
  saveIdentity,
  savedIdentity,
  type DeviceChoice,
} from './device'
import { watch } from '../stages/watch'
import { loadLibrary } from './library'
import { takeSeat } from './seat'
import type { RoomSession } from './snapshot'

/** A way into a room: raises ApiError. */
export type Enter = (room: string, name: string, choice: DeviceChoice) => Promise<Joined>

export interface Joined {
  readonly session: RoomSession
  readonly host: boolean
}

declare global {
  interface Window {
    /** For tests and for looking at a live call: the call library's Room. Nothing in the app reads it. */
    __roomful?: { room?: import('livekit-client').Room; peers?: import('../peer/session').PeerSession }
  }
}

/** Raises ApiError; `connect_failed` when the server gave a token and the call still did not come about. */
export async function join(room: string, name: string, choice: DeviceChoice): Promise<Joined> {
  const seat = await takeSeat(room)
  try {
    const joined = await joinAt(seat.number, room, name, choice)
    joined.session.subscribe(() => joined.session.snapshot().phase === 'ended' && seat.release())
    return joined
  } catch (error) {
    seat.release()
    throw error
  }
}

async function joinAt(seat: number, room: string, name: string, choice: DeviceChoice): Promise<Joined> {
  const known = savedIdentity(seat)
  const key = hostKey(room)
  const [answer, { LiveSession }] = await Promise.all([
    requestJoin({ room, name, ...(known ?? {}), ...(key ? { host_key: key } : {}) }).catch((error: unknown) => {
      if (error instanceof ApiError && error.code === 'host_key_invalid') forgetHostKeys()
      throw error
    }),
    loadLibrary()
      .then(() => import('./session'))
      .catch(() => {
        throw new ApiError('unreachable', 'the call code did not load')
      }),
  ])
  if (answer.identity) saveIdentity(seat, { identity: answer.identity, identity_key: answer.identity_key })
  ensureRandomUuid()
  watch() // before the call code makes its first connection
  const session = new LiveSession(answer.room, choice)
  window.__roomful = { room: session.room }
  try {
    await session.connect(socketUrl(answer.url, location), answer.token)
  } catch (error) {
    throw new ApiError('connect_failed', error instanceof Error ? error.message : String(error))
  }
  rememberRoom(answer.room, Date.now())
  void session.publish(choice)
  return { session, host: answer.host }
}

/** crypto.randomUUID exists in secure contexts only; chat without it fails on plain http in a LAN (RFC 9562 §5.4). */
function ensureRandomUuid(): void {
  const webCrypto: Crypto = crypto
  if ('randomUUID' in crypto) return
  const make = (): `${string}-${string}-${string}-${string}-${string}` => {
    const bytes = webCrypto.getRandomValues(new Uint8Array(16))
    bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
    bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
    const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
  }
  Object.defineProperty(crypto, 'randomUUID', { value: make })
}
