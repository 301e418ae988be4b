/** What is seen of the others: a grid, one large with the rest beside it, or one alone with oneself in a corner. */

import { useCallback, useRef, useState, type CSSProperties, type KeyboardEvent, type PointerEvent, type ReactNode } from 'react'
import { useT } from '../../i18n'
import { useDominant, useParticipants, useRoom } from '../../room/hooks'
import { arrange, pageSize, paged, type Subject } from '../../room/layout'
import { CORNERS, look, useLook, type Corner } from '../../room/look'
import { Button, IconButton } from '../../ui/Button'
import { Screen } from '../share/Screen'
import { fit } from './fit'
import { ScreenTile } from './ScreenTile'
import { Tile } from './Tile'
import { TileMenu, type Asked } from './TileMenu'
import { useSize } from './useSize'

/** A tile of the strip with its gap, in CSS px: its height beside a screen, its width below one (stage.css). */
const STRIP_TALL = 141
const STRIP_WIDE = 108

export function Stage({ onInvite }: { onInvite: () => void }): ReactNode {
  const t = useT()
  const people = useParticipants()
  const screens = useRoom((snapshot) => snapshot.screens)
  const dominant = useDominant()
  const { layout, pinned, hideSelf } = useLook()
  const [asked, setAsked] = useState<Asked | null>(null)
  const ask = useCallback((identity: string, by: HTMLElement) => setAsked({ identity, by }), [])
  const hands = people.filter((one) => one.handAt > 0).sort((a, b) => a.handAt - b.handAt).map((one) => one.identity)
  const { shape, main, others } = arrange(people, screens, { layout, pinned, hideSelf, dominant })

  return (
    <section className="stage" data-layout={shape} aria-label={t.room.stage}>
      {shape === 'grid' ? (
        <Grid subjects={others} hands={hands} alone={people.length === 1 && screens.length === 0} onInvite={onInvite} onAsk={ask} />
      ) : (
        <>
          {main && <Main subject={main} hands={hands} onAsk={ask} />}
          {shape === 'side' ? others.length > 0 && <Strip subjects={others} hands={hands} onAsk={ask} /> : <Corners subjects={others} hands={hands} onAsk={ask} />}
        </>
      )}
      <TileMenu asked={asked} onClose={() => setAsked(null)} />
    </section>
  )
}

interface PartProps {
  subjects: readonly Subject[]
  hands: readonly string[]
  onAsk: (identity: string, by: HTMLElement) => void
}

function One({ subject, size, hands, onAsk }: { subject: Subject; size?: { width: number; height: number } } & Omit<PartProps, 'subjects'>): ReactNode {
  const sized = size ? { size } : {}
  return subject.kind === 'person' ? (
    <Tile person={subject.person} hand={hands.indexOf(subject.id) + 1} onAsk={onAsk} {...sized} />
  ) : (
    <ScreenTile screen={subject.screen} {...sized} />
  )
}

function Main({ subject, hands, onAsk }: { subject: Subject } & Omit<PartProps, 'subjects'>): ReactNode {
  if (subject.kind === 'screen') return <Screen key={subject.id} screen={subject.screen} />
  return (
    <ul className="main-place">
      <Tile key={subject.id} person={subject.person} hand={hands.indexOf(subject.id) + 1} onAsk={onAsk} large />
    </ul>
  )
}

function Grid({ subjects, hands, alone, onInvite, onAsk }: PartProps & { alone: boolean; onInvite: () => void }): ReactNode {
  const t = useT()
  const place = useRef<HTMLUListElement>(null)
  const size = useSize(place)
  const [wanted, setWanted] = useState(0)
  const gap = size.width < 600 ? 8 : 12
  const { page, pages, shown } = paged(subjects, pageSize(size.width, size.height, gap), wanted)
  const { width, height } = fit(shown.length, size.width, size.height, gap)

  return (
    <div className="grid-place">
      <ul className="grid" ref={place} data-count={shown.length} style={{ gap }}>
        {width > 0 && shown.map((one) => <One key={one.id} subject={one} size={{ width, height }} hands={hands} onAsk={onAsk} />)}
      </ul>
      {pages > 1 && (
        <nav className="pages" aria-label={t.room.pages}>
          <IconButton label={t.room.pageBefore} icon="left" tone="quiet" isDisabled={page === 0} onPress={() => setWanted(page - 1)} />
          <span aria-live="polite">{t.room.page(page + 1, pages)}</span>
          <IconButton label={t.room.pageAfter} icon="right" tone="quiet" isDisabled={page === pages - 1} onPress={() => setWanted(page + 1)} />
        </nav>
      )}
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

function Strip({ subjects, hands, onAsk }: PartProps): ReactNode {
  const t = useT()
  const place = useRef<HTMLUListElement>(null)
  const { width, height } = useSize(place)
  const places = Math.max(1, Math.floor((height > width ? height / STRIP_TALL : width / STRIP_WIDE) + 0.06))
  const { shown } = paged(subjects, subjects.length > places ? Math.max(1, places - 1) : places, 0)
  const hidden = subjects.length - shown.length
  return (
    <ul className="strip" ref={place}>
      {shown.map((one) => (
        <One key={one.id} subject={one} hands={hands} onAsk={onAsk} />
      ))}
      {hidden > 0 && (
        <li className="tile more">
          <Button look="quiet" onPress={() => look.set({ layout: 'grid', pinned: null })}>
            {t.room.others(hidden)}
          </Button>
        </li>
      )}
    </ul>
  )
}

/** One's own picture over the other: dragged to a corner, or sent there by the arrow keys. */
function Corners({ subjects, onAsk }: PartProps): ReactNode {
  const t = useT()
  const { corner } = useLook()
  const [drag, setDrag] = useState<{ x: number; y: number; from: { x: number; y: number } } | null>(null)
  const [self] = subjects
  if (self?.kind !== 'person') return null

  const move = (event: PointerEvent<HTMLDivElement>): void => {
    if (drag) setDrag({ ...drag, x: event.clientX - drag.from.x, y: event.clientY - drag.from.y })
  }
  const drop = (event: PointerEvent<HTMLDivElement>): void => {
    if (!drag) return
    setDrag(null)
    const stage = event.currentTarget.parentElement?.getBoundingClientRect()
    if (!stage || Math.abs(drag.x) + Math.abs(drag.y) < 8) return
    const top = event.clientY < stage.top + stage.height / 2
    const left = event.clientX < stage.left + stage.width / 2
    look.set({ corner: `${top ? 'top' : 'bottom'}-${left ? 'left' : 'right'}` })
  }
  const key = (event: KeyboardEvent<HTMLDivElement>): void => {
    const next = beside(corner, event.key)
    if (event.target !== event.currentTarget || !next) return
    event.preventDefault()
    look.set({ corner: next })
  }
  const style: CSSProperties = drag ? { transform: `translate(${drag.x}px, ${drag.y}px)`, transition: 'none' } : {}
  return (
    <div
      className="corner"
      data-corner={corner}
      style={style}
      role="group"
      tabIndex={0}
      aria-label={t.view.corner}
      onKeyDown={key}
      onPointerDown={(event) => {
        if ((event.target as Element).closest('button')) return
        event.currentTarget.setPointerCapture(event.pointerId)
        setDrag({ x: 0, y: 0, from: { x: event.clientX, y: event.clientY } })
      }}
      onPointerMove={move}
      onPointerUp={drop}
      onPointerCancel={() => setDrag(null)}
    >
      <ul>
        <Tile person={self.person} onAsk={onAsk} />
      </ul>
    </div>
  )
}

function beside(corner: Corner, key: string): Corner | null {
  const [vertical = 'bottom', horizontal = 'right'] = corner.split('-')
  const to = { ArrowUp: `top-${horizontal}`, ArrowDown: `bottom-${horizontal}`, ArrowLeft: `${vertical}-left`, ArrowRight: `${vertical}-right` }[key]
  return CORNERS.find((one) => one === to) ?? null
}
