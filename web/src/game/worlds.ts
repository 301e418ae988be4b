/** Snapshots put together, and the world between two of them. Pure; used by `game.ts`. */

import type { Fields, Key, Snapshot, Value, World } from './wire'

const KEPT = 64
const GATHERED = 8

export interface Frame {
  readonly tick: number
  readonly time_ms: number
  readonly ack: number
  readonly world: World
}

export class Worlds {
  /** The newest whole one. */
  newest: Frame | null = null
  private readonly worlds = new Map<number, World>([[0, new Map()]])
  private readonly gathering = new Map<number, Snapshot[]>()
  private readonly frames: Frame[] = []

  /** True when a newer world is whole. Older ones, and changes of a world that never came, are passed over. */
  hear(snapshot: Snapshot): boolean {
    const base = this.worlds.get(snapshot.base)
    if (!base || (this.newest && snapshot.tick <= this.newest.tick)) return false
    const parts = this.gathering.get(snapshot.tick) ?? []
    if (parts.every(({ part }) => part !== snapshot.part)) parts.push(snapshot)
    this.gathering.set(snapshot.tick, parts)
    if (parts.length < snapshot.parts) {
      if (this.gathering.size > GATHERED) this.gathering.delete(Math.min(...this.gathering.keys()))
      return false
    }
    for (const tick of [...this.gathering.keys()]) if (tick <= snapshot.tick) this.gathering.delete(tick)
    const world = applied(base, parts)
    this.worlds.set(snapshot.tick, world)
    if (this.worlds.size > KEPT) {
      // The first key is the empty world, the second the oldest.
      const [, oldest] = this.worlds.keys()
      if (oldest !== undefined) this.worlds.delete(oldest)
    }
    this.newest = { tick: snapshot.tick, time_ms: snapshot.time_ms, ack: snapshot.ack, world }
    this.frames.push(this.newest)
    if (this.frames.length > KEPT) this.frames.shift()
    return true
  }

  /**
   * The world at a time of the server's: what is `smooth` goes straight from one snapshot to the next, `angles` (radians) the
   * shorter way round, all else is as in the earlier one. Before the first snapshot the first, after the last the last.
   */
  at(time_ms: number, smooth: readonly string[], angles: readonly string[] = []): World {
    const after = this.frames.findIndex((frame) => frame.time_ms > time_ms)
    const newer = this.frames[after]
    const older = after < 0 ? this.frames.at(-1) : this.frames[after - 1]
    if (!older || !newer) return (older ?? newer)?.world ?? new Map()
    const share = (time_ms - older.time_ms) / (newer.time_ms - older.time_ms)
    const world = new Map<Key, Fields>()
    for (const [key, fields] of older.world) {
      const next = newer.world.get(key)
      world.set(key, next ? between(fields, next, share, smooth, angles) : fields)
    }
    return world
  }
}

function applied(base: World, parts: readonly Snapshot[]): World {
  const world = new Map(base)
  for (const { removed } of parts) for (const key of removed) world.delete(key)
  for (const { changed } of parts) for (const [key, fields] of changed) world.set(key, { ...world.get(key), ...fields })
  return world
}

function between(old: Fields, next: Fields, share: number, smooth: readonly string[], angles: readonly string[]): Fields {
  const mixed: Record<string, Value> = { ...old }
  for (const name of smooth) {
    const [from, to] = [old[name], next[name]]
    if (typeof from === 'number' && typeof to === 'number') mixed[name] = from + (to - from) * share
  }
  for (const name of angles) {
    const [from, to] = [old[name], next[name]]
    if (typeof from === 'number' && typeof to === 'number') mixed[name] = from + turn(to - from) * share
  }
  return mixed
}

/** The same turn, between -π and π. */
function turn(angle: number): number {
  const whole = 2 * Math.PI
  return ((((angle + Math.PI) % whole) + whole) % whole) - Math.PI
}
