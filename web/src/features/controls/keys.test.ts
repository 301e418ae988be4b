// @vitest-environment jsdom

import { expect, it } from 'vitest'
import { actionOf, KEYS, takesText } from './keys'

const press = (key: string, more = {}) => ({ key, ctrlKey: false, metaKey: false, altKey: false, repeat: false, ...more })

it('knows each key in both cases', () => {
  for (const [action, key] of Object.entries(KEYS)) {
    // The event's name of the space bar is the space itself.
    const one = key === 'Space' ? ' ' : key
    expect(actionOf(press(one))).toBe(action)
    expect(actionOf(press(one.toLowerCase()))).toBe(action)
  }
})
it('leaves the browser its own keys, and a held key repeats nothing', () => {
  for (const more of [{ ctrlKey: true }, { metaKey: true }, { altKey: true }, { repeat: true }])
    expect(actionOf(press('m', more))).toBeNull()
})
it('rests while somebody types', () => {
  expect(takesText(document.createElement('textarea'))).toBe(true)
  expect(takesText(document.createElement('button'))).toBe(false)
  expect(takesText(null)).toBe(false)
})
