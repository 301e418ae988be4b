import { describe, expect, it } from 'vitest'
import { loudness } from './level'
import { visible } from './order'
import { deviceProblem, endReason } from './reason'
import type { ParticipantView } from './snapshot'

const person = (identity: string, more: Partial<ParticipantView> = {}): ParticipantView => ({
  identity,
  name: identity,
  isLocal: false,
  speaking: false,
  micOn: true,
  hasMic: true,
  camera: null,
  quality: 'good',
  sharing: false,
  ...more,
})

describe('visible', () => {
  const people = ['me', 'a', 'b', 'c', 'd'].map((id) => person(id, { isLocal: id === 'me' }))
  const ids = (list: readonly ParticipantView[]): string => list.map((one) => one.identity).join(' ')
  it('shows all who fit', () => {
    expect(visible(people, 5)).toBe(people)
  })
  it('gives a hidden speaker the place of the last who is silent, and never mine', () => {
    const talking = people.map((one) => (one.identity === 'd' ? { ...one, speaking: true } : one))
    expect(ids(visible(talking, 3))).toBe('me a d')
    expect(ids(visible(talking, 1))).toBe('me')
  })
})

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
