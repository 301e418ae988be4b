/** What time it is in the match, as well as a client can know. Pure; used by `game.ts`. */

const WINDOW = 40

export class MatchClock {
  private readonly offsets: number[] = []

  /** A snapshot of `time_ms` came at `now_ms` of this client's own clock. */
  hear(time_ms: number, now_ms: number): void {
    this.offsets.push(now_ms - time_ms)
    if (this.offsets.length > WINDOW) this.offsets.shift()
  }

  /** The time of the newest snapshot that could be here by now: the quickest of the last ones tells how far behind that is. */
  now(now_ms: number): number {
    return this.offsets.length > 0 ? now_ms - Math.min(...this.offsets) : 0
  }

  /** How much later than the quickest most of them come, in ms. */
  jitter(): number {
    const ordered = [...this.offsets].sort((a, b) => a - b)
    const [first] = ordered
    const most = ordered[Math.floor(ordered.length * 0.9)]
    return first === undefined || most === undefined ? 0 : most - first
  }
}
