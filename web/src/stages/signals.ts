/** What a signaling message is, in a word and a preview: Roomful's relay speaks JSON, LiveKit's protocol protobuf. Pure. */

export interface Signal {
  readonly name: string
  /** Readable parts of it, cut short. */
  readonly preview: string
}

const MOST_PREVIEW = 600

/** Oneof cases by field number, of `SignalRequest` and `SignalResponse` in LiveKit's `livekit_rtc.proto`. */
const REQUESTS: Readonly<Record<number, string>> = {
  1: 'offer', 2: 'answer', 3: 'trickle', 4: 'add_track', 5: 'mute', 6: 'subscription', 7: 'track_setting', 8: 'leave',
  10: 'update_layers', 11: 'subscription_permission', 12: 'sync_state', 13: 'simulate', 14: 'ping', 15: 'update_metadata',
  16: 'ping_req', 17: 'update_audio_track', 18: 'update_video_track',
}
const RESPONSES: Readonly<Record<number, string>> = {
  1: 'join', 2: 'answer', 3: 'offer', 4: 'trickle', 5: 'update', 6: 'track_published', 8: 'leave', 9: 'mute',
  10: 'speakers_changed', 11: 'room_update', 12: 'connection_quality', 13: 'stream_state_update',
  14: 'subscribed_quality_update', 15: 'subscription_permission_update', 16: 'refresh_token', 17: 'track_unpublished',
  18: 'pong', 19: 'reconnect', 20: 'pong_resp', 21: 'subscription_response', 22: 'request_response', 23: 'track_subscribed',
  24: 'room_moved', 25: 'media_sections_requirement', 26: 'subscribed_audio_codec_update',
}

export function signalOf(data: string | Uint8Array | null, sent: boolean): Signal {
  if (data === null) return { name: 'long message', preview: '' }
  return typeof data === 'string' ? fromJson(data) : fromProtobuf(data, sent)
}

function fromJson(text: string): Signal {
  try {
    const value: unknown = JSON.parse(text)
    return { name: nameIn(value), preview: JSON.stringify(hideSecrets(value), null, 1).replace(/\\r\\n/g, '\n').slice(0, MOST_PREVIEW) }
  } catch {
    return { name: 'text', preview: text.slice(0, MOST_PREVIEW) }
  }
}

/** The innermost word that says what it is: a relay message carries a page's own message in its data. */
function nameIn(value: unknown): string {
  if (typeof value !== 'object' || value === null) return 'message'
  const fields = value as Record<string, unknown>
  const inner = fields['data'] ?? fields['message'] ?? fields['description']
  const own = fields['kind'] ?? fields['type'] ?? fields['op']
  const deeper = typeof inner === 'object' && inner !== null ? nameIn(inner) : ''
  return deeper && deeper !== 'message' ? deeper : typeof own === 'string' ? own : 'message'
}

function hideSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(hideSecrets)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [key, /token|secret|password|credential/i.test(key) ? '…' : hideSecrets(one)]),
  )
}

function fromProtobuf(bytes: Uint8Array, sent: boolean): Signal {
  const names = sent ? REQUESTS : RESPONSES
  for (const field of fields(bytes)) {
    const name = names[field.number]
    if (name === undefined) continue
    // Tokens and keys travel in these.
    const secret = name === 'join' || name === 'refresh_token' || name === 'reconnect'
    const inner = field.bytes && !secret ? texts(field.bytes, 2).join('\n') : ''
    return { name, preview: inner.slice(0, MOST_PREVIEW) }
  }
  return { name: 'message', preview: '' }
}

interface Field {
  readonly number: number
  readonly bytes: Uint8Array | null
}

/** The fields of a message; stops at the first that is malformed (Protocol Buffers, "Encoding"). */
function* fields(bytes: Uint8Array): Generator<Field> {
  let at = 0
  const varint = (): number | null => {
    let value = 0
    for (let shift = 0; shift < 50; shift += 7) {
      const byte = bytes[at++]
      if (byte === undefined) return null
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    return null
  }
  while (at < bytes.length) {
    const key = varint()
    if (key === null) return
    const number = Math.floor(key / 8)
    switch (key % 8) {
      case 0:
        if (varint() === null) return
        yield { number, bytes: null }
        break
      case 1:
        at += 8
        yield { number, bytes: null }
        break
      case 2: {
        const length = varint()
        if (length === null || at + length > bytes.length) return
        yield { number, bytes: bytes.subarray(at, at + length) }
        at += length
        break
      }
      case 5:
        at += 4
        yield { number, bytes: null }
        break
      default:
        return
    }
  }
}

/** Readable texts in a message, down to a depth. */
function texts(bytes: Uint8Array, depth: number): string[] {
  const found: string[] = []
  for (const field of fields(bytes)) {
    if (!field.bytes || field.bytes.length < 2) continue
    const text = readable(field.bytes)
    if (text !== null) found.push(text)
    else if (depth > 0) found.push(...texts(field.bytes, depth - 1))
  }
  return found
}

function readable(bytes: Uint8Array): string | null {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return /^[^\u0000-\u0008\u000e-\u001f\u007f]*$/.test(text) ? text : null
  } catch {
    return null
  }
}
