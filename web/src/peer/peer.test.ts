import { describe, expect, it } from 'vitest'
import { streamIds } from './link'
import { countersOf, qualityOf } from './quality'
import { signalMessage } from './signaling'
import { MOST_MESSAGE, peerMessage } from './wire'

describe('what another page signals', () => {
  it('takes descriptions, candidates and the end of candidates', () => {
    expect(signalMessage({ kind: 'description', description: { type: 'offer', sdp: 'v=0' }, screen: 's' })).toEqual({
      kind: 'description',
      description: { type: 'offer', sdp: 'v=0' },
      screen: 's',
    })
    expect(signalMessage({ kind: 'candidate', candidate: null })).toEqual({ kind: 'candidate', candidate: null })
    expect(signalMessage({ kind: 'candidate', candidate: { candidate: 'c', sdpMid: '0', sdpMLineIndex: 0, other: 1 } })).toEqual({
      kind: 'candidate',
      candidate: { candidate: 'c', sdpMid: '0', sdpMLineIndex: 0 },
    })
  })

  it.each([
    null,
    'offer',
    {},
    { kind: 'description' },
    { kind: 'description', description: { type: 'offer' } },
    { kind: 'description', description: { type: 'evil', sdp: '' } },
    { kind: 'candidate', candidate: 7 },
    { kind: 'candidate', candidate: {} },
    { kind: '__proto__' },
  ])('refuses %j', (value) => {
    expect(signalMessage(value)).toBeNull()
  })
})

describe('what comes over the data channel', () => {
  it('takes chat and presence', () => {
    expect(peerMessage('{"kind":"chat","id":"1","text":"hi","at":5}')).toEqual({ kind: 'chat', id: '1', text: 'hi', at: 5 })
    expect(peerMessage('{"kind":"presence","name":" Ada\\u0000 ","mic":true,"camera":1}')).toEqual({
      kind: 'presence',
      name: 'Ada',
      mic: true,
      camera: false,
      screen: false,
    })
  })

  it.each([new ArrayBuffer(4), '{', '[]', '1', '{"kind":"chat","id":1,"text":"","at":0}', '{"kind":"presence"}', `"${'x'.repeat(MOST_MESSAGE)}"`])(
    'refuses %j',
    (data) => {
      expect(peerMessage(data)).toBeNull()
    },
  )

  it('cuts long names and ids', () => {
    const name = 'n'.repeat(500)
    expect(peerMessage(JSON.stringify({ kind: 'presence', name }))).toMatchObject({ name: 'n'.repeat(60) })
    expect(peerMessage(JSON.stringify({ kind: 'chat', id: name, text: '', at: 1 }))).toMatchObject({ id: 'n'.repeat(64) })
  })
})

describe('streams of a description', () => {
  it('are found by section, without those that send nothing', () => {
    const sdp = [
      'v=0',
      'm=audio 9 UDP/TLS/RTP/SAVPF 111',
      'a=mid:0',
      'a=msid:people mic',
      'm=video 9 UDP/TLS/RTP/SAVPF 96',
      'a=msid:screen picture',
      'a=mid:1',
      'm=application 9 UDP/DTLS/SCTP webrtc-datachannel',
      'a=mid:2',
      '',
    ].join('\r\n')
    expect([...streamIds(sdp)]).toEqual([
      ['0', 'people'],
      ['1', 'screen'],
    ])
  })
})

describe('quality', () => {
  const at = (received: number, lost: number, roundTrip_ms: number | null): Parameters<typeof qualityOf>[1] => ({ received, lost, roundTrip_ms })
  it('judges what happened since the last reading', () => {
    expect(qualityOf(null, at(0, 0, null))).toBe('unknown')
    expect(qualityOf(null, at(100, 0, 20))).toBe('excellent')
    expect(qualityOf(at(100, 50, 20), at(200, 50, 20))).toBe('excellent')
    expect(qualityOf(at(100, 0, 20), at(195, 5, 20))).toBe('good')
    expect(qualityOf(at(100, 0, 20), at(180, 20, 20))).toBe('poor')
    expect(qualityOf(null, at(100, 0, 900))).toBe('poor')
  })
  it('adds up what is received and knows the pair in use', () => {
    expect(
      countersOf([
        { type: 'inbound-rtp', packetsReceived: 5, packetsLost: 1 },
        { type: 'inbound-rtp', packetsReceived: 7 },
        { type: 'outbound-rtp', packetsReceived: 90 },
        { type: 'candidate-pair', state: 'succeeded', nominated: false, currentRoundTripTime: 9 },
        { type: 'candidate-pair', state: 'succeeded', nominated: true, currentRoundTripTime: 0.03 },
      ]),
    ).toEqual({ received: 12, lost: 1, roundTrip_ms: 30 })
  })
})
