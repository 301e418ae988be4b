import { describe, expect, it } from 'vitest'
import { linksOf } from './links'
import { layersIn, measured, readingOf } from './reading'
import { fragmentOf, withCredentials } from './resource'

describe('linksOf', () => {
  it('reads several in one header', () => {
    const header = '<stun:a:1>; rel="ice-server", </whep/a,b/c/events>; rel="urn:x"; events="active,layers", <turn:b>; username="a\\",;b"; rel=plain'
    expect(linksOf(header)).toEqual([
      { target: 'stun:a:1', rel: 'ice-server' },
      { target: '/whep/a,b/c/events', rel: 'urn:x' },
      { target: 'turn:b', rel: 'plain' },
    ])
  })
  it.each(['', 'no link', '; rel="x"'])('finds none in %j', (header) => {
    expect(linksOf(header)).toEqual([])
  })
})

describe('an ICE restart', () => {
  const offer = 'v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:new1\r\na=ice-pwd:secret\r\nm=video 9 X 96\r\na=mid:1\r\n'
  it('tells credentials under the first section', () => {
    expect(fragmentOf(offer)).toBe('a=ice-ufrag:new1\r\na=ice-pwd:secret\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n')
  })
  it('changes the credentials of every section and nothing else', () => {
    const answer = 'v=0\r\na=ice-ufrag:old\r\na=ice-pwd:old\r\na=mid:0\r\na=ice-ufrag:old\r\na=ice-pwd:old\r\n'
    const after = withCredentials(answer, 'a=ice-ufrag:theirs\r\na=ice-pwd:word\r\n')
    expect(after).toBe('v=0\r\na=ice-ufrag:theirs\r\na=ice-pwd:word\r\na=mid:0\r\na=ice-ufrag:theirs\r\na=ice-pwd:word\r\n')
  })
})

describe('measured', () => {
  const stats = (bytes: number, frames: number, waited: number) => [
    { type: 'inbound-rtp', kind: 'video', bytesReceived: bytes, framesDecoded: frames, totalProcessingDelay: waited, frameWidth: 640, frameHeight: 360 },
    { type: 'inbound-rtp', kind: 'audio', bytesReceived: 0 },
    { type: 'candidate-pair', state: 'succeeded', nominated: true, currentRoundTripTime: 0.02 },
    { type: 'outbound-rtp', kind: 'video', bytesSent: 999 },
  ]
  it('takes the difference of two readings', () => {
    const before = readingOf(stats(0, 0, 0), 0, false)
    const seen = measured(before, readingOf(stats(125_000, 30, 1.5), 1_000, false))
    expect(seen).toMatchObject({ kbps: 1_000, width: 640, height: 360 })
    expect(seen.delay_ms).toBeCloseTo(60)
  })
  it('knows no delay from one reading, or without frames', () => {
    const one = readingOf(stats(10, 3, 1), 0, false)
    expect(measured(null, one).delay_ms).toBeNull()
    expect(measured(one, { ...one, at_ms: 1_000 }).delay_ms).toBeNull()
  })
  it('reads what is sent', () => {
    expect(readingOf(stats(0, 0, 0), 0, true).bytes).toBe(999)
  })
})

it('reads layers, best first, and passes over what is none', () => {
  expect(layersIn({ '1': [{ rid: 'f', height: 720 }, { rid: 'q' }, { height: 1 }, null, 'x'] })).toEqual([
    { rid: 'f', height: 720 },
    { rid: 'q', height: 0 },
  ])
  expect(layersIn({})).toEqual([])
})
