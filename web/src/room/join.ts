/** The way in: token from the server, library, connection, devices. Called by the room page; keeps what the device keeps. */

import { requestJoin, socketUrl, ApiError, Waiting, type JoinAnswer, type JoinRequest } from './api'
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

export interface Door {
  /** Called when somebody must let one in; then the promise stays open until they do, or refuse. */
  readonly waiting: () => void
  /** Whoever gives up waiting: rejects with ApiError `left`. */
  readonly signal: AbortSignal
}

/** A way into a room: raises ApiError. */
export type Enter = (room: string, name: string, choice: DeviceChoice, door: Door) => Promise<Joined>

const KNOCK_MS = 3_000
/** A token is for ten minutes; one for `/api/room` is asked for anew a little before. */
const TOKEN_MS = 8 * 60_000

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
export async function join(room: string, name: string, choice: DeviceChoice, door: Door): Promise<Joined> {
  const seat = await takeSeat(room)
  try {
    const joined = await joinAt(seat.number, room, name, choice, door)
    joined.session.subscribe(() => joined.session.snapshot().phase === 'ended' && seat.release())
    return joined
  } catch (error) {
    seat.release()
    throw error
  }
}

async function joinAt(seat: number, room: string, name: string, choice: DeviceChoice, door: Door): Promise<Joined> {
  const known = savedIdentity(seat)
  const key = hostKey(room)
  const [answer, { LiveSession }] = await Promise.all([
    knock(seat, { room, name, ...(known ?? {}), ...(key ? { host_key: key } : {}) }, door).catch((error: unknown) => {
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
  const session = new LiveSession(answer.room, choice, tokens(answer, name, key))
  window.__roomful = { room: session.room }
  try {
    await session.connect(socketUrl(answer.url, location), answer.token)
  } catch (error) {
    throw new ApiError('connect_failed', error instanceof Error ? error.message : String(error))
  }
  rememberRoom(answer.room, Date.now())
  const quiet = answer.quiet && choice.audio
  void session.publish({ ...choice, audio: choice.audio && !quiet })
  if (quiet) session.tell({ kind: 'quiet' })
  return { session, host: answer.host }
}

/** Asks until there is an answer, as the same one each time. */
async function knock(seat: number, request: JoinRequest, door: Door): Promise<JoinAnswer> {
  let asked = request
  let told = false
  for (;;) {
    try {
      return await requestJoin(asked)
    } catch (error) {
      // While one waits, a full bucket or a server that starts anew is a reason to ask later.
      const later = told && error instanceof ApiError && (error.code === 'too_many_requests' || error.code === 'unreachable')
      if (!(error instanceof Waiting) && !later) throw error
      if (error instanceof Waiting) {
        const { identity, identity_key } = error
        asked = { ...asked, identity, identity_key }
        saveIdentity(seat, { identity, identity_key })
        if (!told) door.waiting()
        told = true
      }
    }
    await pause(door.signal)
  }
}

function pause(signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const left = (): void => {
      clearTimeout(timer)
      reject(new ApiError('left', 'nobody waits any more'))
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', left)
      resolve()
    }, KNOCK_MS)
    if (signal.aborted) left()
    else signal.addEventListener('abort', left, { once: true })
  })
}

/** For `/api/room`: the token of joining while it holds, then others. */
function tokens(answer: JoinAnswer, name: string, key: string): () => Promise<string> {
  let token = answer.token
  let since = performance.now()
  return async () => {
    if (performance.now() - since > TOKEN_MS) {
      const { identity, identity_key, room } = answer
      token = (await requestJoin({ room, name, identity, identity_key, ...(key ? { host_key: key } : {}) })).token
      since = performance.now()
    }
    return token
  }
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
