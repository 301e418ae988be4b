import { expect, it } from 'vitest'
import { lineOf, stateIn, withKept, type KeptLine } from './kept'

const told = (id: string, more: object = {}): object => ({ id, sender: 'a', name: 'A', text: id, sent_at_ms: 5, edited_at_ms: null, deleted: false, ...more })
const line = (id: string, more: object = {}): KeptLine => {
  const found = lineOf(told(id, more), 'me')
  if (!found) throw new Error('no line')
  return found
}
const ids = (kept: readonly { readonly id: string }[]): string => kept.map((one) => one.id).join('')

it('reads a message, and nothing else', () => {
  expect(line('x', { sender: 'me', name: '' })).toMatchObject({ isLocal: true, name: 'me', edited: false, at: 5 })
  for (const odd of [null, 'x', [], {}, told('x', { text: 5 }), told('x', { sent_at_ms: '5' })]) expect(lineOf(odd, 'me')).toBeNull()
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
  expect(stateIn(bytes(JSON.stringify({ message: told('x') })), 'me')?.id).toBe('x')
  for (const odd of ['{', 'null', '{"message":1}']) expect(stateIn(bytes(odd), 'me')).toBeNull()
})
it('puts older messages before what was said meanwhile', () => {
  const now = withKept([], [line('z', { sent_at_ms: 9 })])
  expect(ids(withKept(now, [line('a', { sent_at_ms: 1 }), line('b', { sent_at_ms: 2 })]))).toBe('abz')
})
it('changes what is known, and takes away what was deleted', () => {
  const two = withKept([], [line('a'), line('b')])
  expect(withKept(two, [line('a')])).toBe(two)
  expect(withKept(two, [line('a', { text: 'new', edited_at_ms: 7 })])[0]).toMatchObject({ text: 'new', edited: true })
  expect(ids(withKept(two, [line('a', { deleted: true, text: '' })]))).toBe('b')
  expect(withKept(two, [line('never seen', { deleted: true })])).toBe(two)
})
