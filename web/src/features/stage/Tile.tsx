/** One person: picture or initials, name, microphone, connection, and a button for what can be done. */

import { memo, useRef, type ReactNode } from 'react'
import { Button as AriaButton } from 'react-aria-components'
import { useT } from '../../i18n'
import { useLook } from '../../room/look'
import type { ParticipantView } from '../../room/snapshot'
import { Avatar, tint } from '../../ui/Avatar'
import { Icon } from '../../ui/Icon'
import { QualityDot } from './QualityDot'
import { TrackVideo } from './TrackVideo'

export interface TileProps {
  person: ParticipantView
  size?: { width: number; height: number }
  /** The one that fills the stage: nothing of it is cut off. */
  large?: boolean
  /** Its place among raised hands; 0 when it is down. */
  hand?: number
  onAsk: (identity: string, by: HTMLElement) => void
}

export const Tile = memo(function Tile({ person, size, large = false, hand = 0, onAsk }: TileProps): ReactNode {
  const t = useT()
  const { mirror, pinned } = useLook()
  const button = useRef<HTMLButtonElement>(null)
  const name = person.isLocal ? t.room.youSuffix(person.name) : person.name
  const isPinned = pinned === person.identity
  const state = [person.micOn ? t.room.unmuted : t.room.muted, person.speaking ? t.room.speaking : '', isPinned ? t.view.pinned : '', hand > 0 ? t.meet.handNumber(hand) : ''].filter(Boolean)
  return (
    <li
      className={`tile tint-${tint(person.identity || person.name)}${large ? ' large' : ''}`}
      style={size}
      data-testid="tile"
      data-identity={person.identity}
      data-local={person.isLocal}
      data-speaking={person.speaking}
      data-muted={!person.micOn}
      aria-label={`${name}, ${state.join(', ')}`}
    >
      {person.camera ? (
        <TrackVideo track={person.camera} label={name} mirrored={person.isLocal && mirror} />
      ) : (
        <Avatar name={person.name} identity={person.identity} />
      )}
      {hand > 0 && (
        <span className="tile-hand" aria-hidden="true">
          ✋ {hand}
        </span>
      )}
      <span className="tile-name">
        {!person.micOn && (
          <span className="tile-muted">
            <Icon name="micOff" size={16} />
          </span>
        )}
        {isPinned && <Icon name="pin" size={16} />}
        <bdi>{name}</bdi>
      </span>
      <QualityDot quality={person.quality} />
      <span className="tile-acts">
        <AriaButton
          ref={button}
          className="tile-menu"
          aria-label={t.view.options(name)}
          aria-haspopup="menu"
          onPress={() => button.current && onAsk(person.identity, button.current)}
        >
          <Icon name="more" size={18} />
        </AriaButton>
      </span>
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
    before.large === after.large &&
    before.onAsk === after.onAsk &&
    before.hand === after.hand &&
    a.identity === b.identity &&
    a.name === b.name &&
    a.speaking === b.speaking &&
    a.micOn === b.micOn &&
    a.camera === b.camera &&
    a.quality === b.quality
  )
}
