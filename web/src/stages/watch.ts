/**
 * Keeps what the page's connections say and do, so that a live call can be looked at: every signaling message, every
 * RTCPeerConnection with its times. Started by `join` before the call code makes its first connection; bounded; changes
 * nothing of what it watches.
 */

export interface SignalEntry {
  /** Since the watch began, in ms. */
  readonly at_ms: number
  readonly sent: boolean
  readonly bytes: number
  /** Kept only up to a size; null for what was longer. */
  readonly data: string | Uint8Array | null
  readonly path: string
}

export interface WatchedConnection {
  readonly id: number
  readonly connection: RTCPeerConnection
  readonly made_ms: number
  /** When each state was first reached, in ms since the watch began. */
  readonly reached: Map<string, number>
}

export const MOST_ENTRIES = 400
export const MOST_KEPT_BYTES = 16_384
const MOST_CONNECTIONS = 32

export class Watch {
  readonly signals: SignalEntry[] = []
  /** All that passed, also what is no longer kept. */
  readonly counts = { sent: 0, received: 0, bytes: 0 }
  readonly connections: WatchedConnection[] = []
  private made = 0

  constructor(private readonly clock: () => number) {}

  now_ms(): number {
    return this.clock()
  }

  signal(path: string, sent: boolean, data: unknown): void {
    const bytes = sizeOf(data)
    const kept = bytes <= MOST_KEPT_BYTES ? copyOf(data) : null
    this.signals.push({ at_ms: this.clock(), sent, bytes, data: kept, path })
    if (this.signals.length > MOST_ENTRIES) this.signals.shift()
    this.counts[sent ? 'sent' : 'received'] += 1
    this.counts.bytes += bytes
  }

  socket(socket: WebSocket, url: string): void {
    const { pathname } = new URL(url, 'http://localhost')
    const reached = this.signal.bind(this, pathname)
    const send = socket.send.bind(socket)
    socket.send = (data) => {
      reached(true, data)
      send(data)
    }
    socket.addEventListener('message', ({ data }) => reached(false, data))
  }

  connection(connection: RTCPeerConnection): void {
    const watched: WatchedConnection = { id: ++this.made, connection, made_ms: this.clock(), reached: new Map() }
    this.connections.push(watched)
    if (this.connections.length > MOST_CONNECTIONS) this.connections.shift()
    const mark = (what: string): void => {
      if (!watched.reached.has(what)) watched.reached.set(what, this.clock())
    }
    connection.addEventListener('icegatheringstatechange', () => mark(`gathering-${connection.iceGatheringState}`))
    connection.addEventListener('iceconnectionstatechange', () => mark(`ice-${connection.iceConnectionState}`))
    connection.addEventListener('connectionstatechange', () => {
      mark(connection.connectionState)
      if (connection.connectionState === 'closed') this.forget(watched)
    })
    connection.addEventListener('track', ({ track }) => track.addEventListener('unmute', () => mark('media'), { once: true }))
  }

  /** Those still in use; `close()` fires no event. */
  live(): readonly WatchedConnection[] {
    return this.connections.filter(({ connection }) => connection.connectionState !== 'closed')
  }

  private forget(watched: WatchedConnection): void {
    const at = this.connections.indexOf(watched)
    if (at >= 0) this.connections.splice(at, 1)
  }
}

let started: Watch | null = null

/** The page's watch; begins with the first call. */
export function watch(): Watch {
  if (started) return started
  const from = performance.now()
  const made = new Watch(() => performance.now() - from)
  started = made
  window.WebSocket = new Proxy(window.WebSocket, {
    construct(target, given, self) {
      const socket = Reflect.construct(target, given, self) as WebSocket
      made.socket(socket, String(given[0]))
      return socket
    },
  })
  if ('RTCPeerConnection' in window)
    window.RTCPeerConnection = new Proxy(window.RTCPeerConnection, {
      construct(target, given, self) {
        const connection = Reflect.construct(target, given, self) as RTCPeerConnection
        made.connection(connection)
        return connection
      },
    })
  return made
}

function sizeOf(data: unknown): number {
  if (typeof data === 'string') return data.length
  if (data instanceof ArrayBuffer || ArrayBuffer.isView(data)) return data.byteLength
  if (data instanceof Blob) return data.size
  return 0
}

function copyOf(data: unknown): string | Uint8Array | null {
  if (typeof data === 'string') return data
  if (data instanceof ArrayBuffer) return new Uint8Array(data.slice(0))
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength) as ArrayBuffer)
  return null
}
