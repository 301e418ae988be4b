/** How good a direct connection is, from two readings of its statistics. Pure. */

import type { Quality } from '../room/snapshot'

export interface Counters {
  readonly received: number
  readonly lost: number
  /** Of the selected pair; null while there is none. */
  readonly roundTrip_ms: number | null
}

export function qualityOf(before: Counters | null, now: Counters): Quality {
  if (now.roundTrip_ms === null) return 'unknown'
  const received = now.received - (before?.received ?? 0)
  const lost = Math.max(0, now.lost - (before?.lost ?? 0))
  const share = received + lost > 0 ? lost / (received + lost) : 0
  if (share > 0.08 || now.roundTrip_ms > 500) return 'poor'
  if (share > 0.02 || now.roundTrip_ms > 200) return 'good'
  return 'excellent'
}

interface Entry {
  readonly type: string
  readonly packetsReceived?: number
  readonly packetsLost?: number
  readonly nominated?: boolean
  readonly state?: string
  readonly currentRoundTripTime?: number
}

export function countersOf(entries: Iterable<Entry>): Counters {
  let received = 0
  let lost = 0
  let roundTrip_ms: number | null = null
  for (const entry of entries) {
    if (entry.type === 'inbound-rtp') {
      received += entry.packetsReceived ?? 0
      lost += entry.packetsLost ?? 0
    }
    if (entry.type === 'candidate-pair' && entry.state === 'succeeded' && entry.nominated === true)
      roundTrip_ms = (entry.currentRoundTripTime ?? 0) * 1_000
  }
  return { received, lost, roundTrip_ms }
}
