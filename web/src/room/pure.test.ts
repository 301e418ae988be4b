import { describe, expect, it } from 'vitest'
import { loudness } from './level'
import { deviceProblem, endReason } from './reason'

describe('reasons', () => {
  it('tells apart what the server says', () => {
    expect([1, 2, 3, 4, 5, 10, 15, 9, undefined].map(endReason)).toEqual([
      'left', 'duplicate', 'shutdown', 'removed', 'closed', 'closed', 'media', 'lost', 'lost',
    ])
  })
  it('tells apart why a device failed', () => {
    const named = (name: string): Error => Object.assign(new Error('x'), { name })
    expect(deviceProblem(named('NotAllowedError'))).toBe('denied')
    expect(deviceProblem(named('NotFoundError'))).toBe('missing')
    expect(deviceProblem(named('NotReadableError'))).toBe('busy')
    expect(deviceProblem('text')).toBe('other')
  })
})

it('loudness runs from silence to a loud voice', () => {
  expect(loudness(new Float32Array(64))).toBe(0)
  expect(loudness(new Float32Array())).toBe(0)
  expect(loudness(new Float32Array(64).fill(0.03))).toBeGreaterThan(0.4)
  expect(loudness(new Float32Array(64).fill(1))).toBe(1)
})
