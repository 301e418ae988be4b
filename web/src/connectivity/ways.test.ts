import { expect, it } from 'vitest'
import { familiesOf, judgeNat, judgeWay, placeOf, sortServers, verdictOf, WAYS, type Found, type Gathered } from './ways'

const gathered = (found: readonly Partial<Found>[], refused: readonly number[] = []): Gathered => ({
  found: found.map((one) => ({ kind: 'srflx', address: '203.0.113.5', port: 40_000, after_ms: 20, ...one })),
  refused,
})
const nothing = gathered([])
const servers = sortServers(
  [
    { urls: ['stun:call.example:3478'] },
    {
      urls: ['turn:call.example:3478?transport=udp', 'turn:call.example:3478?transport=tcp', 'turns:call.example:443?transport=tcp'],
      username: 'u',
      credential: 'c',
    },
  ],
  ['stun:call.example:3478', 'stun:call.example:3479'],
)

it('reads places of all kinds', () => {
  expect(placeOf('turns:call.example:443?transport=tcp')).toEqual({ host: 'call.example', port: 443 })
  expect(placeOf('stun:[2001:db8::1]:3478')).toEqual({ host: '[2001:db8::1]', port: 3478 })
  expect(placeOf('stun:call.example')).toEqual({ host: 'call.example', port: null })
  expect(placeOf('http://x')).toEqual({ host: '', port: null })
})

it('gives each way its own server, with the password', () => {
  expect(servers.stun).toBe('stun:call.example:3478')
  expect(servers.second).toBe('stun:call.example:3479')
  expect(servers.turn.tls).toEqual({ urls: ['turns:call.example:443?transport=tcp'], username: 'u', credential: 'c' })
  expect(sortServers([], []).turn).toEqual({ udp: null, tcp: null, tls: null })
})

it('calls a way open when anybody answered there', () => {
  const lent = gathered([{ kind: 'relay', after_ms: 30 }])
  expect(judgeWay('tcp', servers, lent, null)).toMatchObject({ state: 'open', relayed: true, after_ms: 30, port: 3478 })
  expect(judgeWay('tcp', servers, gathered([], [401]), null)).toMatchObject({ state: 'open', relayed: false, after_ms: null })
  expect(judgeWay('tls', servers, nothing, gathered([{}]))).toMatchObject({ state: 'closed', port: 443 })
  expect(judgeWay('udp', servers, nothing, gathered([{}]))).toMatchObject({ state: 'open', relayed: false, after_ms: 20 })
  expect(judgeWay('tls', sortServers([{ urls: 'stun:a:1' }], []), null, null).state).toBe('absent')
})

it('tells kinds of NAT apart by how many addresses one port has', () => {
  const udp = judgeWay('udp', servers, gathered([{ kind: 'relay' }]), nothing)
  const [one, other] = [gathered([{}]), gathered([{ port: 40_001 }])]
  expect(judgeNat(udp, one, other, gathered([{}]))).toBe('same')
  expect(judgeNat(udp, one, other, gathered([{}, { port: 40_001 }]))).toBe('changing')
  // Two networks at once: two addresses each, which is no change.
  const two = gathered([{}, { address: '198.51.100.1' }])
  expect(judgeNat(udp, two, two, two)).toBe('same')
  expect(judgeNat(udp, nothing, nothing, nothing)).toBe('none')
  expect(judgeNat(udp, gathered([{}, { kind: 'host' }]), other, one)).toBe('none')
  expect(judgeNat(udp, one, nothing, one)).toBe('unknown')
  expect(judgeNat({ ...udp, state: 'closed' }, one, other, one)).toBe('unknown')
})

it('sums up', () => {
  const all = (answers: readonly Gathered[]): ReturnType<typeof verdictOf> =>
    verdictOf(WAYS.map((way, at) => judgeWay(way, servers, answers[at] ?? nothing, nothing)))
  const lent = gathered([{ kind: 'relay' }])
  expect(all([lent, nothing, nothing])).toBe('good')
  expect(all([nothing, nothing, lent])).toBe('slower')
  expect(all([nothing, nothing, nothing])).toBe('closed')
  expect(verdictOf(WAYS.map((way) => judgeWay(way, sortServers([], []), null, null)))).toBe('unserved')
  const hosts = gathered([{ kind: 'host', address: 'a-b.local' }, { kind: 'srflx' }, { kind: 'srflx', address: '2001:db8::5' }, { kind: 'relay', address: '192.0.2.1' }])
  expect(familiesOf([hosts])).toEqual(['hidden', 'ipv4', 'ipv6'])
})
