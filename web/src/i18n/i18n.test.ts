import { expect, it } from 'vitest'
import { de } from './de'
import { en } from './en'
import { ar } from './ar'
import { over } from './merge'
import { zh } from './zh'
import { directionOf, messages, pickLanguage } from '.'

it('picks the first language it has', () => {
  expect(pickLanguage(['fr-FR', 'de-AT', 'en'])).toBe('de')
  expect(pickLanguage(['xx'])).toBe('en')
  expect(pickLanguage(['toString', '__proto__'])).toBe('en')
  expect(messages('xx')).toBe(en)
  expect(pickLanguage(['zh-Hans-CN'])).toBe('zh')
  expect(['en', 'de', 'zh', 'ar'].map(directionOf)).toEqual(['ltr', 'ltr', 'ltr', 'rtl'])
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

it.each([
  ['Chinese', zh],
  ['Arabic', ar],
])('knows nothing that English does not, and nearly all it does, in %s', (_, words) => {
  const english = new Map(leaves(en))
  const own = new Map(leaves(words))
  for (const [path, text] of own) {
    expect(english.has(path), path).toBe(true)
    if (typeof text === 'string') expect(text.trim(), path).not.toBe('')
  }
  // Words that were added lately may be in English for a while, a page of them may not.
  const missing = [...english.keys()].filter((path) => !own.has(path))
  expect(missing.length / english.size, missing.join(' ')).toBeLessThan(0.1)
})

it('reads in English what a language does not have', () => {
  const base = { a: { b: 'one', c: 'two' }, d: ['x'], e: (n: number) => String(n) }
  const merged = over(base, { a: { b: 'eins' } })
  expect(merged).toMatchObject({ a: { b: 'eins', c: 'two' }, d: ['x'] })
  expect(merged.e(2)).toBe('2')
})
