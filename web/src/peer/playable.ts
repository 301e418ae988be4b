/** A browser's track as screens want it. The same track gives the same object, so that tiles do not redraw. */

import type { PlayableTrack } from '../room/snapshot'

const made = new WeakMap<MediaStreamTrack, PlayableTrack>()

export function playable(track: MediaStreamTrack): PlayableTrack {
  let known = made.get(track)
  if (!known) {
    const stream = new MediaStream([track])
    known = {
      sid: track.id,
      attach(element) {
        element.srcObject = stream
        return element
      },
      detach(element) {
        if (element.srcObject === stream) element.srcObject = null
        return element
      },
    }
    made.set(track, known)
  }
  return known
}
