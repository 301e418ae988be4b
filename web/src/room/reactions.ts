/** Reactions, pure: which there are, how fast somebody's count, how long they are seen. Called by `meeting`. */

export const REACTIONS = ['👍', '👏', '❤️', '😂', '🎉', '😮'] as const
export type Reaction = (typeof REACTIONS)[number]

export interface ReactionEntry {
  readonly id: number
  readonly identity: string
  readonly name: string
  readonly reaction: Reaction
  /** By performance.now(). */
  readonly at_ms: number
}

export const SHOWN_MS = 4_000
/** On the screen at once; a flood from many is cut here, a flood from one by its bucket. */
export const MOST_SHOWN = 24
const BURST = 5
const PER_MS = 2 / 1_000
/** Senders remembered; the one longest silent is forgotten. */
const MOST_SENDERS = 500

export const reactionOf = (text: string): Reaction | null => REACTIONS.find((one) => one === text) ?? null

export class Reactions {
  private entries: readonly ReactionEntry[] = []
  private readonly buckets = new Map<string, { left: number; at_ms: number }>()
  private last = 0

  get shown(): readonly ReactionEntry[] {
    return this.entries
  }

  /** Whether it counts: of one sender five at once, and two a second. */
  add(identity: string, name: string, reaction: Reaction, now_ms: number): boolean {
    if (!this.take(identity, now_ms)) return false
    this.last += 1
    this.entries = [...this.entries, { id: this.last, identity, name, reaction, at_ms: now_ms }].slice(-MOST_SHOWN)
    return true
  }

  /** Whether some are gone now. */
  forget(now_ms: number): boolean {
    const left = this.entries.filter((one) => now_ms - one.at_ms < SHOWN_MS)
    const gone = left.length < this.entries.length
    if (gone) this.entries = left
    return gone
  }

  private take(identity: string, now_ms: number): boolean {
    const before = this.buckets.get(identity) ?? { left: BURST, at_ms: now_ms }
    const left = Math.min(BURST, before.left + (now_ms - before.at_ms) * PER_MS)
    this.buckets.delete(identity)
    this.buckets.set(identity, { left: left >= 1 ? left - 1 : left, at_ms: now_ms })
    if (this.buckets.size > MOST_SENDERS) {
      const [oldest] = this.buckets.keys()
      if (oldest !== undefined) this.buckets.delete(oldest)
    }
    return left >= 1
  }
}
