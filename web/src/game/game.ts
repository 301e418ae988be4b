/**
 * A player in the browser, over anything that carries packets: `join.ts` brings a room's data channels.
 *
 *     const game = new GameClient(line)
 *     setInterval(() => game.act({ x: 1 }), 1000 / 60)          // what I do, sixty times a second
 *     requestAnimationFrame(() => draw(game.view(['x', 'y'])))  // the world, smooth
 */

import { MatchClock } from './clock'
import { hello, inputs, MAX_INPUTS, message, pack, read, type SeatInfo, type Value, type Welcome, type World } from './wire'
import { Worlds, type Frame } from './worlds'

/** Where packets go: both must be addressed to the server alone. */
export interface Line {
  send(payload: Uint8Array, reliable: boolean): void
}

export interface GameEvents {
  readonly welcome?: (welcome: Welcome) => void
  readonly seats?: (seats: readonly SeatInfo[]) => void
  readonly told?: (data: Value) => void
  readonly frame?: (frame: Frame) => void
  readonly refused?: (code: string, message: string) => void
}

export class GameClient {
  welcome: Welcome | null = null
  seats: readonly SeatInfo[] = []
  /** To the server and back without its waiting, in ms; null before it is known. */
  roundTrip_ms: number | null = null
  private worlds = new Worlds()
  private clock = new MatchClock()
  private pending: { readonly packed: Uint8Array; readonly data: Value }[] = []
  private first = 1

  constructor(
    private readonly line: Line,
    private readonly events: GameEvents = {},
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** My seat; null while I watch. */
  get seat(): number | null {
    return this.welcome && this.welcome.seat >= 0 ? this.welcome.seat : null
  }

  /** The newest snapshot. */
  get frame(): Frame | null {
    return this.worlds.newest
  }

  /** Inputs that the server has not used yet, oldest first: whoever predicts plays them again on top of `frame`. */
  get unconfirmed(): readonly Value[] {
    return this.pending.map(({ data }) => data)
  }

  /** Asks for a seat, or to watch. Said anew after a lost connection: the seat is kept. */
  hello(spectate = false): void {
    this.worlds = new Worlds()
    this.clock = new MatchClock()
    this.pending = []
    this.first = 1
    this.line.send(hello(spectate), true)
  }

  /** My next input; the last ones go along until the server has used them, so that a lost packet costs nothing. */
  act(data: Value): void {
    this.pending.push({ packed: pack(data), data })
    if (this.pending.length > MAX_INPUTS) {
      this.pending.shift()
      this.first += 1
    }
    this.ack()
  }

  /** For whoever watches and does nothing: tells the server what came, a few times a second. */
  ack(): void {
    const packed = this.pending.map((one) => one.packed)
    this.line.send(inputs(this.frame?.tick ?? 0, Math.floor(this.now()), this.first, packed), false)
  }

  /** What must arrive. */
  say(data: Value): void {
    this.line.send(message(data), true)
  }

  /** The world a moment ago, so that there is a snapshot on either side: `smooth` fields move evenly, `angles` turn. */
  view(smooth: readonly string[], angles: readonly string[] = []): World {
    return this.worlds.at(this.clock.now(this.now()) - this.delay_ms, smooth, angles)
  }

  /** How far behind `view` is: two snapshots, and the network's unevenness, at most a quarter of a second. */
  get delay_ms(): number {
    const between = 1_000 / (this.welcome?.snapshots ?? 20)
    return Math.min(250, 2 * between + this.clock.jitter())
  }

  /** A packet from the server. */
  hear(payload: Uint8Array): void {
    const told = read(payload)
    switch (told?.kind) {
      case 'welcome':
        this.welcome = told
        this.seats = told.seats
        this.events.welcome?.(told)
        this.events.seats?.(told.seats)
        break
      case 'seats':
        this.seats = told.seats
        this.events.seats?.(told.seats)
        break
      case 'told':
        this.events.told?.(told.data)
        break
      case 'refused':
        this.events.refused?.(told.code, told.message)
        break
      case 'snapshot': {
        if (!this.worlds.hear(told)) return
        const now = this.now()
        this.clock.hear(told.time_ms, now)
        while (this.pending.length > 0 && this.first <= told.ack) {
          this.pending.shift()
          this.first += 1
        }
        if (told.echo_ms > 0) this.roundTrip_ms = Math.max(0, Math.floor(now) - told.echo_ms - told.held_ms)
        const frame = this.worlds.newest
        if (frame) this.events.frame?.(frame)
        break
      }
      case undefined:
        break
    }
  }
}
