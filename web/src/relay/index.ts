/** What the relay client gives to others; built as `/relay.js`. */

export { Channel, RelayError, type ChannelEvents, type Member, type Message, type Request } from './channel'
export { Relay, type RelayOptions } from './relay'
