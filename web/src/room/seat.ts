/**
 * Which seat of a room this tab has, so that a second tab of one device is a second participant and throws nobody out.
 * A seat is a Web Lock: it ends with its tab, whatever happens to it. Called by `join` and pre-join; talks to no server.
 * Browsers give locks to secure contexts only; without them every tab has the first seat, and the newest tab takes over.
 */

export interface Seat {
  /** 0 for the first tab in the room; each has an identity of its own. */
  readonly number: number
  release(): void
}

/** Tabs of one device in one room; the next one takes the last seat over. */
export const MOST_SEATS = 9

const nameOf = (room: string, number: number): string => `roomful.seat.${number}.${room}`
const noRelease = (): void => undefined

function locks(): LockManager | null {
  return 'locks' in navigator ? navigator.locks : null
}

/** The lowest seat that no other tab has. */
export async function takeSeat(room: string, manager: LockManager | null = locks()): Promise<Seat> {
  if (!manager) return { number: 0, release: noRelease }
  for (let number = 0; number < MOST_SEATS; number++) {
    const release = await hold(manager, nameOf(room, number))
    if (release) return { number, release }
  }
  return { number: MOST_SEATS - 1, release: noRelease }
}

/** Whether another tab of this device is in the room. */
export async function otherTabIn(room: string, manager: LockManager | null = locks()): Promise<boolean> {
  const state = await manager?.query().catch(() => null)
  const names = new Set(state?.held?.map((one) => one.name))
  return Array.from({ length: MOST_SEATS }, (_, number) => nameOf(room, number)).some((name) => names.has(name))
}

/** Resolves to what gives the lock back, or to null when somebody has it. */
function hold(manager: LockManager, name: string): Promise<(() => void) | null> {
  return new Promise((resolve) => {
    manager
      .request(name, { ifAvailable: true }, (lock) => {
        if (!lock) {
          resolve(null)
          return undefined
        }
        return new Promise<void>((release) => resolve(release))
      })
      // A document that may not hold locks (sandboxed) goes on without.
      .catch(() => resolve(noRelease))
  })
}
