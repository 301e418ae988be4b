/** Signaling over Roomful's relay: a channel for each room, messages to one member at a time. */

import { Relay, RelayError, type Channel } from '../relay'
import { signalMessage, type Member, type Signaling, type SignalingEvents, type SignalMessage } from './signaling'

const CHANNEL = 'p2p/'

export class RelaySignaling implements Signaling {
  private relay: Relay | null = null
  private channel: Channel | null = null
  /** The page's own name for a peer → the relay's for one of its stays. */
  private readonly stays = new Map<string, string>()
  private inside = false

  constructor(private readonly page: { readonly protocol: string; readonly host: string }) {}

  async join(room: string, self: Member, events: SignalingEvents): Promise<void> {
    const url = `${this.page.protocol === 'https:' ? 'wss' : 'ws'}://${this.page.host}/relay`
    const relay = new Relay(url, { state: (up) => events.state(up), ended: (code) => events.ended(codeOf(code)) })
    this.relay = relay
    try {
      this.channel = await relay.join(
        CHANNEL + room,
        { info: { peer: self.peer, name: self.name } },
        {
          message: ({ from, data }) => {
            const message = signalMessage(data)
            const sender = from === null ? null : this.memberOf(from)
            if (message && sender) events.message(sender.peer, message)
          },
          joined: ({ id, info }) => {
            const member = memberIn(info)
            if (!member || member.peer === self.peer) return
            // The same peer under a new id has only lost its connection to the server.
            const known = this.stays.has(member.peer)
            this.stays.set(member.peer, id)
            if (known) events.present([member])
            else events.joined(member)
          },
          left: ({ id, info }) => {
            const member = memberIn(info)
            if (!member || this.stays.get(member.peer) !== id) return
            this.stays.delete(member.peer)
            events.left(member.peer)
          },
          back: () => events.present(this.others(self)),
          out: (code) => events.ended(codeOf(code)),
        },
      )
    } catch (error) {
      relay.close()
      throw new Error(codeOf(error instanceof RelayError ? error.code : ''))
    }
    this.inside = true
    events.present(this.others(self))
  }

  send(to: string, message: SignalMessage): void {
    const id = this.stays.get(to)
    if (id !== undefined) this.channel?.send(message, id)
  }

  leave(): void {
    if (this.inside) this.channel?.leave()
    this.relay?.close()
    this.stays.clear()
  }

  private others(self: Member): Member[] {
    const found: Member[] = []
    for (const { id, info } of this.channel?.members ?? []) {
      const member = memberIn(info)
      if (!member || member.peer === self.peer || id === this.channel?.you) continue
      this.stays.set(member.peer, id)
      found.push(member)
    }
    return found
  }

  private memberOf(id: string): Member | null {
    const found = this.channel?.members.find((one) => one.id === id)
    const member = found ? memberIn(found.info) : null
    if (member) this.stays.set(member.peer, id)
    return member
  }
}

function memberIn(info: unknown): Member | null {
  if (typeof info !== 'object' || info === null) return null
  const { peer, name } = info as Record<string, unknown>
  if (typeof peer !== 'string' || peer === '' || peer.length > 64) return null
  return { peer, name: typeof name === 'string' ? name : '' }
}

function codeOf(code: string): string {
  switch (code) {
    case 'channel_full':
      return 'full'
    case 'closed':
    case 'timeout':
    case '':
      return 'unreachable'
    default:
      return 'refused'
  }
}
