import { describe, expect, it } from 'vitest'
import { report, type Stat } from './report'
import { signalOf } from './signals'
import { MOST_ENTRIES, MOST_KEPT_BYTES, Watch } from './watch'

const stats = (...all: Stat[]): Map<string, Stat> => new Map(all.map((one) => [one.id, one]))

describe('a report', () => {
  const now = stats(
    { id: 'T', type: 'transport', selectedCandidatePairId: 'P2', dtlsState: 'connected', dtlsRole: 'client', tlsVersion: 'FEFD', srtpCipher: 'AEAD_AES_128_GCM', localCertificateId: 'C1', remoteCertificateId: 'C2', iceRole: 'controlling', bytesSent: 900, bytesReceived: 800 },
    { id: 'C1', type: 'certificate', fingerprint: 'AA:BB', fingerprintAlgorithm: 'sha-256' },
    { id: 'L1', type: 'local-candidate', candidateType: 'host', protocol: 'udp', address: '192.0.2.1', port: 5000 },
    { id: 'R1', type: 'remote-candidate', candidateType: 'relay', protocol: 'udp', address: '2001:db8::1', port: 6000 },
    { id: 'P1', type: 'candidate-pair', localCandidateId: 'L1', remoteCandidateId: 'R1', state: 'failed' },
    { id: 'P2', type: 'candidate-pair', localCandidateId: 'L1', remoteCandidateId: 'R1', state: 'succeeded', currentRoundTripTime: 0.012, requestsSent: 3, responsesReceived: 2 },
    { id: 'O', type: 'outbound-rtp', kind: 'video', codecId: 'K', remoteId: 'RI', packetsSent: 1_000, bytesSent: 250_000, timestamp: 2_000, nackCount: 4, pliCount: 1, firCount: 1, frameWidth: 640, frameHeight: 360, framesPerSecond: 29.7, rid: 'h' },
    { id: 'RI', type: 'remote-inbound-rtp', packetsLost: 7, jitter: 0.004, roundTripTime: 0.05 },
    { id: 'K', type: 'codec', mimeType: 'video/VP8' },
    { id: 'D', type: 'data-channel', label: 'roomful', state: 'open', messagesSent: 2, messagesReceived: 3 },
  )

  it('holds the four stages', () => {
    const before = stats({ id: 'O', type: 'outbound-rtp', bytesSent: 125_000, timestamp: 1_000 })
    const found = report(now, before)
    expect(found.pairs[0]).toMatchObject({ id: 'P2', selected: true, roundTrip_ms: 12, checksSent: 3, checksAnswered: 2 })
    expect(found.pairs[0]?.local).toEqual({ id: 'L1', kind: 'host', protocol: 'udp', address: '192.0.2.1', port: 5000 })
    expect(found.securing).toEqual({ state: 'connected', role: 'client', dtls: 'DTLS 1.2', dtlsCipher: '', srtpCipher: 'AEAD_AES_128_GCM', ownFingerprint: 'sha-256 AA:BB', theirFingerprint: '' })
    expect(found.flows).toEqual([
      { id: 'O', sent: true, kind: 'video', codec: 'VP8', packets: 1_000, kbps: 1_000, lost: 7, jitter_ms: 4, roundTrip_ms: 50, asked: 4, keyFramesAsked: 2, picture: '640×360, 30/s', layer: 'h' },
    ])
    expect(found.channels).toEqual([{ id: 'D', label: 'roomful', state: 'open', sent: 2, received: 3 }])
    expect([found.sentBytes, found.receivedBytes]).toEqual([900, 800])
  })

  it('finds the pair in use where there are no transport statistics', () => {
    const firefox = stats({ id: 'P', type: 'candidate-pair', nominated: true, state: 'succeeded', bytesSent: 5 })
    expect(report(firefox, null)).toMatchObject({ securing: null, sentBytes: 5, pairs: [{ selected: true }] })
    expect(report(new Map(), null)).toMatchObject({ pairs: [], flows: [], role: '' })
  })
})

describe('a signaling message', () => {
  it('is named by its innermost kind, without its secrets', () => {
    const text = JSON.stringify({ type: 'publish', channel: 'p2p/a', token: 'abc', data: { kind: 'description', description: { type: 'offer', sdp: 'v=0\r\no=' } } })
    const signal = signalOf(text, true)
    expect(signal.name).toBe('offer')
    expect(signal.preview).toContain('v=0\no=')
    expect(signal.preview).not.toContain('abc')
    expect(signalOf('{"type":"welcome"}', false).name).toBe('welcome')
    expect(signalOf('plain words', false)).toEqual({ name: 'text', preview: 'plain words' })
  })

  it('is named by its field in LiveKit’s protocol', () => {
    const sdp = new TextEncoder().encode('v=0')
    const description = [0x0a, 5, ...new TextEncoder().encode('offer'), 0x12, sdp.length, ...sdp]
    const offer = new Uint8Array([0x0a, description.length, ...description])
    expect(signalOf(offer, true)).toEqual({ name: 'offer', preview: 'offer\nv=0' })
    expect(signalOf(new Uint8Array([0x0a, 3, 0x0a, 1, 65]), false)).toEqual({ name: 'join', preview: '' })
    expect(signalOf(new Uint8Array([0x0a, 0xff, 0xff]), false).name).toBe('message')
    expect(signalOf(null, false).name).toBe('long message')
  })

  it('never throws, whatever the bytes', () => {
    let seed = 7
    const byte = (): number => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) % 256
    for (let round = 0; round < 3_000; round++) {
      const bytes = Uint8Array.from({ length: byte() % 40 }, byte)
      expect(typeof signalOf(bytes, round % 2 === 0).name).toBe('string')
    }
  })
})

describe('the watch', () => {
  it('keeps a bounded number of messages and counts all', () => {
    const watch = new Watch(() => 1)
    for (let at = 0; at < MOST_ENTRIES + 10; at++) watch.signal('/rtc', at % 2 === 0, 'hello')
    watch.signal('/rtc', false, 'x'.repeat(MOST_KEPT_BYTES + 1))
    expect(watch.signals).toHaveLength(MOST_ENTRIES)
    expect(watch.signals.at(-1)).toMatchObject({ data: null, bytes: MOST_KEPT_BYTES + 1 })
    expect(watch.counts.sent + watch.counts.received).toBe(MOST_ENTRIES + 11)
  })

  it('copies bytes, since their owner goes on using them', () => {
    const watch = new Watch(() => 1)
    const bytes = new Uint8Array([1, 2, 3]).subarray(1)
    watch.signal('/rtc', true, bytes)
    bytes[0] = 9
    expect(watch.signals[0]?.data).toEqual(new Uint8Array([2, 3]))
  })
})
