import { expect, it } from 'vitest'
import { de } from './de'
import { en } from './en'
import { messages, pickLanguage } from '.'

it('picks the first language it has', () => {
  expect(pickLanguage(['fr-FR', 'de-AT', 'en'])).toBe('de')
  expect(pickLanguage(['xx'])).toBe('en')
  expect(pickLanguage(['toString', '__proto__'])).toBe('en')
  expect(messages('xx')).toBe(en)
})

const leaves = (value: object, path = ''): [string, unknown][] =>
  Object.entries(value).flatMap(([key, one]: [string, unknown]) =>
    typeof one === 'object' && one !== null ? leaves(one, `${path}${key}.`) : [[path + key, one]],
  )

it('leaves nothing empty or untranslated in German', () => {
  const english = new Map(leaves(en))
  const alike = new Set(['app.name', 'devices.', 'room.chat', 'chat.title', 'people.title'])
  for (const [path, text] of leaves(de)) {
    expect(english.has(path), path).toBe(true)
    if (typeof text !== 'string') continue
    expect(text.trim(), path).not.toBe('')
    if (!alike.has(path)) expect(text, path).not.toBe(english.get(path))
  }
})
