/** How the connection is, and why: a reason that can be said in words, from two readings of the same connections. Pure. */

import type { Probed } from './probe'
import type { Flow } from './report'

/** In order of weight: the first that holds is told. */
export const REASONS = ['apart', 'lossUp', 'lossDown', 'slow', 'jitter', 'fine', 'unknown'] as const
export type Reason = (typeof REASONS)[number]

export interface Health {
  readonly reason: Reason
  readonly sent_kbps: number
  readonly received_kbps: number
  readonly roundTrip_ms: number | null
  readonly jitter_ms: number | null
  /** 0 to 1, of what was sent and received since the reading before. */
  readonly lossUp: number
  readonly lossDown: number
}

const LOSS = 0.03
const SLOW_MS = 300
const JITTER_MS = 50

export type Reading = readonly Pick<Probed, 'state' | 'report'>[]

export function healthOf(before: Reading | null, now: Reading): Health {
  const flows = now.flatMap(({ report }) => report.flows)
  const earlier = new Map((before ?? []).flatMap(({ report }) => report.flows).map((one) => [one.id, one]))
  const up = flows.filter((one) => one.sent)
  const down = flows.filter((one) => !one.sent)
  const trips = now.flatMap(({ report }) => report.pairs.filter((one) => one.selected).flatMap((one) => one.roundTrip_ms ?? []))
  const jitters = down.filter((one) => one.kind === 'audio').flatMap((one) => one.jitter_ms ?? [])
  const roundTrip_ms = trips.length > 0 ? Math.max(...trips) : null
  const jitter_ms = jitters.length > 0 ? Math.max(...jitters) : null
  const health = { lossUp: lossOf(up, earlier), lossDown: lossOf(down, earlier), roundTrip_ms, jitter_ms }
  return { reason: reasonOf(now, health), sent_kbps: rate(up), received_kbps: rate(down), ...health }
}

function reasonOf(now: Reading, health: Pick<Health, 'lossUp' | 'lossDown' | 'roundTrip_ms' | 'jitter_ms'>): Reason {
  if (now.length === 0 || now.every(({ state }) => state === 'new' || state === 'connecting')) return 'unknown'
  if (now.some(({ state }) => state === 'disconnected' || state === 'failed')) return 'apart'
  if (health.lossUp > LOSS) return 'lossUp'
  if (health.lossDown > LOSS) return 'lossDown'
  if ((health.roundTrip_ms ?? 0) > SLOW_MS) return 'slow'
  if ((health.jitter_ms ?? 0) > JITTER_MS) return 'jitter'
  return 'fine'
}

function lossOf(flows: readonly Flow[], earlier: ReadonlyMap<string, Flow>): number {
  let lost = 0
  let packets = 0
  for (const one of flows) {
    const then = earlier.get(one.id)
    lost += Math.max(0, one.lost - (then?.lost ?? 0))
    packets += Math.max(0, one.packets - (then?.packets ?? 0))
  }
  return lost + packets > 0 ? lost / (lost + packets) : 0
}

const rate = (flows: readonly Flow[]): number => Math.round(flows.reduce((sum, one) => sum + (one.kbps ?? 0), 0))
