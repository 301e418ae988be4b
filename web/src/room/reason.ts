/** Why a stay ended or a device failed, from the call library's and the browser's terms. Pure. */

import type { DeviceProblem, EndReason } from './snapshot'

/** DisconnectReason of LiveKit's `livekit_models.proto`. */
export function endReason(code: number | undefined): EndReason {
  switch (code) {
    case 1:
      return 'left'
    case 2:
      return 'duplicate'
    case 3:
      return 'shutdown'
    case 4:
      return 'removed'
    case 5:
    case 10:
      return 'closed'
    case 7:
      return 'failed'
    case 12:
      return 'refused'
    case 15:
      return 'media'
    default:
      return 'lost'
  }
}

/** By the names of getUserMedia's errors (Media Capture and Streams §10.3). */
export function deviceProblem(error: unknown): DeviceProblem {
  const name = error instanceof Error || error instanceof DOMException ? error.name : ''
  switch (name) {
    case 'NotAllowedError':
    case 'PermissionDeniedError':
    case 'SecurityError':
      return 'denied'
    case 'NotFoundError':
    case 'DevicesNotFoundError':
    case 'OverconstrainedError':
      return 'missing'
    case 'NotReadableError':
    case 'TrackStartError':
    case 'AbortError':
      return 'busy'
    case 'DeviceUnsupportedError':
      return 'insecure'
    default:
      return 'other'
  }
}
