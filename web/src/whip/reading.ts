/** Delay, size and bitrate of a stream from two readings of the browser's statistics (W3C webrtc-stats). Pure. */

export type Stat = { readonly type: string } & Readonly<Record<string, unknown>>

export interface Reading {
  readonly at_ms: number
  readonly bytes: number
  readonly frames: number
  /** Sum over frames of the time from the first packet to the decoded picture, in s. */
  readonly waited_s: number
  readonly roundTrip_s: number | null
  readonly width: number
  readonly height: number
}

const number = (value: unknown): number => (typeof value === 'number' && Number.isFinite(value) ? value : 0)

/** `sent` reads what leaves; otherwise what comes. */
export function readingOf(stats: Iterable<Stat>, at_ms: number, sent: boolean): Reading {
  let [bytes, frames, waited_s, width, height] = [0, 0, 0, 0, 0]
  let roundTrip_s: number | null = null
  for (const one of stats) {
    if (one.type === (sent ? 'outbound-rtp' : 'inbound-rtp')) {
      bytes += number(one[sent ? 'bytesSent' : 'bytesReceived'])
      if (one['kind'] !== 'video') continue
      frames += number(one['framesDecoded'])
      waited_s += number(one['totalProcessingDelay'])
      if (number(one['frameHeight']) > height) [width, height] = [number(one['frameWidth']), number(one['frameHeight'])]
    }
    if (one.type === 'candidate-pair' && one['state'] === 'succeeded' && one['nominated'] === true)
      roundTrip_s = number(one['currentRoundTripTime'])
  }
  return { at_ms, bytes, frames, waited_s, roundTrip_s, width, height }
}

export interface Measured {
  readonly kbps: number
  /** From the server to the picture: half a round trip, then waiting for the rest of the frame and decoding; null when not known. */
  readonly delay_ms: number | null
  readonly width: number
  readonly height: number
}

export function measured(before: Reading | null, now: Reading): Measured {
  const seconds = before ? (now.at_ms - before.at_ms) / 1_000 : 0
  const frames = before ? now.frames - before.frames : 0
  const waited_s = before && frames > 0 ? (now.waited_s - before.waited_s) / frames : null
  return {
    kbps: before && seconds > 0 ? Math.max(0, ((now.bytes - before.bytes) * 8) / 1_000 / seconds) : 0,
    delay_ms: waited_s === null || waited_s < 0 || now.roundTrip_s === null ? null : (waited_s + now.roundTrip_s / 2) * 1_000,
    width: now.width,
    height: now.height,
  }
}

export interface Layer {
  readonly rid: string
  readonly height: number
}

/** What the event `layers` tells, best first. */
export function layersIn(data: Readonly<Record<string, unknown>>): readonly Layer[] {
  const found = Object.values(data).find(Array.isArray) as readonly unknown[] | undefined
  return (found ?? []).flatMap((one) => {
    if (typeof one !== 'object' || one === null) return []
    const { rid, height } = one as Record<string, unknown>
    return typeof rid === 'string' && rid !== '' ? [{ rid, height: number(height) }] : []
  })
}
