import { expect, it } from 'vitest'
import { healthOf, type Reading } from './health'
import type { Flow, Report } from './report'

const flow = (more: Partial<Flow>): Flow => ({
  id: 'a', sent: false, kind: 'audio', codec: 'opus', packets: 100, kbps: 30, lost: 0, jitter_ms: 5, roundTrip_ms: null, asked: 0, keyFramesAsked: 0, picture: '', layer: '', ...more,
})
const reading = (flows: Flow[], state: RTCPeerConnectionState = 'connected', roundTrip_ms = 20): Reading => [
  { state, report: { flows, pairs: [{ selected: true, roundTrip_ms }] } as unknown as Report },
]

it('says why a connection is as it is', () => {
  expect(healthOf(null, []).reason).toBe('unknown')
  expect(healthOf(null, reading([], 'connecting')).reason).toBe('unknown')
  expect(healthOf(null, reading([flow({})], 'disconnected')).reason).toBe('apart')
  expect(healthOf(null, reading([flow({})]))).toMatchObject({ reason: 'fine', received_kbps: 30, sent_kbps: 0, roundTrip_ms: 20 })
  expect(healthOf(null, reading([flow({})], 'connected', 800)).reason).toBe('slow')
  expect(healthOf(null, reading([flow({ jitter_ms: 90 })])).reason).toBe('jitter')
  expect(healthOf(null, reading([flow({ lost: 10 })])).reason).toBe('lossDown')
  expect(healthOf(null, reading([flow({ lost: 10 }), flow({ id: 'b', sent: true, lost: 20 })])).reason).toBe('lossUp')
})

it('judges the time since the reading before, not the whole call', () => {
  const before = reading([flow({ lost: 50, packets: 100 })])
  expect(healthOf(before, reading([flow({ lost: 50, packets: 300 })])).lossDown).toBe(0)
  expect(healthOf(before, reading([flow({ lost: 60, packets: 190 })])).lossDown).toBeCloseTo(0.1)
})
