/** Who is here. */

import type { ReactNode } from 'react'
import { useT } from '../../i18n'
import { useParticipants } from '../../room/hooks'
import { Avatar } from '../../ui/Avatar'
import { Icon } from '../../ui/Icon'
import { QualityDot } from '../stage/QualityDot'

export function People(): ReactNode {
  const t = useT()
  const people = useParticipants()
  return (
    <ul className="people">
      {people.map((one) => (
        <li key={one.identity} data-testid="person" data-identity={one.identity}>
          <Avatar name={one.name} identity={one.identity} />
          <span className="person-name">
            <bdi>{one.isLocal ? t.room.youSuffix(one.name) : one.name}</bdi>
            {one.sharing && <small>{t.people.sharing}</small>}
          </span>
          <QualityDot quality={one.quality} />
          <span className={one.micOn ? 'person-mic' : 'person-mic off'} role="img" aria-label={one.micOn ? t.room.unmuted : t.room.muted}>
            <Icon name={one.micOn ? 'mic' : 'micOff'} size={18} />
          </span>
        </li>
      ))}
    </ul>
  )
}
