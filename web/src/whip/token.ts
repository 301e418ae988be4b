/** Tokens of the two ways: one to send, one to watch. Called by `player`, `broadcaster` and the broadcaster's page. */

import { ApiError, requestJoin } from '../room/api'
import { forgetHostKeys, hostKey, saveIdentity, savedIdentity } from '../room/device'

/** Of a browser's own seat: calls of the same device are other people (`room/seat.ts`). */
const SEAT = 0

/** Raises ApiError: `host_needed` where only hosts may broadcast. */
export async function requestKey(role: 'broadcaster' | 'viewer', room: string, name: string): Promise<string> {
  const known = savedIdentity(SEAT)
  const key = role === 'broadcaster' ? hostKey(room) : ''
  try {
    const answer = await requestJoin({ room, name, role, ...(known ?? {}), ...(key ? { host_key: key } : {}) })
    if (answer.identity) saveIdentity(SEAT, { identity: answer.identity, identity_key: answer.identity_key })
    return answer.token
  } catch (error) {
    if (error instanceof ApiError && error.code === 'host_key_invalid') forgetHostKeys()
    throw error
  }
}
