/** The front page of broadcasting: what it is, and a room to do it in. */

import { useEffect, type ReactNode } from 'react'
import { go } from '../../app/navigation'
import { broadcastPath } from '../../app/route'
import { useT } from '../../i18n'
import { Button } from '../../ui/Button'
import { Icon, type IconName } from '../../ui/Icon'
import { Logo } from '../../ui/Logo'
import { RoomForm } from '../home/RoomForm'
import '../peers/peers.css'
import { useWords } from './words'

const ICONS: readonly IconName[] = ['live', 'eye', 'expand']

export function Broadcasts(): ReactNode {
  const t = useT()
  const words = useWords().start

  useEffect(() => {
    document.title = `${words.title} · ${t.app.name}`
  }, [t, words])

  return (
    <div className="page home">
      <header className="page-head">
        <Logo />
        <Button look="quiet" icon="back" onPress={() => go('/')}>
          {words.back}
        </Button>
      </header>
      <main className="home-main">
        <section className="home-words">
          <h1>{words.title}</h1>
          <p className="lead">{words.lead}</p>
          <ul className="peer-facts">
            {words.facts.map((fact, at) => (
              <li key={fact.title}>
                <span className={`tint-${[3, 2, 0][at] ?? 0}`}>
                  <Icon name={ICONS[at] ?? 'check'} size={20} />
                </span>
                <div>
                  <h2>{fact.title}</h2>
                  <p>{fact.text}</p>
                </div>
              </li>
            ))}
          </ul>
        </section>
        <section className="home-forms">
          <RoomForm label={words.go} pathOf={broadcastPath} />
        </section>
      </main>
    </div>
  )
}
