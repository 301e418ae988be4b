/** One person: picture or initials, name, microphone, connection. */

import { memo, type ReactNode } from 'react'
import { useT } from '../../i18n'
import type { ParticipantView } from '../../room/snapshot'
import { Avatar, tint } from '../../ui/Avatar'
import { Icon } from '../../ui/Icon'
import { QualityDot } from './QualityDot'
import { TrackVideo } from './TrackVideo'

export interface TileProps {
  person: ParticipantView
  size?: { width: number; height: number }
}

export const Tile = memo(function Tile({ person, size }: TileProps): ReactNode {
  const t = useT()
  const name = person.isLocal ? t.room.youSuffix(person.name) : person.name
  const state = [person.micOn ? t.room.unmuted : t.room.muted, person.speaking ? t.room.speaking : ''].filter(Boolean)
  return (
    <li
      className={`tile tint-${tint(person.identity || person.name)}`}
      style={size}
      data-testid="tile"
      data-identity={person.identity}
      data-local={person.isLocal}
      data-speaking={person.speaking}
      data-muted={!person.micOn}
      aria-label={`${name}, ${state.join(', ')}`}
    >
      {person.camera ? (
        <TrackVideo track={person.camera} label={name} mirrored={person.isLocal} />
      ) : (
        <Avatar name={person.name} identity={person.identity} />
      )}
      <span className="tile-name">
        {!person.micOn && (
          <span className="tile-muted">
            <Icon name="micOff" size={16} />
          </span>
        )}
        <bdi>{name}</bdi>
      </span>
      <QualityDot quality={person.quality} />
    </li>
  )
}, same)

/** Views are made anew for every snapshot; a tile redraws only when what it shows differs. */
function same(before: TileProps, after: TileProps): boolean {
  const a = before.person
  const b = after.person
  return (
    before.size?.width === after.size?.width &&
    before.size?.height === after.size?.height &&
    a.identity === b.identity &&
    a.name === b.name &&
    a.speaking === b.speaking &&
    a.micOn === b.micOn &&
    a.camera === b.camera &&
    a.quality === b.quality
  )
}
