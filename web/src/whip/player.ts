/**
 * Watches a room by WHEP: waits until somebody publishes, plays, and begins anew when what is published changes or the way is lost.
 * A store like the session: the page subscribes to it. Holds the connection; the page holds the video element.
 */

import { ApiError, requestIceServers } from '../room/api'
import { layersIn, measured, readingOf, type Layer, type Measured, type Reading, type Stat } from './reading'
import { Resource } from './resource'
import { requestKey } from './token'

export interface PlayerSnapshot {
  readonly phase: 'connecting' | 'waiting' | 'live' | 'lost' | 'refused'
  /** Why not: the server's code. */
  readonly problem: string
  readonly stream: MediaStream | null
  readonly viewers: number | null
  readonly layers: readonly Layer[]
  /** The rid that was asked for; "" leaves it to the server. */
  readonly layer: string
  readonly measured: Measured | null
}

const FIRST_WAIT_MS = 2_000
const LONGEST_WAIT_MS = 10_000
const READ_MS = 1_000
const KINDS = ['active', 'inactive', 'layers', 'reconnect', 'viewercount'] as const
/** Codes that trying again does not help. */
const FINAL = new Set(['not_allowed', 'denied', 'token_expired', 'unauthenticated', 'codec_unsupported', 'direction_unsupported', 'foreign_origin', 'invalid', 'too_large'])

export class Player {
  private readonly listeners = new Set<() => void>()
  private current: PlayerSnapshot = {
    phase: 'connecting', problem: '', stream: null, viewers: null, layers: [], layer: '', measured: null,
  }
  private resource: Resource | null = null
  private timer: ReturnType<typeof setTimeout> | undefined
  private reader: ReturnType<typeof setInterval> | undefined
  private before: Reading | null = null
  private token = ''
  private wait_ms = FIRST_WAIT_MS
  private turn = 0

  constructor(
    private readonly room: string,
    private readonly name: string,
  ) {}

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }
  snapshot = (): PlayerSnapshot => this.current

  start(): void {
    void this.enter()
  }

  close(): void {
    this.turn += 1
    clearTimeout(this.timer)
    this.drop()
  }

  /** "" leaves the choice to the server. */
  async choose(rid: string): Promise<void> {
    this.set({ layer: rid })
    await this.resource?.chooseLayer(rid).catch(() => this.set({ layer: '' }))
  }

  private async enter(): Promise<void> {
    const turn = ++this.turn
    clearTimeout(this.timer)
    this.drop()
    try {
      this.token ||= await requestKey('viewer', this.room, this.name)
      const iceServers = [...(await requestIceServers(this.token))]
      if (turn !== this.turn) return
      const connection = new RTCPeerConnection({ bundlePolicy: 'max-bundle', iceServers })
      const stream = new MediaStream()
      connection.addEventListener('track', ({ track }) => {
        stream.addTrack(track)
        if (turn === this.turn) this.set({ stream })
      })
      connection.addEventListener('connectionstatechange', () => turn === this.turn && this.changed(connection))
      connection.addTransceiver('audio', { direction: 'recvonly' })
      connection.addTransceiver('video', { direction: 'recvonly' })
      const resource = await Resource.open(`/whep/${encodeURIComponent(this.room)}`, this.token, connection).catch((error: unknown) => {
        connection.close()
        throw error
      })
      if (turn !== this.turn) {
        resource.close()
        return
      }
      this.resource = resource
      await resource.listen(KINDS, (kind, data) => turn === this.turn && this.heard(kind, data)).catch(() => undefined)
      if (this.current.layer) void this.choose(this.current.layer)
      this.read(connection)
    } catch (error) {
      if (turn === this.turn) this.failed(error instanceof ApiError ? error.code : 'unexpected')
    }
  }

  private failed(code: string): void {
    if (code === 'token_expired') {
      this.token = ''
      this.again('lost', code)
    } else if (FINAL.has(code)) this.set({ phase: 'refused', problem: code })
    else this.again(code === 'not_live' ? 'waiting' : 'lost', code)
  }

  private again(phase: 'waiting' | 'lost', problem: string): void {
    this.drop()
    this.set({ phase, problem, stream: null, measured: null })
    clearTimeout(this.timer)
    // Not all of a crowd at the same moment.
    this.timer = setTimeout(() => void this.enter(), this.wait_ms * (0.75 + Math.random() / 2))
    this.wait_ms = Math.min(LONGEST_WAIT_MS, this.wait_ms * 1.5)
  }

  private changed(connection: RTCPeerConnection): void {
    if (connection.connectionState === 'connected') {
      this.wait_ms = FIRST_WAIT_MS
      this.set({ phase: 'live', problem: '' })
    } else if (connection.connectionState === 'failed' || connection.connectionState === 'closed') {
      // The server ended it, or the network did: either way a new session is quickest.
      this.again(this.current.phase === 'waiting' ? 'waiting' : 'lost', 'connect_failed')
    }
  }

  private heard(kind: string, data: Readonly<Record<string, unknown>>): void {
    switch (kind) {
      case 'viewercount':
        this.set({ viewers: typeof data['viewercount'] === 'number' ? data['viewercount'] : null })
        break
      case 'layers':
        this.set({ layers: layersIn(data) })
        break
      case 'inactive':
        this.again('waiting', 'not_live')
        break
      case 'reconnect':
        void this.enter()
        break
      default:
        break
    }
  }

  private read(connection: RTCPeerConnection): void {
    this.reader = setInterval(() => {
      void connection.getStats().then((stats) => {
        const all: Stat[] = []
        stats.forEach((one: Stat) => all.push(one))
        const now = readingOf(all, performance.now(), false)
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
  }

  private set(change: Partial<PlayerSnapshot>): void {
    this.current = { ...this.current, ...change }
    for (const listener of this.listeners) listener()
  }
}
