/**
 * A call without a server in the media path: everybody linked with everybody. Implements RoomSession, so the room's
 * screens show it as they show any other. Made by `join`; signaling and devices are given, so that tests need neither.
 */

import { withLine } from '../room/chat'
import { saveDeviceChoice, type DeviceChoice } from '../room/device'
import { deviceProblem } from '../room/reason'
import type {
  ChatLine,
  DeviceKind,
  DeviceList,
  NoticeEntry,
  ParticipantView,
  Quality,
  RoomSession,
  RoomSnapshot,
  ScreenView,
  Switch,
} from '../room/snapshot'
import { RoomView } from '../room/view'
import { PeerLink } from './link'
import { OwnMedia } from './own'
import { playable } from './playable'
import { countersOf, qualityOf, type Counters } from './quality'
import type { Member, Signaling, SignalMessage } from './signaling'
import { cleanName, type PeerMessage, type Presence } from './wire'

/** Links at once. Everybody sends to everybody, so an up-link ends this long before a server's would. */
export const MOST_PEERS = 8
const MEASURE_MS = 2_000
const LISTEN_MS = 200
/** Audio level (0…1, linear) from which somebody speaks, and how long they are shown as speaking after it. */
const SPEAKING = 0.02
const SPEAKING_MS = 700

type Kind = 'mic' | 'camera' | 'share'

interface Peer {
  readonly id: string
  readonly link: PeerLink
  readonly since: number
  presence: Presence
  quality: Quality
  counters: Counters | null
  spoke_ms: number
  /** Not in the room as the server sees it. As long as the link holds, that is no matter. */
  absent: boolean
  readonly sounds: Map<MediaStreamTrack, HTMLAudioElement>
}

export interface PeerOptions {
  readonly room: string
  readonly path: string
  readonly self: Member
  readonly choice: DeviceChoice
  readonly signaling: Signaling
  readonly iceServers: readonly RTCIceServer[]
}

export class PeerSession implements RoomSession {
  readonly meeting = null
  private readonly view: RoomView
  private readonly peers = new Map<string, Peer>()
  private readonly own: OwnMedia
  private readonly busy = new Set<Kind>()
  private chat: readonly ChatLine[] = []
  private end: RoomSnapshot['end'] = null
  private up = false
  private blocked = false
  private readonly timers: ReturnType<typeof setInterval>[] = []

  constructor(private readonly options: PeerOptions) {
    this.own = new OwnMedia(options.choice, () => this.spread())
    this.view = new RoomView((notices) => this.build(notices))
  }

  /** Devices first, so that the first offer carries them. Rejects with what signaling rejects. */
  async connect(): Promise<void> {
    const { audio, video } = this.own.choice
    await Promise.all([audio ? this.setMic(true) : null, video ? this.setCamera(true) : null])
    await this.options.signaling.join(this.options.room, this.options.self, {
      present: (members) => members.forEach((one) => this.meet(one)),
      joined: (member) => this.view.notify({ kind: 'joined', name: cleanName(member.name) }),
      left: (peer) => this.absent(peer),
      message: (from, message) => this.heard(from, message),
      state: (up) => {
        this.up = up
        this.view.changed()
      },
      ended: (code) => this.finish(code === 'full' || code === 'refused' ? 'refused' : 'lost'),
    })
    this.up = true
    this.timers.push(setInterval(() => void this.measure(), MEASURE_MS), setInterval(() => this.listenForSpeech(), LISTEN_MS))
    addEventListener('online', this.restart)
    addEventListener('pagehide', this.bye)
    this.view.changed()
  }

  subscribe(listener: () => void): () => void {
    return this.view.subscribe(listener)
  }

  snapshot(): RoomSnapshot {
    return this.view.snapshot()
  }

  setMic(on: boolean): Promise<void> {
    saveDeviceChoice({ audio: on })
    return this.switching('mic', async () => {
      const track = this.own.tracks.get('mic')
      if (track) {
        track.enabled = on
        this.tell()
      } else if (on) await this.own.open('mic')
    })
  }

  setCamera(on: boolean): Promise<void> {
    saveDeviceChoice({ video: on })
    return this.switching('camera', async () => {
      if (on) await this.own.open('camera')
      else this.own.drop('camera') // released, so that its light goes out
    })
  }

  setShare(on: boolean): Promise<void> {
    return this.switching('share', async () => {
      if (on) await this.own.share()
      else this.own.drop('screen', 'screenAudio')
    })
  }

  sendChat(text: string): Promise<boolean> {
    const { self } = this.options
    const message = { kind: 'chat', id: `${self.peer}:${this.chat.length}:${Date.now()}`, text, at: Date.now() } as const
    const sent = [...this.peers.values()].filter((peer) => peer.link.open).map((peer) => peer.link.send(message))
    if (sent.includes(false)) {
      this.view.notify({ kind: 'chat_failed' })
      return Promise.resolve(false)
    }
    this.chat = withLine(this.chat, { ...message, identity: self.peer, name: self.name, isLocal: true, edited: false })
    this.view.changed()
    return Promise.resolve(true)
  }

  async startAudio(): Promise<void> {
    const elements = [...this.peers.values()].flatMap((peer) => [...peer.sounds.values()])
    this.blocked = false
    await Promise.all(elements.map((element) => element.play().catch(() => (this.blocked = true))))
    this.view.changed()
  }

  devices(kind: DeviceKind): Promise<DeviceList> {
    return this.own.devices(kind)
  }

  async useDevice(kind: DeviceKind, id: string): Promise<void> {
    this.own.choose(kind, id)
    if (kind === 'audiooutput') {
      const elements = [...this.peers.values()].flatMap((peer) => [...peer.sounds.values()])
      await Promise.all(elements.map((element) => element.setSinkId(id).catch(() => undefined)))
      return
    }
    const source = kind === 'audioinput' ? 'mic' : 'camera'
    const before = this.own.tracks.get(source)
    if (before) await this.switching(source, () => this.own.open(source, before.enabled))
  }

  dismiss(notice: number): void {
    this.view.dismiss(notice)
  }

  leave(): Promise<void> {
    this.finish('left')
    return Promise.resolve()
  }

  // The others

  private meet(member: Member): void {
    const known = this.peers.get(member.peer)
    if (known) {
      known.absent = false
      if (known.link.connection.connectionState !== 'connected') known.link.restart()
      return
    }
    this.link(member.peer, member.name)?.link.use(this.own.tracks)
  }

  private heard(from: string, message: SignalMessage): void {
    if (message.kind === 'bye') {
      this.gone(from)
      return
    }
    const peer = this.peers.get(from) ?? (message.kind === 'description' ? this.link(from, '') : undefined)
    peer?.link.handle(message, this.own.tracks)
  }

  private link(id: string, name: string): Peer | undefined {
    if (this.end || id === this.options.self.peer || this.peers.size >= MOST_PEERS) return undefined
    const link = new PeerLink({
      polite: this.options.self.peer < id,
      iceServers: this.options.iceServers,
      events: {
        signal: (message) => this.options.signaling.send(id, message),
        message: (message) => this.told(id, message),
        changed: () => this.heardTracks(id),
        opened: () => link.send(this.presence()),
        failed: () => this.gone(id),
      },
    })
    const peer: Peer = {
      id,
      link,
      since: performance.now(),
      presence: { kind: 'presence', name: cleanName(name), mic: false, camera: false, screen: false },
      quality: 'unknown',
      counters: null,
      spoke_ms: -Infinity,
      absent: false,
      sounds: new Map(),
    }
    this.peers.set(id, peer)
    this.view.changed()
    return peer
  }

  private absent(id: string): void {
    const peer = this.peers.get(id)
    if (!peer) return
    peer.absent = true
    if (peer.link.connection.connectionState !== 'connected') this.gone(id)
  }

  private gone(id: string): void {
    const peer = this.peers.get(id)
    if (!peer) return
    this.peers.delete(id)
    peer.link.close()
    for (const element of peer.sounds.values()) silence(element)
    this.view.notify({ kind: 'departed', name: peer.presence.name })
  }

  private told(id: string, message: PeerMessage): void {
    const peer = this.peers.get(id)
    if (!peer) return
    if (message.kind === 'presence') peer.presence = message
    else
      this.chat = withLine(this.chat, {
        id: `${id}/${message.id}`,
        identity: id,
        name: peer.presence.name,
        isLocal: false,
        text: message.text,
        at: message.at,
        edited: false,
      })
    this.view.changed()
  }

  private heardTracks(id: string): void {
    const peer = this.peers.get(id)
    if (!peer) return
    const state = peer.link.connection.connectionState
    if (peer.absent && (state === 'disconnected' || state === 'failed')) {
      this.gone(id)
      return
    }
    const audible = new Set([peer.link.tracks.get('mic'), peer.link.tracks.get('screenAudio')])
    for (const [track, element] of peer.sounds) {
      if (audible.has(track)) continue
      silence(element)
      peer.sounds.delete(track)
    }
    for (const track of audible) if (track && !peer.sounds.has(track)) this.play(peer, track)
    this.view.changed()
  }

  private play(peer: Peer, track: MediaStreamTrack): void {
    const element = document.createElement('audio')
    element.autoplay = true
    element.srcObject = new MediaStream([track])
    if (this.own.choice.audiooutput && 'setSinkId' in element) void element.setSinkId(this.own.choice.audiooutput).catch(() => undefined)
    document.body.append(element)
    peer.sounds.set(track, element)
    element.play().catch((error: unknown) => {
      this.blocked ||= error instanceof DOMException && error.name === 'NotAllowedError'
      this.view.changed()
    })
  }

  // Oneself

  private spread(): void {
    for (const peer of this.peers.values()) peer.link.use(this.own.tracks)
    this.tell()
  }

  private tell(): void {
    for (const peer of this.peers.values()) peer.link.send(this.presence())
    this.view.changed()
  }

  private presence(): Presence {
    return {
      kind: 'presence',
      name: this.options.self.name,
      mic: this.own.speaksAloud,
      camera: this.own.tracks.has('camera'),
      screen: this.own.tracks.has('screen'),
    }
  }

  private async switching(kind: Kind, act: () => Promise<unknown>): Promise<void> {
    if (this.busy.has(kind) || this.end) return
    this.busy.add(kind)
    this.view.changed()
    try {
      await act()
    } catch (error) {
      const problem = window.isSecureContext ? deviceProblem(error) : 'insecure'
      // Closing the browser's picker is an answer, not a failure.
      if (kind !== 'share' || problem !== 'denied')
        this.view.notify({ kind: 'device', device: kind === 'share' ? 'screen' : kind, problem })
    } finally {
      this.busy.delete(kind)
      this.view.changed()
    }
  }

  // What happens by itself

  private async measure(): Promise<void> {
    for (const peer of [...this.peers.values()]) {
      const state = peer.link.connection.connectionState
      if (state !== 'connected') {
        peer.quality = state === 'disconnected' || state === 'failed' ? 'lost' : 'unknown'
        continue
      }
      const stats = await peer.link.connection.getStats().catch(() => null)
      if (!stats) continue
      const now = countersOf(stats.values())
      peer.quality = qualityOf(peer.counters, now)
      peer.counters = now
    }
    this.view.changed()
  }

  private listenForSpeech(): void {
    const now = performance.now()
    for (const peer of this.peers.values())
      for (const receiver of peer.link.connection.getReceivers()) {
        if (receiver.track !== peer.link.tracks.get('mic')) continue
        const [source] = receiver.getSynchronizationSources()
        if ((source?.audioLevel ?? 0) > SPEAKING) peer.spoke_ms = now
      }
    if (this.view.snapshot().participants.some((one) => one.speaking !== this.speaks(one.identity, now))) this.view.changed()
  }

  private speaks(id: string, now: number): boolean {
    if (id === this.options.self.peer) return this.own.speaksAloud && now - this.own.spoke_ms < SPEAKING_MS
    const peer = this.peers.get(id)
    return peer !== undefined && peer.presence.mic && now - peer.spoke_ms < SPEAKING_MS
  }

  private readonly restart = (): void => {
    for (const peer of this.peers.values()) peer.link.restart()
  }

  private readonly bye = (): void => this.finish('left')

  private finish(reason: NonNullable<RoomSnapshot['end']>): void {
    if (this.end) return
    this.end = reason
    removeEventListener('online', this.restart)
    removeEventListener('pagehide', this.bye)
    for (const timer of this.timers) clearInterval(timer)
    for (const peer of this.peers.values()) {
      this.options.signaling.send(peer.id, { kind: 'bye' })
      peer.link.close()
      for (const element of peer.sounds.values()) silence(element)
    }
    this.peers.clear()
    this.own.close()
    this.options.signaling.leave()
    this.view.changed()
  }

  private build(notices: readonly NoticeEntry[]): RoomSnapshot {
    const now = performance.now()
    const peers = [...this.peers.values()].sort((a, b) => a.since - b.since)
    return {
      room: this.options.room,
      path: this.options.path,
      direct: true,
      phase: this.phase(),
      end: this.end,
      participants: [this.ownView(now), ...peers.map((peer) => this.viewOf(peer, now))],
      screens: [...this.ownScreen(), ...peers.flatMap(screenOf)],
      chat: this.chat,
      mic: this.switchOf('mic', this.own.speaksAloud),
      camera: this.switchOf('camera', this.own.tracks.has('camera')),
      share: this.switchOf('share', this.own.tracks.has('screen')),
      canPublish: true,
      canChat: true,
      audioBlocked: this.blocked && peers.length > 0,
      notices,
      meeting: null,
    }
  }

  private phase(): RoomSnapshot['phase'] {
    if (this.end) return 'ended'
    const links = [...this.peers.values()].map((peer) => peer.link.connection.connectionState)
    // Signaling may be away for a while: whoever is linked does not notice.
    if (links.some((state) => state === 'connected')) return 'connected'
    if (links.some((state) => state === 'disconnected' || state === 'failed')) return 'reconnecting'
    return this.up ? 'connected' : this.timers.length > 0 ? 'reconnecting' : 'connecting'
  }

  private switchOf(kind: Kind, on: boolean): Switch {
    return this.busy.has(kind) ? 'busy' : on ? 'on' : 'off'
  }

  private ownView(now: number): ParticipantView {
    const { self } = this.options
    const camera = this.own.tracks.get('camera')
    return {
      identity: self.peer,
      name: self.name,
      isLocal: true,
      speaking: this.speaks(self.peer, now),
      micOn: this.own.speaksAloud,
      hasMic: this.own.tracks.has('mic'),
      camera: camera ? playable(camera) : null,
      quality: 'unknown',
      sharing: this.own.tracks.has('screen'),
      role: 'speaker',
      handAt: 0,
    }
  }

  private viewOf(peer: Peer, now: number): ParticipantView {
    const camera = peer.link.tracks.get('camera')
    return {
      identity: peer.id,
      name: peer.presence.name || '…',
      isLocal: false,
      speaking: this.speaks(peer.id, now),
      micOn: peer.presence.mic,
      hasMic: peer.link.tracks.has('mic'),
      camera: camera && peer.presence.camera ? playable(camera) : null,
      quality: peer.quality,
      sharing: peer.presence.screen,
      role: 'speaker',
      handAt: 0,
    }
  }

  private ownScreen(): ScreenView[] {
    const { self } = this.options
    const track = this.own.tracks.get('screen')
    return track ? [{ id: track.id, identity: self.peer, name: self.name, isLocal: true, track: playable(track) }] : []
  }
}

function screenOf(peer: Peer): ScreenView[] {
  const track = peer.link.tracks.get('screen')
  if (!track || !peer.presence.screen) return []
  return [{ id: `${peer.id}/screen`, identity: peer.id, name: peer.presence.name, isLocal: false, track: playable(track) }]
}

function silence(element: HTMLAudioElement): void {
  element.srcObject = null
  element.remove()
}
