import { expect, test } from 'vitest'
import { MOST_SEATS, otherTabIn, takeSeat } from './seat'

/** Web Locks as far as seats use them (Web Locks API §3). */
function manager(): LockManager {
  const held = new Set<string>()
  return {
    request: async (name: string, _options: LockOptions, work: (lock: Lock | null) => unknown) => {
      if (held.has(name)) return work(null)
      held.add(name)
      try {
        return await work({ name, mode: 'exclusive' })
      } finally {
        held.delete(name)
      }
    },
    query: () => Promise.resolve({ held: [...held].map((name) => ({ name })), pending: [] }),
  } as unknown as LockManager
}

test('each tab has a seat of its own, and a seat that was left is taken again', async () => {
  const locks = manager()
  expect(await otherTabIn('tea', locks)).toBe(false)
  const [first, second] = [await takeSeat('tea', locks), await takeSeat('tea', locks)]
  expect([first.number, second.number]).toEqual([0, 1])
  expect((await takeSeat('other', locks)).number).toBe(0)
  expect(await otherTabIn('tea', locks)).toBe(true)
  first.release()
  await new Promise((done) => setTimeout(done))
  expect((await takeSeat('tea', locks)).number).toBe(0)
})

test('seats end somewhere', async () => {
  const locks = manager()
  const numbers: number[] = []
  for (let tab = 0; tab < MOST_SEATS + 2; tab++) numbers.push((await takeSeat('tea', locks)).number)
  expect(Math.max(...numbers)).toBe(MOST_SEATS - 1)
})

test('without locks every tab has the first seat', async () => {
  expect((await takeSeat('tea', null)).number).toBe(0)
  expect(await otherTabIn('tea', null)).toBe(false)
})

test('a document that may hold no locks joins all the same', async () => {
  const refusing = { request: () => Promise.reject(new DOMException('no', 'SecurityError')) } as unknown as LockManager
  expect((await takeSeat('tea', refusing)).number).toBe(0)
})
