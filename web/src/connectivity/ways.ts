/** What gathering found, and what it means; pure. Fed by `probe`, shown by features/connectivity. */

/** How a browser may reach the server. `second` is a further STUN port, there to see what a NAT does. */
export type Way = 'udp' | 'tcp' | 'tls'

/** One address of this browser, as somebody sees it. */
export interface Found {
  readonly kind: 'host' | 'srflx' | 'relay'
  readonly address: string
  readonly port: number
  readonly after_ms: number
}

/** One round of gathering with one kind of server, alone. */
export interface Gathered {
  readonly found: readonly Found[]
  /** What servers said no with (RFC 8489 §14.8); a server that does not answer is none. */
  readonly refused: readonly number[]
}

export interface Servers {
  readonly stun: string | null
  readonly second: string | null
  readonly turn: Readonly<Record<Way, RTCIceServer | null>>
}

export type WayState = 'open' | 'closed' | 'absent'

export interface WayResult {
  readonly way: Way
  readonly state: WayState
  readonly host: string
  readonly port: number | null
  readonly after_ms: number | null
  /** Whether an address was lent by this way. */
  readonly relayed: boolean
}

/** none: the server sees the browser's own address. */
export type Nat = 'none' | 'same' | 'changing' | 'unknown'

export type Family = 'ipv4' | 'ipv6' | 'hidden'

export interface Place {
  readonly host: string
  readonly port: number | null
}

export const WAYS: readonly Way[] = ['udp', 'tcp', 'tls']

const NOTHING: Gathered = { found: [], refused: [] }

/** `turns:name:443?transport=tcp` → its host and port. */
export function placeOf(url: string): Place {
  const [, host = '', port = ''] = /^(?:stuns?|turns?):(\[[^\]]+\]|[^:?]+)(?::(\d+))?/i.exec(url) ?? []
  return { host, port: port ? Number(port) : null }
}

const wayOf = (url: string): Way => (/^turns:/i.test(url) ? 'tls' : /[?&]transport=tcp/i.test(url) ? 'tcp' : 'udp')

/** Every URL of the server's list under the way it tests. */
export function sortServers(servers: readonly RTCIceServer[], natCheck: readonly string[]): Servers {
  const turn: Record<Way, RTCIceServer | null> = { udp: null, tcp: null, tls: null }
  let stun: string | null = null
  for (const server of servers) {
    for (const url of typeof server.urls === 'string' ? [server.urls] : server.urls) {
      if (/^stun:/i.test(url)) stun ??= url
      else if (/^turns?:/i.test(url)) turn[wayOf(url)] ??= { ...server, urls: [url] }
    }
  }
  return { stun: natCheck[0] ?? stun, second: natCheck[1] ?? null, turn }
}

/** One way by what the relay there and, for UDP, STUN answered. */
export function judgeWay(way: Way, servers: Servers, relay: Gathered | null, stun: Gathered | null): WayResult {
  const url = servers.turn[way]?.urls[0] ?? (way === 'udp' ? servers.stun : null)
  const { host, port } = placeOf(url ?? '')
  const { found, refused } = relay ?? NOTHING
  const lent = found.filter(({ kind }) => kind === 'relay')
  const answers = [...lent, ...(way === 'udp' ? (stun ?? NOTHING).found.filter(({ kind }) => kind === 'srflx') : [])]
  const open = answers.length > 0 || refused.length > 0
  return {
    way,
    state: url === null ? 'absent' : open ? 'open' : 'closed',
    host,
    port,
    after_ms: answers.length > 0 ? Math.min(...answers.map(({ after_ms }) => after_ms)) : null,
    relayed: lent.length > 0,
  }
}

export const isIpv6 = (address: string): boolean => address.includes(':')

const mapped = ({ found }: Gathered): readonly Found[] =>
  found.filter(({ kind, address }) => kind === 'srflx' && !isIpv6(address))

/**
 * What stands between: `first` and `second` asked one STUN port each, `both` asked them from one port of the browser. More
 * addresses then than when asked one by one means another port for each destination.
 */
export function judgeNat(udp: WayResult, first: Gathered, second: Gathered, both: Gathered): Nat {
  if (udp.state !== 'open') return 'unknown'
  // Some browsers keep back what a server sees when it is one of their own addresses, and some keep back their own.
  const own = new Set(first.found.filter(({ kind }) => kind === 'host').map(({ address }) => address))
  if (mapped(first).length > 0 && mapped(first).every(({ address }) => own.has(address))) return 'none'
  if (mapped(first).length === 0) return mapped(second).length === 0 ? 'none' : 'unknown'
  if (mapped(second).length === 0) return 'unknown'
  return mapped(both).length > Math.max(mapped(first).length, mapped(second).length) ? 'changing' : 'same'
}

/** Which kinds of address the browser has; some show a made-up name until the camera was allowed. */
export function familiesOf(gathered: readonly Gathered[]): readonly Family[] {
  const seen = new Set<Family>()
  for (const { found } of gathered) {
    for (const { kind, address } of found) {
      if (kind === 'relay') continue
      seen.add(address.endsWith('.local') ? 'hidden' : isIpv6(address) ? 'ipv6' : 'ipv4')
    }
  }
  return [...seen].sort()
}

export type Verdict = 'good' | 'slower' | 'closed' | 'unserved'

export function verdictOf(ways: readonly WayResult[]): Verdict {
  if (ways.every(({ state }) => state === 'absent')) return 'unserved'
  if (ways.some(({ way, state }) => way === 'udp' && state === 'open')) return 'good'
  return ways.some(({ state }) => state === 'open') ? 'slower' : 'closed'
}
