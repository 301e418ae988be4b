/** Who is here: who waits at the door, whose hand is up and in which order, and everybody with their role. */

import { useCallback, useState, type ReactNode } from 'react'
import { Button as AriaButton } from 'react-aria-components'
import { useT } from '../../i18n'
import { useParticipants, useRoom, useSession } from '../../room/hooks'
import { moderates } from '../../room/house'
import type { ParticipantView } from '../../room/snapshot'
import { Avatar } from '../../ui/Avatar'
import { Button, IconButton } from '../../ui/Button'
import { Icon } from '../../ui/Icon'
import { QualityDot } from '../stage/QualityDot'
import { TileMenu, type Asked } from '../stage/TileMenu'

export function People(): ReactNode {
  const t = useT()
  const people = useParticipants()
  const meeting = useRoom((snapshot) => snapshot.meeting)
  const session = useSession()
  const [asked, setAsked] = useState<Asked | null>(null)
  const ask = useCallback((identity: string, by: HTMLElement) => setAsked({ identity, by }), [])
  const hands = people.filter((one) => one.handAt > 0).sort((a, b) => a.handAt - b.handAt)
  const host = meeting !== null && moderates(meeting.role)
  const waiting = meeting?.house?.waiting ?? []
  const others = people.filter((one) => one.handAt === 0)

  return (
    <div className="people-panel">
      {waiting.length > 0 && (
        <section aria-labelledby="people-waiting">
          <header className="people-head">
            <h3 id="people-waiting">{t.meet.waiting(waiting.length)}</h3>
            {waiting.length > 1 && (
              <Button look="quiet" onPress={() => void session.meeting?.moderate({ act: 'admit' })}>
                {t.meet.admitAll}
              </Button>
            )}
          </header>
          <ul className="people">
            {waiting.map((one) => (
              <li key={one.identity} data-testid="waits">
                <Avatar name={one.name} identity={one.identity} />
                <span className="person-name">
                  <bdi>{one.name || t.chat.unknown}</bdi>
                </span>
                <IconButton
                  label={t.meet.admitOne(one.name)}
                  icon="check"
                  tone="active"
                  onPress={() => void session.meeting?.moderate({ act: 'admit', identity: one.identity })}
                />
                <IconButton
                  label={t.meet.refuseOne(one.name)}
                  icon="close"
                  tone="quiet"
                  onPress={() => void session.meeting?.moderate({ act: 'refuse', identity: one.identity })}
                />
              </li>
            ))}
          </ul>
        </section>
      )}
      {hands.length > 0 && (
        <section aria-labelledby="people-hands">
          <header className="people-head">
            <h3 id="people-hands">{t.meet.hands(hands.length)}</h3>
            {host && (
              <Button look="quiet" onPress={() => void session.meeting?.moderate({ act: 'lower' })}>
                {t.meet.lowerAll}
              </Button>
            )}
          </header>
          <ol className="people">
            {hands.map((one, index) => (
              <PersonLine key={one.identity} person={one} hand={index + 1} onAsk={ask} />
            ))}
          </ol>
        </section>
      )}
      <section aria-labelledby="people-here">
        <header className="people-head">
          <h3 id="people-here">{t.meet.here(people.length)}</h3>
          {host && (
            <Button look="quiet" onPress={() => void session.meeting?.moderate({ act: 'mute', source: 'microphone' })}>
              {t.meet.muteAll}
            </Button>
          )}
        </header>
        <ul className="people">
          {others.map((one) => (
            <PersonLine key={one.identity} person={one} hand={0} onAsk={ask} />
          ))}
        </ul>
      </section>
      <TileMenu asked={asked} onClose={() => setAsked(null)} />
    </div>
  )
}

interface LineProps {
  person: ParticipantView
  hand: number
  onAsk: (identity: string, by: HTMLElement) => void
}

function PersonLine({ person, hand, onAsk }: LineProps): ReactNode {
  const t = useT()
  const name = person.isLocal ? t.room.youSuffix(person.name) : person.name
  const more = [
    person.role === 'speaker' ? '' : t.meet.roles[person.role],
    person.sharing ? t.people.sharing : '',
  ].filter(Boolean)
  return (
    <li data-testid="person" data-identity={person.identity} data-role={person.role}>
      {hand > 0 && (
        <span className="hand-number" role="img" aria-label={t.meet.handNumber(hand)}>
          ✋{hand}
        </span>
      )}
      <Avatar name={person.name} identity={person.identity} />
      <span className="person-name">
        <bdi>{name}</bdi>
        {more.length > 0 && <small>{more.join(' · ')}</small>}
      </span>
      <QualityDot quality={person.quality} />
      <span className={person.micOn ? 'person-mic' : 'person-mic off'} role="img" aria-label={person.micOn ? t.room.unmuted : t.room.muted}>
        <Icon name={person.micOn ? 'mic' : 'micOff'} size={18} />
      </span>
      <AriaButton
        className="person-more"
        aria-label={t.view.options(name)}
        aria-haspopup="menu"
        onPress={(event) => event.target instanceof HTMLElement && onAsk(person.identity, event.target)}
      >
        <Icon name="more" size={18} />
      </AriaButton>
    </li>
  )
}
