/** Who is seen where: the stage as places, for a choice of layout, a pin and who speaks. Pure; called by the stage. */

import type { ParticipantView, ScreenView } from './snapshot'

export const LAYOUTS = ['auto', 'grid', 'speaker', 'screen', 'floating'] as const
/** `auto` is a grid, and screen-first while somebody shares. */
export type Layout = (typeof LAYOUTS)[number]

export type Subject =
  | { readonly kind: 'person'; readonly id: string; readonly person: ParticipantView }
  | { readonly kind: 'screen'; readonly id: string; readonly screen: ScreenView }

export interface Wish {
  readonly layout: Layout
  /** A subject's id; one that is gone counts as none. */
  readonly pinned: string | null
  readonly hideSelf: boolean
  /** Identity of who spoke last (`nextDominant`). */
  readonly dominant: string | null
}

export interface Arrangement {
  /** `grid`: no main; `side`: main and a strip of the others; `floating`: main alone, oneself in a corner. */
  readonly shape: 'grid' | 'side' | 'floating'
  readonly main: Subject | null
  readonly others: readonly Subject[]
}

const ofPerson = (person: ParticipantView): Subject => ({ kind: 'person', id: person.identity, person })
const ofScreen = (screen: ScreenView): Subject => ({ kind: 'screen', id: screen.id, screen })

export function arrange(people: readonly ParticipantView[], screens: readonly ScreenView[], wish: Wish): Arrangement {
  // Alone, or with a pin on oneself, there is nobody else to look at.
  const hidden = wish.hideSelf && people.length > 1
  const shown = people.filter((one) => !(hidden && one.isLocal && wish.pinned !== one.identity)).map(ofPerson)
  const shared = screens.map(ofScreen)
  const all = [...shared, ...shown]
  const pinned = all.find((one) => one.id === wish.pinned)
  const screen = shared.find((one) => one.kind === 'screen' && !one.screen.isLocal) ?? shared[0]

  if (wish.layout === 'floating') {
    const main = pinned ?? screen ?? speaker(shown, wish.dominant) ?? null
    const self = shown.filter((one) => one.kind === 'person' && one.person.isLocal && one !== main)
    return { shape: 'floating', main, others: self }
  }
  const main =
    pinned ??
    (wish.layout === 'speaker' ? speaker(shown, wish.dominant) : undefined) ??
    (wish.layout === 'screen' ? (screen ?? speaker(shown, wish.dominant)) : undefined) ??
    (wish.layout === 'auto' ? screen : undefined)
  const person = main?.kind === 'person'
  if (!main || (person && all.length === 1)) return { shape: 'grid', main: null, others: all }
  return { shape: 'side', main, others: all.filter((one) => one !== main) }
}

/** Who spoke last, or the first other one; oneself only when alone. */
function speaker(people: readonly Subject[], dominant: string | null): Subject | undefined {
  return people.find((one) => one.id === dominant) ?? people.find((one) => one.kind === 'person' && !one.person.isLocal) ?? people[0]
}

/**
 * Who has the stage: whoever speaks keeps it while they speak; then the first other one who speaks gets it.
 * Oneself never takes it, so that one does not look at oneself while speaking.
 */
export function nextDominant(before: string | null, people: readonly ParticipantView[]): string | null {
  const others = people.filter((one) => !one.isLocal)
  const now = others.find((one) => one.identity === before)
  if (now?.speaking) return before
  const other = others.find((one) => one.speaking)
  return other?.identity ?? (now ? before : null)
}

/** Tiles at once at most. */
export const MOST_TILES = 49
/** A tile smaller than this, in CSS px, tells nothing: the rest goes to further pages. */
const LEAST_WIDE = 150
const LEAST_TALL = 96

/** How many tiles one page of a grid of this size takes. */
export function pageSize(width: number, height: number, gap: number): number {
  const phone = width < 600
  const columns = Math.floor((width + gap) / ((phone ? 130 : LEAST_WIDE) + gap))
  const rows = Math.floor((height + gap) / ((phone ? 110 : LEAST_TALL) + gap))
  return Math.min(MOST_TILES, Math.max(1, columns * rows))
}

export interface Page {
  readonly page: number
  readonly pages: number
  readonly shown: readonly Subject[]
}

/**
 * One page of subjects. On the first page a speaker who would be on a later one takes the place of the last who is
 * silent; the order of those shown is kept, so that tiles do not jump about.
 */
export function paged(subjects: readonly Subject[], most: number, wanted: number): Page {
  const pages = Math.max(1, Math.ceil(subjects.length / most))
  const page = Math.min(Math.max(0, wanted), pages - 1)
  const first = page * most
  const shown = subjects.slice(first, first + most)
  if (page > 0) return { page, pages, shown }
  for (const one of subjects.slice(most)) {
    if (one.kind !== 'person' || !one.person.speaking) continue
    const silent = shown.findLastIndex((other) => other.kind === 'person' && !other.person.speaking && !other.person.isLocal)
    if (silent < 0) break
    shown[silent] = one
  }
  return { page, pages, shown }
}
