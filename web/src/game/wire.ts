/** Bytes of the game protocol, version 1: docs/reference/game.md. `src/roomful/game/wire.py` is the other end. */

import { decode, encode } from '@msgpack/msgpack'

export const TOPIC = 'roomful.game'
/** Whom players address, so that no other player gets their packets. */
export const SERVER = 'roomful.game'
export const MAX_INPUTS = 16

export type Value = unknown
export type Key = number | string
export type Fields = Readonly<Record<string, Value>>
export type World = ReadonlyMap<Key, Fields>

export interface SeatInfo {
  readonly seat: number
  readonly identity: string
  readonly name: string
  readonly connected: boolean
}

export interface Welcome {
  readonly kind: 'welcome'
  /** -1 for whoever watches. */
  readonly seat: number
  readonly ticks: number
  readonly snapshots: number
  readonly seats: readonly SeatInfo[]
  readonly settings: Value
}

export interface Snapshot {
  readonly kind: 'snapshot'
  readonly tick: number
  readonly base: number
  readonly time_ms: number
  readonly ack: number
  readonly echo_ms: number
  readonly held_ms: number
  readonly part: number
  readonly parts: number
  readonly removed: readonly Key[]
  readonly changed: World
}

export type FromServer =
  | Welcome
  | Snapshot
  | { readonly kind: 'told'; readonly data: Value }
  | { readonly kind: 'seats'; readonly seats: readonly SeatInfo[] }
  | { readonly kind: 'refused'; readonly code: string; readonly message: string }

const U32 = 0xffff_ffff
const SNAPSHOT_HEAD = 25

export const hello = (spectate: boolean): Uint8Array => new Uint8Array([0x01, 1, spectate ? 1 : 0])

export function message(data: Value): Uint8Array {
  const packed = encode(data)
  const bytes = new Uint8Array(packed.length + 1)
  bytes[0] = 0x03
  bytes.set(packed, 1)
  return bytes
}

export const pack = (data: Value): Uint8Array => encode(data)

/** `first` is the number of the first input; the newest is the last. */
export function inputs(seen: number, client_ms: number, first: number, packed: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(14 + packed.reduce((sum, one) => sum + one.length + 2, 0))
  const view = new DataView(bytes.buffer)
  view.setUint8(0, 0x02)
  view.setUint32(1, seen)
  view.setUint32(5, client_ms & U32)
  view.setUint32(9, first)
  view.setUint8(13, packed.length)
  let at = 14
  for (const one of packed) {
    view.setUint16(at, one.length)
    bytes.set(one, at + 2)
    at += one.length + 2
  }
  return bytes
}

const isFields = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Null for what is no message of this protocol. */
export function read(bytes: Uint8Array): FromServer | null {
  try {
    return readKnown(bytes)
  } catch {
    return null
  }
}

function readKnown(bytes: Uint8Array): FromServer | null {
  const rest = bytes.subarray(1)
  switch (bytes[0]) {
    case 0x81: {
      const told = decode(rest)
      if (!isFields(told)) return null
      const { seat, ticks, snapshots, settings } = told
      const seats = seatsIn(told['seats'])
      if (typeof seat !== 'number' || typeof ticks !== 'number' || typeof snapshots !== 'number' || !seats) return null
      return { kind: 'welcome', seat, ticks, snapshots, seats, settings }
    }
    case 0x82:
      return snapshotIn(bytes)
    case 0x83:
      return { kind: 'told', data: decode(rest) }
    case 0x84: {
      const seats = seatsIn(decode(rest))
      return seats && { kind: 'seats', seats }
    }
    case 0x85: {
      const told = decode(rest)
      return Array.isArray(told) ? { kind: 'refused', code: String(told[0]), message: String(told[1]) } : null
    }
    default:
      return null
  }
}

function snapshotIn(bytes: Uint8Array): Snapshot | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const numbers = {
    tick: view.getUint32(1),
    base: view.getUint32(5),
    time_ms: view.getUint32(9),
    ack: view.getUint32(13),
    echo_ms: view.getUint32(17),
    held_ms: view.getUint16(21),
    part: view.getUint8(23),
    parts: view.getUint8(24),
  }
  if (numbers.part >= numbers.parts || numbers.base >= numbers.tick) return null
  const body = decode(bytes.subarray(SNAPSHOT_HEAD))
  if (!Array.isArray(body) || !Array.isArray(body[0]) || !Array.isArray(body[1])) return null
  const changed = new Map<Key, Fields>()
  for (let at = 0; at + 1 < body[1].length; at += 2) {
    const fields: unknown = body[1][at + 1]
    if (!isFields(fields)) return null
    changed.set(keyIn(body[1][at]), fields)
  }
  return { kind: 'snapshot', ...numbers, removed: body[0].map(keyIn), changed }
}

function keyIn(key: unknown): Key {
  if (typeof key === 'number' || typeof key === 'string') return key
  throw new Error('a key is a number or a text')
}

function seatsIn(told: unknown): SeatInfo[] | null {
  if (!Array.isArray(told)) return null
  return told.map((one: unknown) => {
    if (!Array.isArray(one) || typeof one[0] !== 'number') throw new Error('a seat is [number, identity, name, connected]')
    return { seat: one[0], identity: String(one[1]), name: String(one[2]), connected: one[3] === true }
  })
}
