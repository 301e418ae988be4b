import { encode } from '@msgpack/msgpack'
import { describe, expect, it } from 'vitest'
import { MatchClock } from './clock'
import { GameClient } from './game'
import { read, type Key, type Snapshot } from './wire'
import { Worlds } from './worlds'

/** What `src/roomful/game/wire.py` writes. */
function snapshotBytes(tick: number, base: number, body: unknown, rest: { ack?: number; part?: number; parts?: number; echo?: number } = {}): Uint8Array {
  const packed = encode(body)
  const bytes = new Uint8Array(25 + packed.length)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, 0x82)
  ;[tick, base, tick * 50, rest.ack ?? 0, rest.echo ?? 0].forEach((value, index) => view.setUint32(1 + 4 * index, value))
  view.setUint16(21, 3)
  view.setUint8(23, rest.part ?? 0)
  view.setUint8(24, rest.parts ?? 1)
  bytes.set(packed, 25)
  return bytes
}

function snapshot(tick: number, base: number, changed: [Key, Record<string, unknown>][], removed: Key[] = [], part = 0, parts = 1): Snapshot {
  const told = read(snapshotBytes(tick, base, [removed, changed.flat()], { part, parts }))
  if (told?.kind !== 'snapshot') throw new Error('no snapshot')
  return told
}

describe('worlds', () => {
  it('are put together from changes, whatever order their parts come in', () => {
    const worlds = new Worlds()
    expect(worlds.hear(snapshot(1, 0, [[7, { x: 1, y: 2 }], ['ball', { x: 5 }]]))).toBe(true)
    expect(worlds.hear(snapshot(3, 1, [[7, { x: 4 }]], [], 1, 2))).toBe(false)
    expect(worlds.hear(snapshot(3, 1, [], ['ball'], 0, 2))).toBe(true)
    expect([...(worlds.newest?.world ?? [])]).toEqual([[7, { x: 4, y: 2 }]])
  })

  it('pass over what is old, and what changes a world that never came', () => {
    const worlds = new Worlds()
    worlds.hear(snapshot(5, 0, [[1, { x: 1 }]]))
    expect(worlds.hear(snapshot(4, 0, [[1, { x: 9 }]]))).toBe(false)
    expect(worlds.hear(snapshot(9, 6, [[1, { x: 9 }]]))).toBe(false)
    expect(worlds.newest?.tick).toBe(5)
  })

  it('remember as many as the server does, and the empty one', () => {
    const worlds = new Worlds()
    for (let tick = 1; tick <= 100; tick++) worlds.hear(snapshot(tick, 0, [[1, { x: tick }]]))
    expect(worlds.hear(snapshot(101, 36, [[1, { x: 0 }]]))).toBe(false)
    expect(worlds.hear(snapshot(102, 60, [[1, { x: 0 }]]))).toBe(true)
  })

  it('move evenly between two snapshots, and turn the shorter way', () => {
    const worlds = new Worlds()
    worlds.hear(snapshot(1, 0, [[1, { x: 0, a: 3, hp: 10 }], [2, { x: 8 }]]))
    worlds.hear(snapshot(2, 1, [[1, { x: 10, a: -3, hp: 5 }]], [2]))
    const world = worlds.at(75, ['x'], ['a'])
    expect(world.get(1)).toMatchObject({ x: 5, hp: 10 })
    expect(Math.abs(world.get(1)?.['a'] as number)).toBeCloseTo(Math.PI, 1)
    expect(world.get(2), 'what is gone later is still there').toEqual({ x: 8 })
    expect(worlds.at(0, ['x']).get(1)).toMatchObject({ x: 0 })
    expect(worlds.at(9_999, ['x']).get(1)).toMatchObject({ x: 10 })
  })
})

describe('the clock', () => {
  it('goes by the quickest of the last snapshots', () => {
    const clock = new MatchClock()
    clock.hear(0, 1_030)
    clock.hear(50, 1_060)
    clock.hear(100, 1_180)
    expect(clock.now(1_200)).toBe(190)
    expect(clock.jitter()).toBe(70)
  })
})

describe('a player', () => {
  const player = () => {
    const sent: [Uint8Array, boolean][] = []
    let now = 1_000
    const game = new GameClient({ send: (payload, reliable) => sent.push([payload, reliable]) }, {}, () => now)
    return { game, sent, wait: (ms: number) => (now += ms) }
  }
  const firstAndCount = (payload: Uint8Array | undefined): [number, number] => {
    const view = new DataView((payload ?? new Uint8Array(14)).buffer)
    return [view.getUint32(9), view.getUint8(13)]
  }

  it('repeats what the server has not used, sixteen at most', () => {
    const { game, sent } = player()
    for (let n = 0; n < 20; n++) game.act({ n })
    expect(firstAndCount(sent.at(-1)?.[0])).toEqual([5, 16])
    game.hear(snapshotBytes(1, 0, [[], []], { ack: 18 }))
    expect(game.unconfirmed).toEqual([{ n: 18 }, { n: 19 }])
    game.act({ n: 20 })
    expect(firstAndCount(sent.at(-1)?.[0])).toEqual([19, 3])
  })

  it('knows the round trip without the server’s waiting', () => {
    const { game, wait } = player()
    wait(20)
    game.hear(snapshotBytes(1, 0, [[], []], { echo: 1_000 }))
    expect(game.roundTrip_ms).toBe(17)
  })

  it('begins anew with a hello', () => {
    const { game, sent } = player()
    game.act(1)
    game.hear(snapshotBytes(50, 0, [[], []]))
    game.hello()
    expect(game.frame).toBeNull()
    expect(game.unconfirmed).toEqual([])
    expect([...(sent.at(-1)?.[0] ?? [])]).toEqual([1, 1, 0])
    game.hear(snapshotBytes(2, 0, [[], []]))
    expect(game.frame?.tick, 'a new match counts from one').toBe(2)
  })

  it('passes over bytes that are no message', () => {
    const { game } = player()
    for (const bytes of [[], [0x82, 1], [0x81, 0xc1], [0x84, 1], [0x99], [0x82, ...Array<number>(24).fill(0), 1]]) {
      expect(() => game.hear(new Uint8Array(bytes))).not.toThrow()
    }
    expect(game.frame).toBeNull()
  })
})
