/**
 * One direct connection to one other page: offers and answers that may cross ("perfect negotiation", WebRTC §10.7),
 * candidates as they are found, restart when the network changes, and one data channel for chat and state.
 * Made by `PeerSession`; knows no server and no screen.
 */

import type { SignalMessage } from './signaling'
import { peerMessage, type PeerMessage } from './wire'

export type Source = 'mic' | 'camera' | 'screen' | 'screenAudio'
export type OwnTracks = ReadonlyMap<Source, MediaStreamTrack>

export interface LinkEvents {
  signal(message: SignalMessage): void
  message(message: PeerMessage): void
  /** Tracks, connection state or data channel changed. */
  changed(): void
  /** The data channel opened: tell the other side who and how one is. */
  opened(): void
  /** It cannot be saved. */
  failed(): void
}

export interface LinkOptions {
  /** Gives way when offers cross. Exactly one of the two must be. */
  readonly polite: boolean
  readonly iceServers: readonly RTCIceServer[]
  readonly events: LinkEvents
}

/** One channel, agreed beforehand, so that it costs no round trip (RFC 8832 is not needed for it). */
const CHANNEL_ID = 0
const RESTARTS = 4
const RESTART_AFTER_MS = 2_500

export class PeerLink {
  readonly connection: RTCPeerConnection
  /** What the other side sends, by its meaning. */
  readonly tracks = new Map<Source, MediaStreamTrack>()
  private readonly channel: RTCDataChannel
  private readonly own = new MediaStream()
  private readonly screen = new MediaStream()
  private readonly senders = new Map<Source, RTCRtpSender>()
  private theirScreen: string | null = null
  private making = false
  private ignoring = false
  private restarts = 0
  private timer: ReturnType<typeof setTimeout> | undefined
  private closed = false
  private work: Promise<void> = Promise.resolve()

  constructor(private readonly options: LinkOptions) {
    this.connection = new RTCPeerConnection({ iceServers: [...options.iceServers], bundlePolicy: 'max-bundle' })
    this.channel = this.connection.createDataChannel('roomful', { negotiated: true, id: CHANNEL_ID })
    this.listen()
  }

  get open(): boolean {
    return this.channel.readyState === 'open'
  }

  /** Sends exactly these, from now on. */
  use(tracks: OwnTracks): void {
    for (const [source, sender] of this.senders) {
      const track = tracks.get(source)
      if (track) {
        if (sender.track !== track) void sender.replaceTrack(track).catch(() => undefined)
      } else {
        this.connection.removeTrack(sender)
        this.senders.delete(source)
      }
    }
    for (const [source, track] of tracks) {
      if (this.senders.has(source)) continue
      const stream = source === 'mic' || source === 'camera' ? this.own : this.screen
      this.senders.set(source, this.connection.addTrack(track, stream))
    }
  }

  send(message: PeerMessage): boolean {
    if (!this.open) return false
    try {
      this.channel.send(JSON.stringify(message))
      return true
    } catch {
      return false // its buffer is full, or it closes just now
    }
  }

  /** In order, one after the other: the browser's own queue does not cover what lies between the steps. */
  handle(message: SignalMessage, own: OwnTracks): void {
    this.work = this.work.then(() => this.take(message, own)).catch(() => this.restartSoon())
  }

  /** The network changed, or the other side came back. */
  restart(): void {
    if (!this.closed) this.connection.restartIce()
  }

  close(): void {
    if (this.closed) return
    this.closed = true
    clearTimeout(this.timer)
    this.connection.close()
    this.tracks.clear()
  }

  private async take(message: SignalMessage, own: OwnTracks): Promise<void> {
    const { connection } = this
    if (this.closed) return
    if (message.kind === 'candidate') {
      try {
        await connection.addIceCandidate(message.candidate ?? undefined)
      } catch (error) {
        // A candidate of an offer that was ignored belongs to nothing.
        if (!this.ignoring) throw error
      }
      return
    }
    if (message.kind !== 'description') return
    const offered = message.description.type === 'offer'
    const crossed = offered && (this.making || connection.signalingState !== 'stable')
    this.ignoring = crossed && !this.options.polite
    if (this.ignoring) return
    this.theirScreen = message.screen
    await connection.setRemoteDescription(message.description)
    this.sortTracks()
    if (!offered) return
    // The first offer finds nothing added yet: added now, both directions share its sections.
    this.use(own)
    await connection.setLocalDescription()
    this.describe()
  }

  private describe(): void {
    const description = this.connection.localDescription
    if (description)
      this.options.events.signal({
        kind: 'description',
        description: { type: description.type, sdp: description.sdp },
        screen: this.senders.has('screen') ? this.screen.id : null,
      })
  }

  private async offer(): Promise<void> {
    if (this.closed) return
    try {
      this.making = true
      await this.connection.setLocalDescription()
      this.describe()
    } finally {
      this.making = false
    }
  }

  private listen(): void {
    const { connection, channel, options } = this
    connection.addEventListener('negotiationneeded', () => void this.offer().catch(() => this.restartSoon()))
    connection.addEventListener('icecandidate', ({ candidate }) =>
      options.events.signal({ kind: 'candidate', candidate: candidate?.toJSON() ?? null }),
    )
    connection.addEventListener('track', ({ track }) => {
      for (const event of ['mute', 'unmute', 'ended'] as const) track.addEventListener(event, () => options.events.changed())
      this.sortTracks()
    })
    connection.addEventListener('connectionstatechange', () => {
      switch (connection.connectionState) {
        case 'connected':
          this.restarts = 0
          clearTimeout(this.timer)
          break
        case 'disconnected':
        case 'failed':
          this.restartSoon()
      }
      options.events.changed()
    })
    channel.addEventListener('open', () => {
      options.events.opened()
      options.events.changed()
    })
    channel.addEventListener('message', ({ data }) => {
      const message = peerMessage(data)
      if (message) options.events.message(message)
    })
  }

  /** Waits a moment, since most interruptions heal themselves; gives up after some tries. */
  private restartSoon(): void {
    if (this.closed) return
    clearTimeout(this.timer)
    this.timer = setTimeout(() => {
      if (this.closed || this.connection.connectionState === 'connected') return
      this.restarts += 1
      if (this.restarts > RESTARTS) {
        this.options.events.failed()
        return
      }
      this.restart()
      this.restartSoon()
    }, RESTART_AFTER_MS * (this.restarts + 1))
  }

  /** By stream: what is in the stream that was named as the screen's is a screen, all else is a person. */
  private sortTracks(): void {
    this.tracks.clear()
    for (const { receiver, currentDirection, direction } of this.connection.getTransceivers()) {
      const sends = currentDirection ?? direction
      if (sends !== 'sendrecv' && sends !== 'recvonly') continue
      const section = receiver.track
      const shared = this.theirScreen !== null && streamOf(this.connection, receiver) === this.theirScreen
      if (section.kind === 'audio') this.tracks.set(shared ? 'screenAudio' : 'mic', section)
      else this.tracks.set(shared ? 'screen' : 'camera', section)
    }
    this.options.events.changed()
  }
}

/** The remote stream's id of a receiver, read from the description: receivers do not tell. */
function streamOf(connection: RTCPeerConnection, receiver: RTCRtpReceiver): string | null {
  const mid = connection.getTransceivers().find((one) => one.receiver === receiver)?.mid
  if (mid == null) return null
  return streamIds(connection.remoteDescription?.sdp ?? '').get(mid) ?? null
}

/** `a=msid` of every section (RFC 8830 §2). Exported for its test. */
export function streamIds(sdp: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const section of sdp.split(/\r?\nm=/).slice(1)) {
    const mid = /\na=mid:(\S+)/.exec(section)?.[1]
    const stream = /\na=msid:(\S+)/.exec(section)?.[1]
    if (mid !== undefined && stream !== undefined) found.set(mid, stream)
  }
  return found
}
