/** Roomful's relay protocol as frames (docs/reference/relay.md). Pure: text is JSON, binary is a JSON head and bytes after it. */

export type Fields = Record<string, unknown>

/** JSON, or bytes: a message with bytes travels as a binary frame. */
export type Data = unknown

export const isBytes = (data: unknown): data is Uint8Array | ArrayBuffer => data instanceof Uint8Array || data instanceof ArrayBuffer

/** Raises RangeError when the head is longer than its length field can say. */
export function encode(head: Fields, data?: Data): string | Uint8Array<ArrayBuffer> {
  if (data === undefined) return JSON.stringify(head)
  if (!isBytes(data)) return JSON.stringify({ ...head, data })
  const bytes = data instanceof Uint8Array ? data : new Uint8Array(data)
  const text = new TextEncoder().encode(JSON.stringify(head))
  if (text.length > 0xffff) throw new RangeError('the head of a binary frame is longer than 65535 bytes')
  const frame = new Uint8Array(2 + text.length + bytes.length)
  new DataView(frame.buffer).setUint16(0, text.length)
  frame.set(text, 2)
  frame.set(bytes, 2 + text.length)
  return frame
}

/** The message, its bytes as `data`; null when it is none. */
export function decode(frame: unknown): Fields | null {
  try {
    if (typeof frame === 'string') return fieldsOf(JSON.parse(frame))
    if (!(frame instanceof ArrayBuffer) || frame.byteLength < 2) return null
    const end = 2 + new DataView(frame).getUint16(0)
    if (end > frame.byteLength) return null
    const head = fieldsOf(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(new Uint8Array(frame, 2, end - 2))))
    return head && { ...head, data: new Uint8Array(frame.slice(end)) }
  } catch {
    return null
  }
}

function fieldsOf(value: unknown): Fields | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : null
}
