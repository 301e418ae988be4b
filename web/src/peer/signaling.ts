/** How peers find each other, as the call sees it. `relay-signaling` is the real one; tests join two ends in memory. */

export interface Member {
  /** Made by the page for one stay; the same after a lost signaling connection. */
  readonly peer: string
  readonly name: string
}

/** What one page tells another through the server. Once a link is up, everything else goes directly. */
export type SignalMessage =
  | { readonly kind: 'description'; readonly description: RTCSessionDescriptionInit; readonly screen: string | null }
  | { readonly kind: 'candidate'; readonly candidate: RTCIceCandidateInit | null }
  | { readonly kind: 'bye' }

export interface SignalingEvents {
  /** Everybody who is there, told at every (re)connection; never oneself. */
  present(members: readonly Member[]): void
  joined(member: Member): void
  left(peer: string): void
  message(from: string, message: SignalMessage): void
  /** Down: it reconnects by itself, and media goes on meanwhile. */
  state(up: boolean): void
  /** For good: `full`, `refused`, `unreachable`. */
  ended(code: string): void
}

export interface Signaling {
  /** Resolves when in the room; rejects with an Error whose message is one of the codes of `ended`. */
  join(room: string, self: Member, events: SignalingEvents): Promise<void>
  send(to: string, message: SignalMessage): void
  leave(): void
}

type Fields = Record<string, unknown>
const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null

/** What came from another page, or null: whoever has the link may send anything. */
export function signalMessage(value: unknown): SignalMessage | null {
  if (!isFields(value)) return null
  switch (value['kind']) {
    case 'description': {
      const inner = value['description']
      if (!isFields(inner) || typeof inner['sdp'] !== 'string') return null
      const type = inner['type']
      if (type !== 'offer' && type !== 'answer' && type !== 'pranswer' && type !== 'rollback') return null
      const screen = value['screen']
      return { kind: 'description', description: { type, sdp: inner['sdp'] }, screen: typeof screen === 'string' ? screen : null }
    }
    case 'candidate': {
      const inner = value['candidate']
      if (inner === null) return { kind: 'candidate', candidate: null }
      if (!isFields(inner) || typeof inner['candidate'] !== 'string') return null
      const mid = inner['sdpMid']
      const line = inner['sdpMLineIndex']
      return {
        kind: 'candidate',
        candidate: {
          candidate: inner['candidate'],
          sdpMid: typeof mid === 'string' ? mid : null,
          sdpMLineIndex: typeof line === 'number' ? line : null,
        },
      }
    }
    case 'bye':
      return { kind: 'bye' }
    default:
      return null
  }
}
