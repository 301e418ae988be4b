/** Who waits at the door, for hosts: the first by name, with admit and refuse. All of them are in the list of people. */

import type { ReactNode } from 'react'
import { useT } from '../../i18n'
import { useRoom, useSession } from '../../room/hooks'
import { Button } from '../../ui/Button'
import { Icon } from '../../ui/Icon'

export function LobbyBanner(): ReactNode {
  const t = useT()
  const { meeting } = useSession()
  const waiting = useRoom((snapshot) => snapshot.meeting?.house?.waiting)
  const [first] = waiting ?? []
  if (!waiting || !first || !meeting) return null
  return (
    <div className="banner lobby-banner" data-testid="lobby">
      <Icon name="clock" size={20} />
      <span>
        <bdi>{first.name || t.chat.unknown}</bdi> {waiting.length > 1 ? t.meet.waitsAndMore(waiting.length - 1) : t.meet.waits}
      </span>
      <Button look="primary" onPress={() => void meeting.moderate({ act: 'admit', identity: first.identity })}>
        {t.meet.admit}
      </Button>
      <Button onPress={() => void meeting.moderate({ act: 'refuse', identity: first.identity })}>{t.meet.refuse}</Button>
      {waiting.length > 1 && <Button onPress={() => void meeting.moderate({ act: 'admit' })}>{t.meet.admitAll}</Button>}
    </div>
  )
}
