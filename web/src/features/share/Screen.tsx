/** A shared screen, whole and uncut, with full screen. Others that are shared are among the tiles (`ScreenTile`). */

import { useEffect, useRef, useState, type ReactNode } from 'react'
import { useT } from '../../i18n'
import { useSession } from '../../room/hooks'
import type { ScreenView } from '../../room/snapshot'
import { Button, IconButton } from '../../ui/Button'
import { Icon } from '../../ui/Icon'
import { TrackVideo } from '../stage/TrackVideo'

const MOST_ZOOM = 4

export interface ScreenProps {
  screen: ScreenView
}

export function Screen({ screen }: ScreenProps): ReactNode {
  const t = useT()
  const session = useSession()
  const place = useRef<HTMLElement>(null)
  const [full, setFull] = useState(false)
  const [zoom, setZoom] = useState(1)
  useEffect(() => {
    const changed = (): void => setFull(document.fullscreenElement === place.current)
    document.addEventListener('fullscreenchange', changed)
    return () => document.removeEventListener('fullscreenchange', changed)
  }, [])

  const title = screen.isLocal ? t.room.youShare : t.room.sharing(screen.name)
  return (
    <section className="screen" ref={place} aria-label={title} data-testid="screen" data-identity={screen.identity}>
      {screen.isLocal ? (
        <div className="screen-own">
          <Icon name="screen" size={44} />
          <p className="screen-own-title">{t.room.youShare}</p>
          <p>{t.room.youShareLead}</p>
          <Button look="danger" icon="screenStop" onPress={() => void session.setShare(false)}>
            {t.room.stopShare}
          </Button>
        </div>
      ) : (
        <div className="screen-scroll" tabIndex={zoom > 1 ? 0 : -1} role="group" aria-label={t.room.screenOf(screen.name)}>
          <div className="screen-zoomed" style={{ width: `${zoom * 100}%`, height: `${zoom * 100}%` }}>
            <TrackVideo key={screen.id} track={screen.track} label={t.room.screenOf(screen.name)} />
          </div>
        </div>
      )}
      <div className="screen-bar">
        <span className="screen-title">
          <Icon name="screen" size={18} /> <bdi>{title}</bdi>
        </span>
        {!screen.isLocal && (
          <>
            <IconButton label={t.meet.zoomOut} icon="minus" isDisabled={zoom <= 1} onPress={() => setZoom(Math.max(1, zoom - 0.5))} />
            <IconButton label={t.meet.zoomIn} icon="plus" isDisabled={zoom >= MOST_ZOOM} onPress={() => setZoom(Math.min(MOST_ZOOM, zoom + 0.5))} />
          </>
        )}
        {!screen.isLocal && document.fullscreenEnabled && (
          <IconButton
            label={full ? t.room.exitFullscreen : t.room.fullscreen}
            icon={full ? 'shrink' : 'expand'}
            onPress={() => void (full ? document.exitFullscreen() : place.current?.requestFullscreen())}
          />
        )}
      </div>
    </section>
  )
}
