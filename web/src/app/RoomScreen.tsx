/** The room as a screen: stage, bars, side panel, dialogs, keys. Holds only what is open; the call itself is in room/. */

import { lazy, Suspense, useCallback, useEffect, useRef, useState, type ReactNode } from 'react'
import { Captions } from '../features/captions/Captions'
import { Chat } from '../features/chat/Chat'
import { useUnread } from '../features/chat/unread'
import { ControlBar } from '../features/controls/ControlBar'
import { LeaveDialog } from '../features/controls/LeaveDialog'
import { Notices, StatusBanner } from '../features/controls/Notices'
import { Shortcuts } from '../features/controls/Shortcuts'
import { useShortcuts } from '../features/controls/useShortcuts'
import { HostDialog } from '../features/host/HostDialog'
import { Invite } from '../features/invite/Invite'
import { LobbyBanner } from '../features/lobby/LobbyBanner'
import { People } from '../features/people/People'
import { FloatingReactions } from '../features/react/Reactions'
import { Stage } from '../features/stage/Stage'
import { ViewDialog } from '../features/stage/ViewDialog'
import { useT } from '../i18n'
import { useRoom, useSession } from '../room/hooks'
import { look } from '../room/look'
import type { EndReason } from '../room/snapshot'
import { IconButton } from '../ui/Button'

export type Panel = 'chat' | 'people'
export type Opened = 'invite' | 'leave' | 'shortcuts' | 'stages' | 'view' | 'host' | 'stats'

const StatsDialog = lazy(() => import('../features/stats/StatsDialog').then(({ StatsDialog }) => ({ default: StatsDialog })))
const Stages = lazy(() => import('../features/stages/Stages').then(({ Stages }) => ({ default: Stages })))

export function RoomScreen({ onEnd }: { onEnd: (reason: EndReason) => void }): ReactNode {
  const t = useT()
  const session = useSession()
  const phase = useRoom((snapshot) => snapshot.phase)
  const end = useRoom((snapshot) => snapshot.end)
  const room = useRoom((snapshot) => snapshot.room)
  const path = useRoom((snapshot) => snapshot.path)
  const direct = useRoom((snapshot) => snapshot.direct)
  const host = useRoom((snapshot) => snapshot.meeting?.role === 'host')
  const [panel, setPanel] = useState<Panel | null>(null)
  const [opened, setOpened] = useState<Opened | null>(null)
  const unread = useUnread(panel === 'chat')
  const returnTo = useRef<HTMLElement | null>(null)

  // A pin is for one stay.
  useEffect(() => () => look.set({ pinned: null }), [])

  useEffect(() => {
    if (phase === 'ended') onEnd(end ?? 'lost')
  }, [phase, end, onEnd])

  const toggle = useCallback((which: Panel) => {
    setPanel((open) => {
      if (open === null) returnTo.current = document.activeElement instanceof HTMLElement ? document.activeElement : null
      return open === which ? null : which
    })
  }, [])
  const close = useCallback(() => {
    setPanel(null)
    returnTo.current?.focus()
  }, [])

  const keys = useShortcuts({
    session,
    blocked: opened !== null,
    act: { chat: () => toggle('chat'), people: () => toggle('people'), open: setOpened },
  })

  return (
    <div className="room" data-panel={panel ?? 'none'} data-testid="room">
      {/* Covered by the stages then: nothing in it may take the focus. */}
      <div className="room-behind" inert={opened === 'stages'}>
        <main className="room-main">
          <h1 className="visually-hidden">{room}</h1>
          <div className="room-top">
            <StatusBanner />
            <LobbyBanner />
          </div>
          <Stage onInvite={() => setOpened('invite')} />
          <FloatingReactions />
          <Captions />
        </main>
        {panel && (
          <aside
            className="panel"
            aria-label={panel === 'chat' ? t.chat.title : t.people.title}
            onKeyDown={(event) => event.key === 'Escape' && close()}
          >
            <header className="panel-head">
              <h2>{panel === 'chat' ? t.chat.title : t.people.title}</h2>
              <IconButton label={t.room.close} icon="close" tone="quiet" onPress={close} />
            </header>
            {panel === 'chat' ? <Chat /> : <People />}
          </aside>
        )}
        <ControlBar panel={panel} unread={unread} onPanel={toggle} onOpen={setOpened} />
      </div>
      <Notices />
      {opened === 'stages' && (
        <Suspense>
          <Stages direct={direct} onClose={() => setOpened(null)} />
        </Suspense>
      )}
      {opened === 'stats' && (
        <Suspense>
          <StatsDialog open onClose={() => setOpened(null)} />
        </Suspense>
      )}
      <Invite room={room} path={path} open={opened === 'invite'} onClose={() => setOpened(null)} />
      <HostDialog open={opened === 'host'} onClose={() => setOpened(null)} />
      <ViewDialog open={opened === 'view'} onClose={() => setOpened(null)} />
      <Shortcuts
        open={opened === 'shortcuts'}
        onClose={() => setOpened(null)}
        on={keys.on}
        onChange={keys.setOn}
      />
      <LeaveDialog open={opened === 'leave'} onClose={() => setOpened(null)} onLeave={() => void session.leave()} onEnd={host ? () => void session.meeting?.moderate({ act: 'end' }) : undefined} />
    </div>
  )
}
