/** What is seen of the others: a grid, or a shared screen with a strip of people beside it. */

import { useRef, useState, type ReactNode } from 'react'
import { useT } from '../../i18n'
import { useParticipants, useRoom } from '../../room/hooks'
import { visible } from '../../room/order'
import type { ParticipantView } from '../../room/snapshot'
import { Button } from '../../ui/Button'
import { Screen } from '../share/Screen'
import { fit } from './fit'
import { Tile } from './Tile'
import { useSize } from './useSize'

/** Tiles at once; the last place tells of the others. */
const MOST_TILES = 25
/** A tile of the strip with its gap, in CSS px: its height beside a screen, its width below one (stage.css). */
const STRIP_TALL = 141
const STRIP_WIDE = 108

export function Stage({ onInvite }: { onInvite: () => void }): ReactNode {
  const t = useT()
  const people = useParticipants()
  const screens = useRoom((snapshot) => snapshot.screens)
  const [chosen, setChosen] = useState<string | null>(null)
  const screen = screens.find((one) => one.id === chosen) ?? screens.find((one) => !one.isLocal) ?? screens[0]

  return (
    <section className="stage" data-layout={screen ? 'screen' : 'grid'} aria-label={t.room.stage}>
      {screen ? (
        <>
          <Screen screen={screen} others={screens.filter((one) => one !== screen)} onChoose={setChosen} />
          <Strip people={people} />
        </>
      ) : (
        <Grid people={people} onInvite={onInvite} />
      )}
    </section>
  )
}

function Grid({ people, onInvite }: { people: readonly ParticipantView[]; onInvite: () => void }): ReactNode {
  const t = useT()
  const place = useRef<HTMLUListElement>(null)
  const size = useSize(place)
  const gap = size.width < 600 ? 8 : 12
  const alone = people.length === 1
  const shown = visible(people, people.length > MOST_TILES ? MOST_TILES - 1 : MOST_TILES)
  const hidden = people.length - shown.length
  const count = shown.length + (hidden > 0 ? 1 : 0)
  const { width, height } = fit(count, size.width, size.height, gap)

  return (
    <div className="grid-place">
      <ul className="grid" ref={place} data-count={count} style={{ gap }}>
        {width > 0 &&
          shown.map((person) => <Tile key={person.identity} person={person} size={{ width, height }} />)}
        {hidden > 0 && (
          <li className="tile more" style={{ width, height }}>
            {t.room.others(hidden)}
          </li>
        )}
      </ul>
      {alone && (
        <div className="alone">
          <div>
            <p className="alone-title">{t.room.alone}</p>
            <p>{t.room.aloneLead}</p>
          </div>
          <Button look="primary" icon="invite" onPress={onInvite}>
            {t.room.invite}
          </Button>
        </div>
      )}
    </div>
  )
}

function Strip({ people }: { people: readonly ParticipantView[] }): ReactNode {
  const t = useT()
  const place = useRef<HTMLUListElement>(null)
  const { width, height } = useSize(place)
  const places = Math.max(1, Math.floor((height > width ? height / STRIP_TALL : width / STRIP_WIDE) + 0.06))
  const shown = visible(people, people.length > places ? Math.max(1, places - 1) : places)
  const hidden = people.length - shown.length
  return (
    <ul className="strip" ref={place}>
      {shown.map((person) => (
        <Tile key={person.identity} person={person} />
      ))}
      {hidden > 0 && <li className="tile more">{t.room.others(hidden)}</li>}
    </ul>
  )
}
