/**
 * Sends to a room by WHIP, in three sizes (simulcast), for as long as the page is open. A store like the session.
 * Devices are its owner's: tracks are handed over with `use`, and stay when it ends.
 */

import { ApiError, requestIceServers } from '../room/api'
import { measured, readingOf, type Measured, type Reading, type Stat } from './reading'
import { Resource } from './resource'
import { requestKey } from './token'

export interface BroadcasterSnapshot {
  readonly phase: 'idle' | 'starting' | 'live' | 'reconnecting'
  /** Why it ended or did not begin: the server's code. */
  readonly problem: string
  readonly since_ms: number | null
  readonly viewers: number
  readonly measured: Measured | null
}

const ENCODINGS: RTCRtpEncodingParameters[] = [
  { rid: 'q', scaleResolutionDownBy: 4, maxBitrate: 160_000 },
  { rid: 'h', scaleResolutionDownBy: 2, maxBitrate: 600_000 },
  { rid: 'f', maxBitrate: 2_500_000 },
]
const LOST_MS = 4_000
const AGAIN_MS = 3_000
const READ_MS = 1_000
const FINAL = new Set(['not_allowed', 'denied', 'host_needed', 'host_key_invalid', 'unauthenticated', 'foreign_origin', 'invalid', 'too_large', 'codec_unsupported'])

export class Broadcaster {
  private readonly listeners = new Set<() => void>()
  private current: BroadcasterSnapshot = { phase: 'idle', problem: '', since_ms: null, viewers: 0, measured: null }
  private audio: MediaStreamTrack | null = null
  private video: MediaStreamTrack | null = null
  private connection: RTCPeerConnection | null = null
  private resource: Resource | null = null
  private timer: ReturnType<typeof setTimeout> | undefined
  private reader: ReturnType<typeof setInterval> | undefined
  private before: Reading | null = null
  private token = ''
  private turn = 0

  constructor(
    private readonly room: string,
    private readonly name: () => string,
  ) {}

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }
  snapshot = (): BroadcasterSnapshot => this.current

  /** What is sent from now on; null sends silence, or no picture. */
  use(audio: MediaStreamTrack | null, video: MediaStreamTrack | null): void {
    this.audio = audio
    this.video = video
    const [sound, picture] = this.connection?.getSenders() ?? []
    if (sound && sound.track !== audio) void sound.replaceTrack(audio).catch(() => undefined)
    if (picture && picture.track !== video) void picture.replaceTrack(video).catch(() => undefined)
  }

  async start(): Promise<void> {
    if (this.current.phase !== 'idle') return
    this.set({ phase: 'starting', problem: '' })
    await this.enter()
  }

  stop(problem = ''): void {
    this.turn += 1
    clearTimeout(this.timer)
    this.drop()
    this.set({ phase: 'idle', problem, since_ms: null, viewers: 0, measured: null })
  }

  private async enter(): Promise<void> {
    const turn = ++this.turn
    clearTimeout(this.timer)
    this.drop()
    try {
      this.token ||= await requestKey('broadcaster', this.room, this.name())
      const iceServers = [...(await requestIceServers(this.token))]
      if (turn !== this.turn) return
      const connection = new RTCPeerConnection({ bundlePolicy: 'max-bundle', iceServers })
      const streams = [new MediaStream()]
      // Both from the beginning, also without a device: WHIP negotiates once.
      connection.addTransceiver(this.audio ?? 'audio', { direction: 'sendonly', streams })
      connection.addTransceiver(this.video ?? 'video', { direction: 'sendonly', streams, sendEncodings: ENCODINGS })
      connection.addEventListener('connectionstatechange', () => turn === this.turn && this.changed(connection))
      const resource = await Resource.open(`/whip/${encodeURIComponent(this.room)}`, this.token, connection).catch((error: unknown) => {
        connection.close()
        throw error
      })
      if (turn !== this.turn) {
        resource.close()
        return
      }
      this.connection = connection
      this.resource = resource
      this.use(this.audio, this.video)
      await resource.listen(['viewercount'], (_, data) => {
        if (turn === this.turn && typeof data['viewercount'] === 'number') this.set({ viewers: data['viewercount'] })
      }).catch(() => undefined)
      this.read(connection)
    } catch (error) {
      if (turn === this.turn) this.failed(error instanceof ApiError ? error.code : 'unexpected')
    }
  }

  private failed(code: string): void {
    if (code === 'token_expired') this.token = ''
    // A broadcast that was live is worth more tries; one that never began is the reader's to try again.
    if (FINAL.has(code) || this.current.since_ms === null) this.stop(code)
    else this.later(AGAIN_MS)
  }

  private changed(connection: RTCPeerConnection): void {
    clearTimeout(this.timer)
    switch (connection.connectionState) {
      case 'connected':
        this.set({ phase: 'live', problem: '', since_ms: this.current.since_ms ?? Date.now() })
        break
      case 'disconnected':
        this.timer = setTimeout(() => void this.restart(), LOST_MS)
        break
      case 'failed':
        void this.restart()
        break
      case 'closed':
        this.later(0)
        break
      default:
        break
    }
  }

  /** The same session by another way, so that viewers notice little; a new one where the server has given it up. */
  private async restart(): Promise<void> {
    const turn = this.turn
    this.set({ phase: 'reconnecting' })
    try {
      await this.resource?.restartIce()
      if (turn === this.turn) this.timer = setTimeout(() => this.later(0), 2 * LOST_MS)
    } catch {
      if (turn === this.turn) this.later(AGAIN_MS)
    }
  }

  private later(ms: number): void {
    this.set({ phase: 'reconnecting' })
    clearTimeout(this.timer)
    this.timer = setTimeout(() => void this.enter(), ms)
  }

  private read(connection: RTCPeerConnection): void {
    this.reader = setInterval(() => {
      void connection.getStats().then((stats) => {
        const all: Stat[] = []
        stats.forEach((one: Stat) => all.push(one))
        const now = readingOf(all, performance.now(), true)
        if (this.current.phase === 'live') this.set({ measured: measured(this.before, now) })
        this.before = now
      }, () => undefined)
    }, READ_MS)
  }

  private drop(): void {
    clearInterval(this.reader)
    this.before = null
    this.resource?.close()
    this.resource = null
    this.connection = null
  }

  private set(change: Partial<BroadcasterSnapshot>): void {
    this.current = { ...this.current, ...change }
    for (const listener of this.listeners) listener()
  }
}
