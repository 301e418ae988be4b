import { describe, expect, it } from 'vitest'
import { MOST_LINES as MOST_CAPTIONS, MOST_TEXT, SHOWN_MS as CAPTION_MS, stillShown, withCaption, type CaptionLine } from './captions'
import { houseOf, moderates, roleOf } from './house'
import { MOST_SHOWN, reactionOf, Reactions, REACTIONS, SHOWN_MS } from './reactions'

describe('reactions', () => {
  it('takes only its own few', () => {
    expect(REACTIONS.map(reactionOf)).toEqual(REACTIONS)
    for (const text of ['', 'x', '<b>', '👍👍', '🖕']) expect(reactionOf(text)).toBeNull()
  })
  it('counts a thousand a second from one person as a handful', () => {
    const all = new Reactions()
    const counted = Array.from({ length: 1_000 }, (_, at) => all.add('flood', 'F', '👍', at)).filter(Boolean)
    expect(counted.length).toBeLessThanOrEqual(7)
    expect(all.add('calm', 'C', '👏', 1_000)).toBe(true)
  })
  it('shows so many at most, and none for ever', () => {
    const all = new Reactions()
    for (let who = 0; who < 2_000; who++) all.add(String(who), '', '👍', 0)
    expect(all.shown).toHaveLength(MOST_SHOWN)
    expect(all.forget(SHOWN_MS - 1)).toBe(false)
    expect(all.forget(SHOWN_MS)).toBe(true)
    expect(all.shown).toEqual([])
  })
})

describe('captions', () => {
  const line = (id: string, text: string, more: Partial<CaptionLine> = {}): CaptionLine => ({ id, name: 'A', text, final: false, at_ms: 0, ...more })
  it('lets a line grow in place, and drops one that became empty', () => {
    const lines = withCaption(withCaption(withCaption([], line('1', 'so')), line('2', 'yes')), line('1', 'so it is'))
    expect(lines.map((one) => one.text)).toEqual(['so it is', 'yes'])
    expect(withCaption(lines, line('2', ' ')).map((one) => one.id)).toEqual(['1'])
    expect(withCaption([], line('3', ''))).toEqual([])
  })
  it('is bounded in lines and in text, of which the newest is kept', () => {
    let lines: readonly CaptionLine[] = []
    for (let at = 0; at < 100; at++) lines = withCaption(lines, line(String(at), `${'x'.repeat(50_000)}end`))
    expect(lines).toHaveLength(MOST_CAPTIONS)
    expect(lines[0]?.text.length).toBe(MOST_TEXT + 1)
    expect(lines[0]?.text.endsWith('end')).toBe(true)
  })
  it('goes a while after its end', () => {
    const lines = [line('1', 'a', { final: true }), line('2', 'b')]
    expect(stillShown(lines, CAPTION_MS - 1)).toBe(lines)
    expect(stillShown(lines, CAPTION_MS).map((one) => one.id)).toEqual(['2'])
    expect(stillShown(lines, 60_000)).toEqual([])
  })
})

describe('house', () => {
  it('reads what the server says, and takes nothing odd for it', () => {
    const rules = { preset: 'classroom', guest: 'listener', speak: 'speaker', share: 'cohost', chat: 'listener', lobby: true, locked: 'yes', quiet: true }
    expect(houseOf({ rules, waiting: [{ identity: 'a', name: 'A' }, 7, null, { identity: 1 }] })).toEqual({
      rules: { ...rules, locked: false },
      waiting: [{ identity: 'a', name: 'A' }],
    })
    expect(houseOf({})).toBeNull()
    expect(houseOf({ rules: {}, waiting: 'x' })).toBeNull()
    expect(houseOf({ rules: { preset: '__proto__' }, waiting: [] })?.rules).toMatchObject({ preset: 'call', guest: 'speaker' })
  })
  it('knows who moderates', () => {
    expect(['listener', 'speaker', 'cohost', 'host', 'king', undefined].map((one) => moderates(roleOf(one)))).toEqual([false, false, true, true, false, false])
  })
})
