/** The server's HTTP interface: `POST /api/join` and `GET /api/info`. Called by `join` and by pages; keeps nothing. */

export interface JoinRequest {
  readonly room: string
  readonly name: string
  readonly identity?: string
  readonly identity_key?: string
  readonly host_key?: string
}

export interface JoinAnswer {
  /** Where to connect; "" means the page's own origin. */
  readonly url: string
  readonly token: string
  readonly room: string
  readonly identity: string
  readonly identity_key: string
  readonly host: boolean
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

async function ask(path: string, init: RequestInit): Promise<Fields> {
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

export async function requestJoin(request: JoinRequest): Promise<JoinAnswer> {
  const fields = await ask('/api/join', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(request),
  })
  const token = string(fields, 'token')
  if (!token) throw new ApiError('unexpected', 'the answer has no token')
  return {
    url: string(fields, 'url'),
    token,
    room: string(fields, 'room') || request.room,
    identity: string(fields, 'identity'),
    identity_key: string(fields, 'identity_key'),
    host: fields['host'] === true,
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

/** STUN and TURN for direct calls; none when the server has none, or does not answer: a call on one network needs none. */
export async function requestIceServers(): Promise<readonly RTCIceServer[]> {
  const fields = await ask('/ice-servers', { method: 'GET' }).catch(() => null)
  const servers: unknown = fields?.['iceServers']
  if (!Array.isArray(servers)) return []
  return servers.flatMap((one: unknown) => {
    if (!isFields(one) || !Array.isArray(one['urls'])) return []
    const urls = one['urls'].filter((url) => typeof url === 'string')
    const username = string(one, 'username')
    return urls.length > 0 ? [{ urls, ...(username ? { username, credential: string(one, 'credential') } : {}) }] : []
  })
}

/** The address to connect to, for an answer's `url` and the page's own address. */
export function socketUrl(url: string, page: { protocol: string; host: string }): string {
  return url || `${page.protocol === 'https:' ? 'wss' : 'ws'}://${page.host}`
}
