/**
 * What a meeting has beyond media: roles, hands, reactions, captions, and what hosts do. Made by `LiveSession`, which it tells of
 * each change. What comes in is from strangers: topics and texts are checked, and floods are bounded here.
 */

import { RoomEvent, type Participant, type RemoteParticipant, type Room } from 'livekit-client'
import { stillShown, withCaption, type CaptionLine } from './captions'
import { askHouse, moderates, roleOf, type Act, type House, type Role } from './house'
import { reactionOf, Reactions, type Reaction } from './reactions'
import type { MeetingActions, MeetingView, Notice } from './snapshot'

const REACTION_TOPIC = 'roomful.reaction'
const GOVERNED_TOPIC = 'roomful.room'
const TRANSCRIPTION_TOPIC = 'lk.transcription'
const ROLE = 'roomful.role'
const HAND = 'roomful.hand'
const FORGET_MS = 500
/** A hint to look again is heeded this often at most: anybody could send one. */
const LOOK_MS = 700

export const roleIn = (one: Participant): Role => roleOf(one.attributes[ROLE])
/** When the hand was raised, Unix time in ms; 0 when it is not. */
export const handOf = (one: Participant): number => Number(one.attributes[HAND] ?? 0) || 0

export interface MeetingOptions {
  readonly room: Room
  /** A token that holds now, for `/api/room`. */
  readonly token: () => Promise<string>
  readonly changed: () => void
  readonly notify: (notice: Notice) => void
}

const nameOf = (one: Participant | undefined): string => one?.name || one?.identity || ''

export class Meeting implements MeetingActions {
  private readonly reactions = new Reactions()
  private captions: readonly CaptionLine[] = []
  private house: House | null = null
  private role: Role = 'speaker'
  private looking: ReturnType<typeof setTimeout> | null = null
  private timer: ReturnType<typeof setInterval> | null = null

  constructor(private readonly options: MeetingOptions) {
    const { room } = options
    room.on(RoomEvent.DataReceived, (payload, from, _, topic) => this.heard(payload, from, topic))
    room.on(RoomEvent.ParticipantAttributesChanged, (changed, one) => this.attributes(changed, one))
    room.on(RoomEvent.Connected, () => this.look())
    room.on(RoomEvent.Reconnected, () => this.look())
    room.on(RoomEvent.TranscriptionReceived, (segments, from) => {
      for (const one of segments) this.caption(one.id, from, one.text, one.final)
    })
    room.registerTextStreamHandler(TRANSCRIPTION_TOPIC, (reader, { identity }) => {
      const from = room.getParticipantByIdentity(identity)
      const { attributes, id } = reader.info
      const segment = attributes?.['lk.segment_id'] ?? id
      void this.follow(segment, from, reader, attributes?.['lk.transcription_final'] === 'true')
    })
    room.on(RoomEvent.Disconnected, () => this.stop())
  }

  view(): MeetingView {
    return { role: this.role, reactions: this.reactions.shown, captions: this.captions, house: this.house }
  }

  async setHand(up: boolean): Promise<void> {
    await this.options.room.localParticipant.setAttributes({ [HAND]: up ? '1' : '' }).catch(() => this.options.notify({ kind: 'not_done' }))
  }

  async react(reaction: Reaction): Promise<void> {
    const { localParticipant } = this.options.room
    // What would not count with the others is not sent either.
    if (!this.reactions.add(localParticipant.identity, nameOf(localParticipant), reaction, performance.now())) return
    this.shown()
    await localParticipant
      .publishData(new TextEncoder().encode(reaction), { reliable: true, topic: REACTION_TOPIC })
      .catch(() => this.options.notify({ kind: 'not_done' }))
  }

  async moderate(act: Act): Promise<boolean> {
    try {
      this.house = (await askHouse(await this.options.token(), act)) ?? this.house
      this.options.changed()
      return true
    } catch {
      this.options.notify({ kind: 'not_done' })
      this.look()
      return false
    }
  }

  private heard(payload: Uint8Array, from: RemoteParticipant | undefined, topic: string | undefined): void {
    if (topic === GOVERNED_TOPIC) this.look()
    if (topic !== REACTION_TOPIC || !from || payload.byteLength > 32) return
    const reaction = reactionOf(new TextDecoder().decode(payload))
    if (reaction && this.reactions.add(from.identity, nameOf(from), reaction, performance.now())) this.shown()
  }

  private attributes(changed: Readonly<Record<string, string>>, one: Participant): void {
    if (one.isLocal) this.look()
    else if (changed[HAND] && handOf(one)) this.options.notify({ kind: 'hand', name: nameOf(one) })
    this.options.changed()
  }

  /** One's role may be another, and then there is something to see. */
  private look(): void {
    const role = roleIn(this.options.room.localParticipant)
    if (role !== this.role) {
      const first = this.role === 'speaker' && role === 'host'
      this.role = role
      if (!first) this.options.notify({ kind: 'role', role })
      this.options.changed()
    }
    if (!moderates(role)) {
      this.house = null
      return
    }
    this.looking ??= setTimeout(() => {
      this.looking = null
      void this.see()
    }, this.house ? LOOK_MS : 0)
  }

  private async see(): Promise<void> {
    try {
      const before = new Set(this.house?.waiting.map((one) => one.identity))
      this.house = await askHouse(await this.options.token(), null)
      for (const one of this.house?.waiting ?? []) if (!before.has(one.identity)) this.options.notify({ kind: 'waiting', name: one.name })
      this.options.changed()
    } catch {
      // The next hint asks again; what is shown is older, and the server decides all the same.
    }
  }

  private async follow(segment: string, from: Participant | undefined, reader: AsyncIterable<string>, final: boolean): Promise<void> {
    let text = ''
    try {
      for await (const chunk of reader) {
        text = (text + chunk).slice(-1_000)
        this.caption(segment, from, text, false)
      }
    } catch {
      // Its sender vanished half-way.
    }
    this.caption(segment, from, text, final)
  }

  private caption(id: string, from: Participant | undefined, text: string, final: boolean): void {
    const line = { id: `${from?.identity ?? ''}/${id}`, name: nameOf(from), text, final, at_ms: performance.now() }
    this.captions = withCaption(this.captions, line)
    this.shown()
  }

  /** Something is seen that goes by itself. */
  private shown(): void {
    this.timer ??= setInterval(() => this.forget(), FORGET_MS)
    this.options.changed()
  }

  private forget(): void {
    const now = performance.now()
    const gone = this.reactions.forget(now)
    const captions = stillShown(this.captions, now)
    if (gone || captions !== this.captions) {
      this.captions = captions
      this.options.changed()
    }
    if (this.reactions.shown.length + captions.length === 0) this.stop()
  }

  private stop(): void {
    if (this.timer !== null) clearInterval(this.timer)
    this.timer = null
  }
}
