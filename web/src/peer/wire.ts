/** What pages say to each other over the data channel. Pure. Whatever arrives is checked: the other end is a stranger's page. */

export interface Chat {
  readonly kind: 'chat'
  readonly id: string
  readonly text: string
  /** Unix time in ms, by the sender's clock. */
  readonly at: number
}

export interface Presence {
  readonly kind: 'presence'
  readonly name: string
  readonly mic: boolean
  readonly camera: boolean
  readonly screen: boolean
}

export type PeerMessage = Chat | Presence

/** Characters of one message as JSON. */
export const MOST_MESSAGE = 64_000
export const MOST_NAME = 60

type Fields = Record<string, unknown>

export function peerMessage(data: unknown): PeerMessage | null {
  if (typeof data !== 'string' || data.length > MOST_MESSAGE) return null
  let value: unknown
  try {
    value = JSON.parse(data)
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null) return null
  const fields = value as Fields
  switch (fields['kind']) {
    case 'chat': {
      const { id, text, at } = fields
      if (typeof id !== 'string' || typeof text !== 'string' || typeof at !== 'number') return null
      return { kind: 'chat', id: id.slice(0, 64), text, at: Number.isFinite(at) ? at : 0 }
    }
    case 'presence': {
      const { name } = fields
      if (typeof name !== 'string') return null
      return {
        kind: 'presence',
        name: cleanName(name),
        mic: fields['mic'] === true,
        camera: fields['camera'] === true,
        screen: fields['screen'] === true,
      }
    }
    default:
      return null
  }
}

export function cleanName(name: string): string {
  return name.replace(/[\u0000-\u001f\u007f]/g, '').trim().slice(0, MOST_NAME)
}
