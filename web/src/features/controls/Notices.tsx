/** What the room tells: the connection and held-back sound as a banner, comings and goings and failures as passing notices. */

import { useEffect, type ReactNode } from 'react'
import { useT, type Messages } from '../../i18n'
import { useRoom, useSession } from '../../room/hooks'
import type { Notice, NoticeEntry } from '../../room/snapshot'
import { Button, IconButton } from '../../ui/Button'
import { Icon } from '../../ui/Icon'

const SHORT_MS = 4_000
const LONG_MS = 12_000

export function StatusBanner(): ReactNode {
  const t = useT()
  const session = useSession()
  const phase = useRoom((snapshot) => snapshot.phase)
  const audioBlocked = useRoom((snapshot) => snapshot.audioBlocked)
  const waiting = phase === 'reconnecting' || phase === 'connecting'
  return (
    <>
      <div role="status">
        {waiting && (
          <div className="banner warn" data-testid="reconnecting">
            <span className="spinner small" />
            {phase === 'reconnecting' ? t.room.reconnecting : t.room.connecting}
          </div>
        )}
      </div>
      <div role="status">
        {audioBlocked && (
          <div className="banner">
            <Icon name="speaker" size={20} />
            <span>{t.room.soundBlocked}</span>
            <Button look="primary" onPress={() => void session.startAudio()}>
              {t.room.soundOn}
            </Button>
          </div>
        )}
      </div>
    </>
  )
}

export function Notices(): ReactNode {
  const notices = useRoom((snapshot) => snapshot.notices)
  return (
    <div className="notices" role="log" aria-live="polite" aria-relevant="additions">
      {notices.map((entry) => (
        <NoticeCard key={entry.id} entry={entry} />
      ))}
    </div>
  )
}

function NoticeCard({ entry }: { entry: NoticeEntry }): ReactNode {
  const t = useT()
  const session = useSession()
  const passing = entry.notice.kind === 'joined' || entry.notice.kind === 'departed'
  useEffect(() => {
    const timer = setTimeout(() => session.dismiss(entry.id), passing ? SHORT_MS : LONG_MS)
    return () => clearTimeout(timer)
  }, [session, entry.id, passing])
  return (
    <div className="notice">
      <p>{noticeText(entry.notice, t)}</p>
      <IconButton label={t.room.dismiss} icon="close" tone="quiet" onPress={() => session.dismiss(entry.id)} />
    </div>
  )
}

function noticeText(notice: Notice, t: Messages): string {
  switch (notice.kind) {
    case 'joined':
      return t.room.joined(notice.name)
    case 'departed':
      return t.room.departed(notice.name)
    case 'device':
      return t.devices[notice.problem][notice.device]
    case 'chat_failed':
      return t.room.chatFailed
    case 'not_allowed':
      return t.room.notAllowed
    case 'not_done':
      return t.meet.notDone
    case 'muted':
      return t.meet.mutedByHost
    case 'stopped':
      return t.meet.stoppedByHost
    case 'quiet':
      return t.meet.quiet
    case 'hand':
      return t.meet.handUp(notice.name)
    case 'waiting':
      return t.meet.knocked(notice.name)
    case 'plugged':
      return t.meet.plugged(notice.label)
    case 'unplugged':
      return t.meet.unplugged(notice.label)
    case 'role':
      return t.meet.roleNow[notice.role]
  }
}
