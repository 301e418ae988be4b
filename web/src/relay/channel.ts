/** One channel of a relay connection: who is there, what is said. Made by `Relay.join`; outlives lost connections. */

import type { Data, Fields } from './frame'

export interface Member {
  /** Made by the server, for one stay. */
  readonly id: string
  /** Who they are to the server, when it knows. */
  readonly identity?: string
  /** What they told about themselves when joining. */
  readonly info?: unknown
}

export interface Message {
  /** A member's id; null for the server. */
  readonly from: string | null
  /** JSON, or a Uint8Array. */
  readonly data: Data
  /** Place in the channel's history; null when it keeps none. */
  readonly offset: number | null
  /** Whether it was sent to this member only. */
  readonly direct: boolean
}

export interface Request {
  readonly from: string | null
  readonly data: Data
}

export interface ChannelEvents {
  message?(message: Message): void
  joined?(member: Member): void
  left?(member: Member): void
  /** In again after a lost connection. `recovered`: all that was missed follows; false: some of it is lost. */
  back?(recovered: boolean): void
  /** Put out by the server. */
  out?(code: string, reason: string): void
  /** Answers a request of another member, at once or by a promise; what it throws is told to them. */
  request?(request: Request): Data
}

/** `code` is the server's (docs/reference/relay.md), or `closed` and `timeout`, which are this client's. */
export class RelayError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message)
    this.name = 'RelayError'
  }
}

/** What a channel needs of its connection. */
export interface Line {
  /** Sends, and resolves with the server's answer. */
  ask(fields: Fields, data?: Data): Promise<Fields>
  /** Sends and forgets; false when there is no connection. */
  tell(fields: Fields, data?: Data): boolean
  forget(channel: Channel): void
}

const string = (value: unknown): string | null => (typeof value === 'string' ? value : null)
const number = (value: unknown): number | null => (typeof value === 'number' ? value : null)

export class Channel {
  private readonly present = new Map<string, Member>()
  private epoch: string | number | null = null
  private offset: number | null = null
  private own = ''

  constructor(
    readonly name: string,
    private readonly info: unknown,
    private readonly events: ChannelEvents,
    private readonly line: Line,
  ) {}

  /** One's own id here. */
  get you(): string {
    return this.own
  }

  /** Everybody who is here, oneself included. */
  get members(): readonly Member[] {
    return [...this.present.values()]
  }

  /** To everybody else here, or to one member. Resolves when the server has taken it; rejects with RelayError. */
  async publish(data: Data, to?: string): Promise<void> {
    await this.line.ask({ type: 'publish', channel: this.name, ...(to === undefined ? {} : { to }) }, data)
  }

  /** As `publish`, without an answer; false when there is no connection just now. */
  send(data: Data, to?: string): boolean {
    return this.line.tell({ type: 'publish', channel: this.name, ...(to === undefined ? {} : { to }) }, data)
  }

  /** Asks a member, or (without `to`) the server. Resolves with the reply; rejects with RelayError. */
  async request(data: Data, to?: string): Promise<Data> {
    const answer = await this.line.ask({ type: 'request', channel: this.name, ...(to === undefined ? {} : { to }) }, data)
    return answer['data']
  }

  leave(): void {
    this.line.tell({ type: 'leave', channel: this.name })
    this.line.forget(this)
    this.present.clear()
  }

  // For the connection

  joinFields(): Fields {
    const seen = this.epoch === null || this.offset === null ? {} : { epoch: this.epoch, offset: this.offset }
    return { type: 'join', channel: this.name, ...(this.info === undefined ? {} : { info: this.info }), ...seen }
  }

  welcome(you: string, fields: Fields): void {
    const again = this.own !== ''
    this.own = you
    const before = new Map(this.present)
    this.present.clear()
    for (const member of membersOf(fields['members'])) this.present.set(member.id, member)
    const epoch = fields['epoch']
    const recovered = fields['recovered'] === true
    this.epoch = typeof epoch === 'string' || typeof epoch === 'number' ? epoch : null
    // Missed messages follow one by one and count up from the old offset.
    if (!recovered) this.offset = number(fields['offset'])
    if (!again) return
    for (const member of before.values()) if (!this.present.has(member.id)) this.events.left?.(member)
    for (const member of this.present.values()) if (!before.has(member.id) && member.id !== you) this.events.joined?.(member)
    this.events.back?.(recovered || this.epoch === null)
  }

  handle(fields: Fields): void {
    switch (fields['type']) {
      case 'message': {
        const offset = number(fields['offset'])
        if (offset !== null) this.offset = offset
        this.events.message?.({ from: string(fields['from']), data: fields['data'], offset, direct: 'to' in fields })
        return
      }
      case 'member_joined':
        for (const member of membersOf([fields['member']])) {
          this.present.set(member.id, member)
          this.events.joined?.(member)
        }
        return
      case 'member_left': {
        const id = string(fields['member']) ?? ''
        const member = this.present.get(id)
        this.present.delete(id)
        if (member) this.events.left?.(member)
        return
      }
      case 'left':
        this.line.forget(this)
        this.present.clear()
        this.events.out?.(string(fields['code']) ?? '', string(fields['message']) ?? '')
        return
      case 'request':
        void this.answer(fields)
    }
  }

  private async answer(fields: Fields): Promise<void> {
    const head = { type: 'reply', request: fields['request'], channel: this.name }
    try {
      if (!this.events.request) throw new RelayError('no_handler', 'nobody answers requests here')
      const data = await this.events.request({ from: string(fields['from']), data: fields['data'] })
      this.line.tell(head, data ?? null)
    } catch (error) {
      const code = error instanceof RelayError ? error.code : 'failed'
      this.line.tell({ ...head, error: { code, message: error instanceof Error ? error.message : String(error) } })
    }
  }
}

function membersOf(value: unknown): Member[] {
  if (!Array.isArray(value)) return []
  return value.flatMap((one: unknown) => {
    if (typeof one !== 'object' || one === null) return []
    const { id, identity, info } = one as Fields
    if (typeof id !== 'string') return []
    return [{ id, ...(typeof identity === 'string' ? { identity } : {}), ...(info === undefined || info === null ? {} : { info }) }]
  })
}
