import { describe, expect, it } from 'vitest'
import { arrange, LAYOUTS, MOST_TILES, nextDominant, paged, pageSize, type Subject, type Wish } from './layout'
import type { ParticipantView, ScreenView } from './snapshot'
import { person } from './testing'

const people = ['me', 'a', 'b', 'c', 'd'].map((id) => person(id, { isLocal: id === 'me' }))
const track = { attach: (one: HTMLMediaElement) => one, detach: (one: HTMLMediaElement) => one }
const screen = (id: string, isLocal = false): ScreenView => ({ id, identity: 'a', name: 'A', isLocal, track })
const wish = (more: Partial<Wish> = {}): Wish => ({ layout: 'auto', pinned: null, hideSelf: false, dominant: null, ...more })
const ids = (subjects: readonly Subject[]): string => subjects.map((one) => one.id).join(' ')
const said = (list: readonly ParticipantView[], screens: readonly ScreenView[], one: Wish): string => {
  const { shape, main, others } = arrange(list, screens, one)
  return `${shape} ${main?.id ?? '-'}: ${ids(others)}`
}

describe('arrange', () => {
  it('is a grid by itself, and screen-first while somebody shares', () => {
    expect(said(people, [], wish())).toBe('grid -: me a b c d')
    expect(said(people, [screen('s1', true), screen('s2')], wish())).toBe('side s2: s1 me a b c d')
  })
  it('keeps a grid that was chosen, with screens as tiles', () => {
    expect(said(people, [screen('s')], wish({ layout: 'grid' }))).toBe('grid -: s me a b c d')
  })
  it('makes the speaker large, and the first other one while nobody spoke', () => {
    expect(said(people, [], wish({ layout: 'speaker', dominant: 'c' }))).toBe('side c: me a b d')
    expect(said(people, [], wish({ layout: 'speaker' }))).toBe('side a: me b c d')
    expect(said(people, [screen('s')], wish({ layout: 'screen', dominant: 'c' }))).toBe('side s: me a b c d')
    expect(said(people, [], wish({ layout: 'screen', dominant: 'c' }))).toBe('side c: me a b d')
  })
  it('shows one alone with oneself in a corner', () => {
    expect(said(people, [], wish({ layout: 'floating', dominant: 'b' }))).toBe('floating b: me')
    expect(said(people, [], wish({ layout: 'floating', hideSelf: true }))).toBe('floating a: ')
    expect(said(people.slice(0, 1), [], wish({ layout: 'floating' }))).toBe('floating me: ')
  })
  it('lets a pin win, and forgets one that is gone', () => {
    expect(said(people, [screen('s')], wish({ pinned: 'b' }))).toBe('side b: s me a c d')
    expect(said(people, [], wish({ pinned: 'gone' }))).toBe('grid -: me a b c d')
  })
  it('hides oneself, but never when alone, nor when pinned', () => {
    expect(said(people, [], wish({ hideSelf: true }))).toBe('grid -: a b c d')
    expect(said(people.slice(0, 1), [], wish({ hideSelf: true }))).toBe('grid -: me')
    expect(said(people, [], wish({ hideSelf: true, pinned: 'me' }))).toBe('side me: a b c d')
  })
  it('shows everybody and every screen once, whatever is wished, but for floating', () => {
    for (const layout of LAYOUTS.filter((one) => one !== 'floating'))
      for (const pinned of [null, 'a', 's', 'me'])
        for (let count = 1; count <= people.length; count++) {
          const { main, others } = arrange(people.slice(0, count), [screen('s')], wish({ layout, pinned }))
          expect([...(main ? [main] : []), ...others].map((one) => one.id).sort()).toEqual(
            ['s', ...people.slice(0, count).map((one) => one.identity)].sort(),
          )
        }
  })
})

describe('nextDominant', () => {
  const speaking = (...who: string[]): ParticipantView[] => people.map((one) => ({ ...one, speaking: who.includes(one.identity) }))
  it('stays with whoever speaks, goes to the next one, and stays in silence', () => {
    expect(nextDominant(null, speaking('b', 'c'))).toBe('b')
    expect(nextDominant('c', speaking('b', 'c'))).toBe('c')
    expect(nextDominant('c', speaking('b'))).toBe('b')
    expect(nextDominant('b', speaking())).toBe('b')
  })
  it('is never oneself, nor somebody who left', () => {
    expect(nextDominant(null, speaking('me'))).toBeNull()
    expect(nextDominant('gone', speaking())).toBeNull()
  })
})

describe('pages', () => {
  const all: Subject[] = people.map((one) => ({ kind: 'person', id: one.identity, person: one }))
  const talking = all.map((one) => (one.kind === 'person' && one.id === 'd' ? { ...one, person: { ...one.person, speaking: true } } : one))
  it('shows all who fit', () => {
    expect(paged(all, 5, 0)).toEqual({ page: 0, pages: 1, shown: all })
  })
  it('gives a hidden speaker the place of the last who is silent, and never mine', () => {
    expect(ids(paged(talking, 3, 0).shown)).toBe('me a d')
    expect(ids(paged(talking, 1, 0).shown)).toBe('me')
  })
  it('turns, and stays within what there is', () => {
    expect(paged(all, 2, 1)).toMatchObject({ page: 1, pages: 3 })
    expect(ids(paged(all, 2, 1).shown)).toBe('b c')
    expect(ids(paged(all, 2, 9).shown)).toBe('d')
    expect(paged([], 2, 9)).toEqual({ page: 0, pages: 1, shown: [] })
  })
  it('takes forty-nine in a wide window, few on a phone, and at least one', () => {
    expect(pageSize(1412, 800, 12)).toBe(MOST_TILES)
    expect(pageSize(374, 740, 8)).toBe(12)
    expect(pageSize(0, 0, 8)).toBe(1)
  })
})
