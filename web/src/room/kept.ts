/** The room's kept chat, over HTTP and as the server tells of it. Called by `session`; what comes back is checked, as anything from outside. */

import { ask } from './api'
import { withLine } from './chat'
import type { ChatLine } from './snapshot'

/** Data packets of this topic hold a message as it now stands. */
export const STATE_TOPIC = 'roomful.chat'

export interface KeptLine extends ChatLine {
  readonly deleted: boolean
}

type Fields = Readonly<Record<string, unknown>>
const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null

/** Null for what is no message. `own` is this person's identity. */
export function lineOf(value: unknown, own: string): KeptLine | null {
  if (!isFields(value)) return null
  const { id, sender, name, text, sent_at_ms: at } = value
  if (typeof id !== 'string' || typeof sender !== 'string' || typeof text !== 'string' || typeof at !== 'number') return null
  return {
    id,
    identity: sender,
    name: typeof name === 'string' && name ? name : sender,
    isLocal: sender === own,
    text,
    at,
    edited: typeof value['edited_at_ms'] === 'number',
    deleted: value['deleted'] === true,
  }
}

/** The server's word on messages: in their place by time, changed where they are known, gone where they were deleted. */
export function withKept(lines: readonly ChatLine[], kept: readonly KeptLine[]): readonly ChatLine[] {
  return kept.reduce(withOne, lines)
}

function withOne(lines: readonly ChatLine[], { deleted, ...line }: KeptLine): readonly ChatLine[] {
  const at = lines.findIndex((one) => one.id === line.id)
  if (deleted) return at < 0 ? lines : lines.toSpliced(at, 1)
  if (at >= 0) return withLine(lines, line)
  const later = lines.findIndex((one) => one.at > line.at)
  return later < 0 ? withLine(lines, line) : lines.toSpliced(later, 0, line)
}

const bearer = (token: string): Record<string, string> => ({ Authorization: `Bearer ${token}` })

/** The newest messages. Raises ApiError. */
export async function history(token: string, own: string): Promise<readonly KeptLine[]> {
  const { messages } = await ask('/api/chat?limit=100', { method: 'GET', headers: bearer(token) })
  return Array.isArray(messages) ? messages.flatMap((one: unknown) => lineOf(one, own) ?? []) : []
}

/** Says something; the same id again says nothing twice. Raises ApiError. */
export async function post(token: string, own: string, id: string, text: string): Promise<KeptLine | null> {
  const told = await ask('/api/chat', {
    method: 'POST',
    headers: { ...bearer(token), 'Content-Type': 'application/json' },
    body: JSON.stringify({ id, text }),
  })
  return lineOf(told, own)
}

/** Of a packet of `STATE_TOPIC`. */
export function stateIn(payload: Uint8Array, own: string): KeptLine | null {
  try {
    const told: unknown = JSON.parse(new TextDecoder().decode(payload))
    return isFields(told) ? lineOf(told['message'], own) : null
  } catch {
    return null
  }
}
