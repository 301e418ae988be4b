/** How screens read a session: `<SessionProvider>` once, then hooks. A hook that picks a part redraws for that part only. */

import { createContext, use, useCallback, useState, useSyncExternalStore, type ReactNode } from 'react'
import { nextDominant } from './layout'
import type { ChatLine, ParticipantView, RoomSession, RoomSnapshot } from './snapshot'

const SessionContext = createContext<RoomSession | null>(null)

export function SessionProvider({ session, children }: { session: RoomSession; children: ReactNode }): ReactNode {
  return <SessionContext value={session}>{children}</SessionContext>
}

export function useSession(): RoomSession {
  const session = use(SessionContext)
  if (!session) throw new Error('useSession is called outside a SessionProvider')
  return session
}

/** `pick` must return a value that stays the same (===) while nothing changed for its reader. */
export function useRoom<T>(pick: (snapshot: RoomSnapshot) => T): T {
  const session = useSession()
  const subscribe = useCallback((listener: () => void) => session.subscribe(listener), [session])
  return useSyncExternalStore(subscribe, () => pick(session.snapshot()))
}

export const useParticipants = (): readonly ParticipantView[] => useRoom((snapshot) => snapshot.participants)
export const useChat = (): readonly ChatLine[] => useRoom((snapshot) => snapshot.chat)

/** Identity of who has the stage, followed from one snapshot to the next (`nextDominant`). */
export function useDominant(): string | null {
  const people = useParticipants()
  const [dominant, setDominant] = useState<string | null>(null)
  const next = nextDominant(dominant, people)
  if (next !== dominant) setDominant(next)
  return next
}
