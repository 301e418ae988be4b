import { expect, it } from 'vitest'
import { MOST_LINES, MOST_TEXT, withLine } from './chat'
import type { ChatLine } from './snapshot'

const line = (id: string, more: Partial<ChatLine> = {}): ChatLine => ({
  id,
  identity: 'a',
  name: 'A',
  isLocal: false,
  text: 'hello',
  at: 0,
  edited: false,
  ...more,
})

it('appends, and drops a second copy', () => {
  const lines = withLine([], line('1'))
  expect(withLine(lines, line('1'))).toBe(lines)
  expect(withLine(lines, line('2')).map((one) => one.id)).toEqual(['1', '2'])
})
it('lets the writer edit, and nobody else', () => {
  const lines = withLine([], line('1'))
  expect(withLine(lines, line('1', { text: 'new', edited: true }))[0]).toMatchObject({ text: 'new', edited: true })
  expect(withLine(lines, line('1', { text: 'forged', identity: 'b' }))).toBe(lines)
})
it('is bounded in lines and length', () => {
  let lines: readonly ChatLine[] = []
  for (let i = 0; i < MOST_LINES + 5; i++) lines = withLine(lines, line(String(i)))
  expect(lines).toHaveLength(MOST_LINES)
  expect(lines[0]?.id).toBe('5')
  expect(withLine([], line('x', { text: 'y'.repeat(MOST_TEXT * 2) }))[0]?.text.length).toBe(MOST_TEXT + 1)
})
