/**
 * A client of Roomful's relay: channels over one WebSocket, which comes back by itself and catches up.
 *
 *     const relay = new Relay('wss://example.org/relay')
 *     const room = await relay.join('game-7', { info: { name: 'Ada' } }, { message: ({ from, data }) => … })
 *     await room.publish({ move: 'e4' })
 *
 * Depends on nothing; the server gives it as `/relay.js`.
 */

import { Channel, RelayError, type ChannelEvents, type Line } from './channel'
import { decode, encode, type Data, type Fields } from './frame'

export interface RelayOptions {
  /** Called when the connection comes up or goes down. */
  readonly state?: (up: boolean) => void
  /** Called when it will not come back: after `close`, or when the server refuses. */
  readonly ended?: (code: string, reason: string) => void
  /** How long an answer may take, in ms. */
  readonly timeout_ms?: number
}

const FIRST_WAIT_MS = 250
const LONGEST_WAIT_MS = 10_000
/** Requests whose answers are awaited at once. */
const MOST_WAITING = 10_000
/** Close codes after which coming back is no use: policy (1008), too big (1009), and the server's own refusals (RFC 6455 §7.4.2). */
const FINAL: ReadonlySet<number> = new Set([1002, 1003, 1007, 1008, 1009])

interface Waiting {
  readonly resolve: (fields: Fields) => void
  readonly reject: (error: RelayError) => void
  readonly timer: ReturnType<typeof setTimeout>
}

export class Relay {
  private readonly channels = new Map<string, Channel>()
  private readonly waiting = new Map<number, Waiting>()
  private readonly line: Line
  private socket: WebSocket | null = null
  private you = ''
  private lastId = 0
  private tries = 0
  private timer: ReturnType<typeof setTimeout> | undefined
  private closed = false
  private up: Promise<void>
  private isUp!: () => void

  constructor(
    private readonly url: string | URL,
    private readonly options: RelayOptions = {},
  ) {
    this.up = new Promise((resolve) => (this.isUp = resolve))
    this.line = {
      ask: (fields, data) => this.ask(fields, data),
      tell: (fields, data) => this.tell(fields, data),
      forget: (channel) => this.channels.delete(channel.name),
    }
    this.open()
  }

  /** Resolves when in; rejects with RelayError (`channel_full`, `refused` …). */
  async join(name: string, options: { readonly info?: unknown } = {}, events: ChannelEvents = {}): Promise<Channel> {
    if (this.channels.has(name)) throw new RelayError('already_joined', `this connection is in ${name} already`)
    const channel = new Channel(name, options.info, events, this.line)
    await this.up
    if (this.closed) throw new RelayError('closed', 'the connection was closed')
    this.channels.set(name, channel)
    try {
      channel.welcome(this.you, await this.ask(channel.joinFields()))
    } catch (error) {
      this.channels.delete(name)
      throw error
    }
    return channel
  }

  close(): void {
    this.end('closed', 'closed here')
    this.socket?.close(1000)
  }

  private open(): void {
    const socket = new WebSocket(this.url)
    socket.binaryType = 'arraybuffer'
    this.socket = socket
    socket.onmessage = ({ data }) => this.take(decode(data))
    socket.onclose = ({ code, reason }) => {
      if (this.socket === socket) this.lost(code, reason)
    }
  }

  private lost(code: number, reason: string): void {
    this.socket = null
    for (const id of [...this.waiting.keys()]) this.settle(id)?.reject(new RelayError('closed', 'the connection was lost'))
    if (this.closed) return
    if (FINAL.has(code)) {
      this.end(`closed_${code}`, reason)
      return
    }
    if (this.you) {
      this.you = ''
      this.up = new Promise((resolve) => (this.isUp = resolve))
      this.options.state?.(false)
    }
    // Everybody is cut off at once when a server restarts: they come back spread over time.
    const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.tries) * (0.5 + Math.random())
    this.tries += 1
    this.timer = setTimeout(() => this.open(), wait)
  }

  private end(code: string, reason: string): void {
    if (this.closed) return
    this.closed = true
    clearTimeout(this.timer)
    for (const id of [...this.waiting.keys()]) this.settle(id)?.reject(new RelayError('closed', reason))
    this.channels.clear()
    this.isUp()
    this.options.ended?.(code, reason)
  }

  private take(fields: Fields | null): void {
    if (!fields) return
    const id = fields['id']
    if (fields['type'] === 'welcome') {
      this.welcome(fields)
      return
    }
    if (typeof id === 'number' && this.waiting.has(id)) {
      const waiting = this.settle(id)
      if (fields['type'] === 'error') waiting?.reject(errorOf(fields))
      else waiting?.resolve(fields)
      return
    }
    const name = fields['channel']
    if (typeof name === 'string') this.channels.get(name)?.handle(fields)
  }

  private welcome(fields: Fields): void {
    this.you = typeof fields['you'] === 'string' ? fields['you'] : ''
    this.tries = 0
    for (const channel of [...this.channels.values()]) {
      this.ask(channel.joinFields()).then(
        (joined) => channel.welcome(this.you, joined),
        (error: unknown) => {
          if (!(error instanceof RelayError) || error.code === 'closed') return // tried again with the next connection
          channel.handle({ type: 'left', code: error.code, message: error.message })
        },
      )
    }
    this.options.state?.(true)
    this.isUp()
  }

  private ask(fields: Fields, data?: Data): Promise<Fields> {
    if (this.waiting.size >= MOST_WAITING) return Promise.reject(new RelayError('busy', 'too many answers are awaited'))
    const id = ++this.lastId
    return new Promise((resolve, reject) => {
      const late = (): void => this.settle(id)?.reject(new RelayError('timeout', 'no answer in time'))
      const timer = setTimeout(late, this.options.timeout_ms ?? 10_000)
      this.waiting.set(id, { resolve, reject, timer })
      if (!this.tell({ ...fields, id }, data)) this.settle(id)?.reject(new RelayError('closed', 'there is no connection'))
    })
  }

  private settle(id: number): Waiting | undefined {
    const waiting = this.waiting.get(id)
    if (waiting) clearTimeout(waiting.timer)
    this.waiting.delete(id)
    return waiting
  }

  private tell(fields: Fields, data?: Data): boolean {
    if (this.socket?.readyState !== WebSocket.OPEN || !this.you) return false
    this.socket.send(encode(fields, data))
    return true
  }
}

function errorOf(fields: Fields): RelayError {
  const { code, message } = fields
  return new RelayError(typeof code === 'string' ? code : 'error', typeof message === 'string' ? message : '')
}
