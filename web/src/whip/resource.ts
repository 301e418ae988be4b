/** One session of WHIP or WHEP as the server keeps it: made by a POST, restarted by PATCH, ended by DELETE. Used by `player` and `broadcaster`. */

import { ApiError, errorFrom } from '../room/api'
import { linksOf, type Link } from './links'

const SDP = 'application/sdp'
const FRAGMENT = 'application/trickle-ice-sdpfrag'
const EVENTS = 'urn:ietf:params:whep:ext:core:server-sent-events'
const LAYER = 'urn:ietf:params:whep:ext:core:layer'

async function send(url: string, init: RequestInit): Promise<Response> {
  let response: Response
  try {
    response = await fetch(url, { ...init, cache: 'no-store' })
  } catch {
    throw new ApiError('unreachable', 'the server does not answer')
  }
  if (response.ok) return response
  throw errorFrom(response.status, await response.json().catch(() => null))
}

export class Resource {
  private events: EventSource | null = null
  private gone = false

  private constructor(
    private readonly connection: RTCPeerConnection,
    private readonly url: string,
    private readonly token: string,
    private readonly links: readonly Link[],
  ) {}

  /** Offers what `connection` has, and takes the answer. Raises ApiError. */
  static async open(endpoint: string, token: string, connection: RTCPeerConnection): Promise<Resource> {
    await connection.setLocalDescription()
    // Candidates need not be sent: the server answers checks wherever they come from.
    const response = await send(endpoint, {
      method: 'POST',
      headers: { 'Content-Type': SDP, Authorization: `Bearer ${token}` },
      body: connection.localDescription?.sdp ?? '',
    })
    const location = response.headers.get('Location')
    const answer = await response.text()
    if (!location) throw new ApiError('unexpected', 'the answer has no Location')
    const links = linksOf(response.headers.get('Link') ?? '')
    const resource = new Resource(connection, new URL(location, response.url).href, token, links)
    try {
      await connection.setRemoteDescription({ type: 'answer', sdp: answer })
    } catch (error) {
      resource.close()
      throw new ApiError('connect_failed', error instanceof Error ? error.message : String(error))
    }
    return resource
  }

  /** Another network path under the same media (RFC 9725 §4.3.3). Raises ApiError: then it must be made anew. */
  async restartIce(): Promise<void> {
    this.connection.restartIce()
    await this.connection.setLocalDescription()
    const before = this.connection.currentRemoteDescription?.sdp
    const offer = this.connection.localDescription?.sdp
    if (before === undefined || offer === undefined) throw new ApiError('unexpected', 'nothing was negotiated yet')
    const response = await send(this.url, {
      method: 'PATCH',
      headers: { 'Content-Type': FRAGMENT, 'If-Match': '*', Authorization: `Bearer ${this.token}` },
      body: fragmentOf(offer),
    })
    await this.connection.setRemoteDescription({ type: 'answer', sdp: withCredentials(before, await response.text()) })
  }

  /** Asks to be told; `null` where the server tells nothing. The caller need not close it. */
  async listen(kinds: readonly string[], heard: (kind: string, data: Readonly<Record<string, unknown>>) => void): Promise<void> {
    const told = this.links.find(({ rel }) => rel === EVENTS)
    const url = told ? new URL(told.target, this.url).href : `${this.url}/events`
    const response = await send(url, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(kinds) })
    const location = response.headers.get('Location')
    if (!location || this.gone) return
    const events = new EventSource(new URL(location, this.url))
    this.events = events
    // When the session ends its stream does too; the connection tells what that means.
    events.addEventListener('error', () => events.close())
    for (const kind of kinds)
      events.addEventListener(kind, (event: MessageEvent<unknown>) => {
        const data: unknown = typeof event.data === 'string' ? JSON.parse(event.data) : null
        heard(kind, typeof data === 'object' && data !== null ? { ...data } : {})
      })
  }

  get hasLayers(): boolean {
    return this.links.some(({ rel }) => rel === LAYER)
  }

  /** `""` leaves the choice to the server. Raises ApiError. */
  async chooseLayer(rid: string): Promise<void> {
    const link = this.links.find(({ rel }) => rel === LAYER)
    if (!link) return
    const url = new URL(link.target, this.url).href
    await send(url, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(rid ? { rid } : {}) })
  }

  /** The server is told; also while the page is being closed. */
  close(): void {
    if (this.gone) return
    this.gone = true
    this.events?.close()
    this.connection.close()
    void fetch(this.url, { method: 'DELETE', keepalive: true }).catch(() => undefined)
  }
}

const valueOf = (name: string, sdp: string): string => new RegExp(`^a=${name}:(.*)$`, 'm').exec(sdp)?.[1]?.trim() ?? ''

/** Our side of an ICE restart: credentials under the first section. */
export function fragmentOf(offer: string): string {
  const media = /^m=.*$/m.exec(offer)?.[0].trim() ?? ''
  const lines = [`a=ice-ufrag:${valueOf('ice-ufrag', offer)}`, `a=ice-pwd:${valueOf('ice-pwd', offer)}`, media, `a=mid:${valueOf('mid', offer)}`]
  return `${lines.join('\r\n')}\r\n`
}

/** The old answer under the server's new credentials. */
export function withCredentials(answer: string, fragment: string): string {
  return answer
    .replace(/^a=ice-ufrag:.*$/gm, `a=ice-ufrag:${valueOf('ice-ufrag', fragment)}\r`)
    .replace(/^a=ice-pwd:.*$/gm, `a=ice-pwd:${valueOf('ice-pwd', fragment)}\r`)
    .replace(/\r+\n/g, '\r\n')
}
