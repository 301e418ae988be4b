/** The way into a direct call: signaling over the relay, devices, links. Called by the room page as `join` is. */

import { peerPath } from '../app/route'
import { ApiError, requestIceServers } from '../room/api'
import type { DeviceChoice } from '../room/device'
import type { Joined } from '../room/join'
import { watch } from '../stages/watch'

/** Raises ApiError: `room_full`, `refused`, `unreachable`, `connect_failed`. */
export async function joinPeers(room: string, name: string, choice: DeviceChoice): Promise<Joined> {
  if (!('RTCPeerConnection' in window)) throw new ApiError('connect_failed', 'this browser has no WebRTC')
  watch() // before the first connection is made
  const [{ PeerSession }, { RelaySignaling }, iceServers] = await Promise.all([
    import('./session'),
    import('./relay-signaling'),
    requestIceServers(),
  ])
  const session = new PeerSession({
    room,
    path: peerPath(room),
    self: { peer: randomId(), name: name.trim() || 'Guest' },
    choice,
    signaling: new RelaySignaling(location),
    iceServers,
  })
  window.__roomful = { peers: session }
  try {
    await session.connect()
  } catch (error) {
    await session.leave()
    throw new ApiError(codeOf(error), 'signaling ended')
  }
  return { session, host: false }
}

function codeOf(error: unknown): string {
  switch (error instanceof Error ? error.message : '') {
    case 'full':
      return 'room_full'
    case 'refused':
      return 'refused'
    default:
      return 'unreachable'
  }
}

function randomId(): string {
  return [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(36).padStart(2, '0')).join('')
}
