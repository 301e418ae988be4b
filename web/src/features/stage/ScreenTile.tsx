/** A shared screen among the tiles: pressed, it becomes the large one. */

import type { ReactNode } from 'react'
import { useT } from '../../i18n'
import { look } from '../../room/look'
import type { ScreenView } from '../../room/snapshot'
import { IconButton } from '../../ui/Button'
import { Icon } from '../../ui/Icon'
import { TrackVideo } from './TrackVideo'

export interface ScreenTileProps {
  screen: ScreenView
  size?: { width: number; height: number }
}

export function ScreenTile({ screen, size }: ScreenTileProps): ReactNode {
  const t = useT()
  const title = screen.isLocal ? t.room.youShare : t.room.screenOf(screen.name)
  return (
    <li className="tile screen-tile" style={size} data-testid="screen-tile" data-identity={screen.identity} aria-label={title}>
      {screen.isLocal ? <Icon name="screen" size={34} /> : <TrackVideo track={screen.track} label={title} />}
      <span className="tile-name">
        <Icon name="screen" size={16} /> <bdi>{title}</bdi>
      </span>
      <span className="tile-acts">
        <IconButton label={t.room.showScreen(screen.name)} icon="expand" onPress={() => look.pin(screen.id)} />
      </span>
    </li>
  )
}
