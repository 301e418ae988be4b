import { expect, it } from 'vitest'
import { randomRoom } from './names'

it('makes names that need no escaping in an address', () => {
  for (const value of [0, 0.25, 0.5, 0.999999]) {
    const room = randomRoom(() => value)
    expect(room).toMatch(/^[a-z]+-[a-z]+-[a-z]+-\d{3}$/)
    expect(encodeURIComponent(room)).toBe(room)
  }
})
