/** Who is seen when not everybody fits. Pure; called by the stage. */

import type { ParticipantView } from './snapshot'

/**
 * The first `most` in joining order, but a speaker who would be hidden takes the place of the last who is silent.
 * The order of those shown is kept, so that tiles do not jump about.
 */
export function visible(people: readonly ParticipantView[], most: number): readonly ParticipantView[] {
  if (people.length <= most) return people
  const shown = people.slice(0, most)
  for (const speaker of people.slice(most).filter((one) => one.speaking)) {
    const silent = shown.findLastIndex((one) => !one.speaking && !one.isLocal)
    if (silent < 0) break
    shown[silent] = speaker
  }
  return shown
}
