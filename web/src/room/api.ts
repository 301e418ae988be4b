/** The server's HTTP interface: `POST /api/join` and `GET /api/info`. Called by `join` and by pages; keeps nothing. */

export interface JoinRequest {
  readonly room: string
  readonly name: string
  readonly identity?: string
  readonly identity_key?: string
  readonly host_key?: string
  /** `member` unless said: in the room with the others; `broadcaster` sends by WHIP, `viewer` watches by WHEP. */
  readonly role?: 'member' | 'broadcaster' | 'viewer'
}

export interface JoinAnswer {
  /** Where to connect; "" means the page's own origin. */
  readonly url: string
  readonly token: string
  readonly room: string
  readonly identity: string
  readonly identity_key: string
  readonly host: boolean
  /** Newcomers come in with the microphone off. */
  readonly quiet: boolean
}

export interface ServerInfo {
  readonly version: string
  readonly https_port: number | null
  readonly anybody_makes_rooms: boolean
}

/** `code` is the server's stable code, or `unreachable` (no answer) or `unexpected` (not ours). */
export class ApiError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message)
    this.name = 'ApiError'
  }
}

type Fields = Record<string, unknown>
const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null

export async function ask(path: string, init: RequestInit): Promise<Fields> {
  let response: Response
  let body: unknown = null
  try {
    response = await fetch(path, { ...init, cache: 'no-store' })
  } catch {
    throw new ApiError('unreachable', 'the server does not answer')
  }
  try {
    body = await response.json()
  } catch {
    // Judged by what follows: an answer that is not JSON has no code.
  }
  if (response.ok && isFields(body)) return body
  throw errorFrom(response.status, body)
}

/** An error body is `{code, message}`, alone or under `error`. */
export function errorFrom(status: number, body: unknown): ApiError {
  const outer = isFields(body) ? body : {}
  const inner = isFields(outer['error']) ? outer['error'] : outer
  const code = typeof inner['code'] === 'string' ? inner['code'] : 'unexpected'
  const message = typeof inner['message'] === 'string' ? inner['message'] : `HTTP ${status}`
  return new ApiError(code, message)
}

const string = (fields: Fields, key: string): string => {
  const value = fields[key]
  return typeof value === 'string' ? value : ''
}

/** Raises ApiError; with the code `lobby_waiting` the answer's identity is to be used for asking again. */
export class Waiting extends ApiError {
  constructor(
    readonly identity: string,
    readonly identity_key: string,
  ) {
    super('lobby_waiting', 'somebody must let you in')
  }
}

export async function requestJoin(request: JoinRequest): Promise<JoinAnswer> {
  const fields = await ask('/api/join', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(request),
  })
  if (fields['waiting'] === true) throw new Waiting(string(fields, 'identity'), string(fields, 'identity_key'))
  const token = string(fields, 'token')
  if (!token) throw new ApiError('unexpected', 'the answer has no token')
  return {
    url: string(fields, 'url'),
    token,
    room: string(fields, 'room') || request.room,
    identity: string(fields, 'identity'),
    identity_key: string(fields, 'identity_key'),
    host: fields['host'] === true,
    quiet: fields['quiet'] === true,
  }
}

export async function requestInfo(): Promise<ServerInfo> {
  const fields = await ask('/api/info', { method: 'GET' })
  const port = fields['https_port']
  return {
    version: string(fields, 'version'),
    https_port: typeof port === 'number' ? port : null,
    anybody_makes_rooms: fields['anybody_makes_rooms'] === true || fields['dev'] === true,
  }
}

const strings = (value: unknown): readonly string[] => (Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [])

function iceServersIn(fields: Fields | null): readonly RTCIceServer[] {
  const servers: unknown = fields?.['iceServers']
  if (!Array.isArray(servers)) return []
  return servers.flatMap((one: unknown) => {
    if (!isFields(one)) return []
    const urls = [...strings(one['urls'])]
    const username = string(one, 'username')
    return urls.length > 0 ? [{ urls, ...(username ? { username, credential: string(one, 'credential') } : {}) }] : []
  })
}

/**
 * STUN and TURN; none when the server has none, or does not answer: one network needs none. With a token as for its bearer. By
 * POST, as browsers name the page's origin with that over plain http, too.
 */
export async function requestIceServers(token = ''): Promise<readonly RTCIceServer[]> {
  const headers = token ? { headers: { Authorization: `Bearer ${token}` } } : {}
  return iceServersIn(await ask('/ice-servers', { method: 'POST', ...headers }).catch(() => null))
}

export interface ConnectivityServers {
  readonly iceServers: readonly RTCIceServer[]
  /** Two STUN URLs, to be asked from one port. */
  readonly natCheck: readonly string[]
}

/** A name that nobody's room has: no room is made of it, it only gets a token. */
const TRIAL_ROOM = 'connectivity-check'

const connectivityIn = (fields: Fields | null): ConnectivityServers => ({ iceServers: iceServersIn(fields), natCheck: strings(fields?.['natCheck']) })

/**
 * Everything there is to try. Where relays are for people with a token, one is asked for as for joining a room; also where a proxy
 * keeps the server from seeing whose page this is.
 */
export async function requestConnectivity(): Promise<ConnectivityServers> {
  const known = connectivityIn(
    await ask('/ice-servers', { method: 'POST' }).catch((error: unknown) => {
      if (error instanceof ApiError && error.code === 'unauthenticated') return null
      throw error
    }),
  )
  if (known.iceServers.some(({ username }) => username)) return known
  const joined = await requestJoin({ room: TRIAL_ROOM, name: 'connectivity' }).catch(() => null)
  if (joined === null) return known
  const told = await ask('/ice-servers', { method: 'GET', headers: { Authorization: `Bearer ${joined.token}` } }).catch(() => null)
  return told === null ? known : connectivityIn(told)
}

/** The address to connect to, for an answer's `url` and the page's own address. */
export function socketUrl(url: string, page: { protocol: string; host: string }): string {
  return url || `${page.protocol === 'https:' ? 'wss' : 'ws'}://${page.host}`
}
