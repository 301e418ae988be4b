/** Tries each way to the server by itself, with real peer connections that only gather. Called by the page; keeps nothing. */

import { requestConnectivity, requestInfo } from '../room/api'
import { familiesOf, judgeNat, judgeWay, sortServers, verdictOf, WAYS, type Family, type Found, type Gathered, type Nat, type Verdict, type WayResult } from './ways'

/** A way that has not answered by then counts as closed. */
export const LIMIT_MS = 6_000
const ROUND_TRIPS = 5

export interface Report {
  readonly ways: readonly WayResult[]
  readonly verdict: Verdict
  readonly nat: Nat
  readonly families: readonly Family[]
  /** As servers outside see this browser. */
  readonly seen: readonly string[]
  readonly lent: readonly string[]
  readonly roundTrip_ms: number | null
}

/** Gathers with these servers alone, until done or `enough` is found. */
export async function gather(
  servers: readonly RTCIceServer[],
  policy: RTCIceTransportPolicy,
  enough: (found: readonly Found[]) => boolean,
  limit_ms = LIMIT_MS,
): Promise<Gathered> {
  const connection = new RTCPeerConnection({ iceServers: [...servers], iceTransportPolicy: policy })
  const found: Found[] = []
  const refused: number[] = []
  try {
    connection.createDataChannel('')
    const began = performance.now()
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(resolve, limit_ms)
      const finish = (): void => {
        clearTimeout(timer)
        resolve()
      }
      connection.addEventListener('icecandidate', ({ candidate }) => {
        if (candidate === null) {
          finish()
          return
        }
        const { type, address, port } = candidate
        if ((type === 'host' || type === 'srflx' || type === 'relay') && address && port !== null) {
          found.push({ kind: type, address, port, after_ms: performance.now() - began })
        }
        if (enough(found)) finish()
      })
      connection.addEventListener('icecandidateerror', ({ errorCode }) => {
        // 7xx are the browser's own: nobody answered.
        if (errorCode >= 300 && errorCode < 700) refused.push(errorCode)
      })
      connection.setLocalDescription().catch(reject)
    })
  } finally {
    connection.close()
  }
  return { found, refused }
}

/** Of one HTTP request that is answered at once; the fastest counts, the first also opens a connection. */
async function roundTrip(): Promise<number | null> {
  let best: number | null = null
  for (let count = 0; count < ROUND_TRIPS; count++) {
    const began = performance.now()
    if ((await requestInfo().catch(() => null)) === null) return best
    const took = performance.now() - began
    best = best === null ? took : Math.min(best, took)
  }
  return best
}

const places = (gathered: readonly Gathered[], wanted: Found['kind']): readonly string[] => [
  ...new Set(gathered.flatMap(({ found }) => found.filter(({ kind }) => kind === wanted).map(({ address }) => address))),
]

export async function probe(): Promise<Report> {
  const roundTrip_ms = await roundTrip()
  const { iceServers, natCheck } = await requestConnectivity()
  const servers = sortServers(iceServers, natCheck)
  const nothing: Gathered = { found: [], refused: [] }
  const ask = (...urls: readonly (string | null)[]): Promise<Gathered> => {
    const asked = urls.filter((url) => url !== null)
    return asked.length === urls.length ? gather([{ urls: asked }], 'all', () => false) : Promise.resolve(nothing)
  }
  const relays = WAYS.map(async (way) => {
    const server = servers.turn[way]
    return server ? gather([server], 'relay', (found) => found.length > 0) : null
  })
  const [first, second, both, ...lent] = await Promise.all([ask(servers.stun), ask(servers.second), ask(servers.stun, servers.second), ...relays])
  const ways = WAYS.map((way, at) => judgeWay(way, servers, lent[at] ?? null, first))
  const udp = ways[0]
  return {
    ways,
    verdict: verdictOf(ways),
    nat: udp ? judgeNat(udp, first, second, both) : 'unknown',
    families: familiesOf([first]),
    seen: places([first, second, both], 'srflx'),
    lent: places(lent.filter((one) => one !== null), 'relay'),
    roundTrip_ms,
  }
}
