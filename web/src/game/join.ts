/**
 * From a page to a match: a token from the server, a seat in the room, its data channels and its voices.
 *
 *     import { play } from '/game.js'
 *     const match = await play('arena-1', { name: 'Ada' }, { told: (data) => … })
 */

import { ConnectionState, Room, RoomEvent, Track, type RemoteTrack } from 'livekit-client'
import { requestJoin, socketUrl } from '../room/api'
import { saveIdentity, savedIdentity } from '../room/device'
import { takeSeat } from '../room/seat'
import { GameClient, type GameEvents } from './game'
import { SERVER, TOPIC } from './wire'

export interface PlayOptions {
  readonly name: string
  /** Only watch. */
  readonly spectate?: boolean
  /** Where the server is, when the page comes from elsewhere: a token of its own and `wss://…`. */
  readonly at?: { readonly url: string; readonly token: string }
}

export interface MatchEvents extends GameEvents {
  /** `lost` while the connection comes back by itself; `left` when it will not. */
  readonly state?: (state: 'playing' | 'lost' | 'left') => void
  /** Who speaks now, by identity. */
  readonly speakers?: (identities: readonly string[]) => void
}

export interface Match {
  readonly game: GameClient
  /** The call's own room, for whatever a page wants beyond the game. */
  readonly room: Room
  /** Turns my microphone on or off; rejects when the browser or the person refuses. */
  voice(on: boolean): Promise<void>
  leave(): Promise<void>
}

/** Reliable packets that wait for their channel; older ones go first. */
const MOST_WAITING = 32

/** Rejects with the server's `ApiError` (`room_not_found` …) or the call library's error. */
export async function play(name: string, options: PlayOptions, events: MatchEvents = {}): Promise<Match> {
  const seat = await takeSeat(name)
  try {
    const match = await enter(name, seat.number, options, events)
    match.room.once(RoomEvent.Disconnected, () => seat.release())
    return match
  } catch (error) {
    seat.release()
    throw error
  }
}

async function enter(name: string, seat: number, options: PlayOptions, events: MatchEvents): Promise<Match> {
  const place = options.at ?? (await ticket(name, seat, options.name))
  const room = new Room({ adaptiveStream: false, dynacast: false })
  const waiting: Uint8Array[] = []
  const send = (payload: Uint8Array, reliable: boolean): void => {
    if (room.state !== ConnectionState.Connected) {
      if (reliable && waiting.push(payload) > MOST_WAITING) waiting.shift()
      return
    }
    // A packet that cannot leave now is old before it could: inputs repeat themselves.
    room.localParticipant
      .publishData(payload as Uint8Array<ArrayBuffer>, { reliable, topic: TOPIC, destinationIdentities: [SERVER] })
      .catch(() => undefined)
  }
  const game = new GameClient({ send }, events)
  room.on(RoomEvent.DataReceived, (payload, participant, _kind, topic) => {
    // From the server alone: another player's packet has a participant.
    if (topic === TOPIC && !participant) game.hear(payload)
  })
  room.on(RoomEvent.TrackSubscribed, (track: RemoteTrack) => track.kind === Track.Kind.Audio && document.body.append(track.attach()))
  room.on(RoomEvent.TrackUnsubscribed, (track: RemoteTrack) => track.detach().forEach((element) => element.remove()))
  room.on(RoomEvent.ActiveSpeakersChanged, (speakers) => events.speakers?.(speakers.map(({ identity }) => identity)))
  room.on(RoomEvent.Reconnecting, () => events.state?.('lost'))
  room.on(RoomEvent.Reconnected, () => {
    game.hello(options.spectate)
    events.state?.('playing')
  })
  room.on(RoomEvent.Disconnected, () => events.state?.('left'))
  await room.connect(place.url, place.token)
  game.hello(options.spectate)
  for (const payload of waiting.splice(0)) send(payload, true)
  events.state?.('playing')
  return {
    game,
    room,
    async voice(on) {
      await room.startAudio()
      await room.localParticipant.setMicrophoneEnabled(on)
    },
    leave: () => room.disconnect(),
  }
}

async function ticket(room: string, seat: number, name: string): Promise<{ url: string; token: string }> {
  const answer = await requestJoin({ room, name, ...(savedIdentity(seat) ?? {}) })
  // The next load of the page is the same person, and finds the seat it had.
  if (answer.identity) saveIdentity(seat, { identity: answer.identity, identity_key: answer.identity_key })
  return { url: socketUrl(answer.url, location), token: answer.token }
}
