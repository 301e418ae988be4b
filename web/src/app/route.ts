/**
 * Addresses of the app, pure: `/`, `/r/<room>`, and `/?room=R&name=N&join=1` which joins straight away; `/p2p` and
 * `/p2p/<room>` for calls without a server in the media path; `/broadcast`, `/broadcast/<room>` and `/watch/<room>`: one sends, many
 * watch; `/connectivity`, which tells what a network lets through.
 */

export type Route =
  | { readonly page: 'home' }
  | { readonly page: 'room'; readonly room: string; readonly direct: Direct | null }
  | { readonly page: 'peers' }
  | { readonly page: 'peer-room'; readonly room: string; readonly direct: Direct | null }
  | { readonly page: 'connectivity' }
  | { readonly page: 'broadcasts' }
  | { readonly page: 'broadcast'; readonly room: string }
  | { readonly page: 'watch'; readonly room: string }
  | { readonly page: 'missing' }

/** Join without pre-join. */
export interface Direct {
  readonly name: string
  readonly audio: boolean
  readonly video: boolean
}

export interface Address {
  readonly pathname: string
  readonly search: string
}

export function routeOf({ pathname, search }: Address): Route {
  const query = new URLSearchParams(search)
  if (pathname === '/' || pathname === '/index.html') {
    const room = cleanRoom(query.get('room') ?? '')
    return room ? { page: 'room', room, direct: directOf(query) } : { page: 'home' }
  }
  if (/^\/p2p\/?$/.test(pathname)) return { page: 'peers' }
  if (/^\/connectivity\/?$/.test(pathname)) return { page: 'connectivity' }
  if (/^\/broadcast\/?$/.test(pathname)) return { page: 'broadcasts' }
  const [, kind, segment] = /^\/(r|p2p|broadcast|watch)\/([^/]+)\/?$/.exec(pathname) ?? []
  const room = segment === undefined ? '' : cleanRoom(decoded(segment))
  if (!room) return { page: 'missing' }
  if (kind === 'broadcast' || kind === 'watch') return { page: kind, room }
  return { page: kind === 'p2p' ? 'peer-room' : 'room', room, direct: directOf(query) }
}

function directOf(query: URLSearchParams): Direct | null {
  if (query.get('join') !== '1') return null
  return { name: query.get('name') ?? '', audio: query.get('audio') !== '0', video: query.get('video') !== '0' }
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return ''
  }
}

/** Bytes of UTF-8, as the server counts. */
export const MOST_ROOM_BYTES = 256

/** Without control characters and outer spaces; "" when nothing is left. */
export function cleanRoom(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f]/g, '').replace(/\s+/g, ' ').trim()
}

export const roomTooLong = (room: string): boolean => new TextEncoder().encode(room).length > MOST_ROOM_BYTES

export const roomPath = (room: string): string => `/r/${encodeURIComponent(room)}`
export const broadcastPath = (room: string): string => `/broadcast/${encodeURIComponent(room)}`
export const watchPath = (room: string): string => `/watch/${encodeURIComponent(room)}`
export const peerPath = (room: string): string => `/p2p/${encodeURIComponent(room)}`

/** The key in `#host=<key>`; "" when there is none. */
export function hostKeyOf(hash: string): string {
  return new URLSearchParams(hash.replace(/^#/, '')).get('host') ?? ''
}
