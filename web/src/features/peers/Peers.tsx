/** The front page of direct calls: what they are, and a room to start one in. */

import { useEffect, type ReactNode } from 'react'
import { go } from '../../app/navigation'
import { peerPath } from '../../app/route'
import { useT } from '../../i18n'
import { Button } from '../../ui/Button'
import { Icon, type IconName } from '../../ui/Icon'
import { Logo } from '../../ui/Logo'
import { RoomForm } from '../home/RoomForm'
import './peers.css'

const ICONS: readonly IconName[] = ['people', 'arrow', 'lock']

export function Peers(): ReactNode {
  const t = useT()

  useEffect(() => {
    document.title = `${t.peers.title} · ${t.app.name}`
  }, [t])

  return (
    <div className="page home">
      <header className="page-head">
        <Logo />
        <Button look="quiet" icon="back" onPress={() => go('/')}>
          {t.peers.back}
        </Button>
      </header>
      <main className="home-main">
        <section className="home-words">
          <h1>{t.peers.title}</h1>
          <p className="lead">{t.peers.lead}</p>
          <ul className="peer-facts">
            {t.peers.facts.map((fact, at) => (
              <li key={fact.title}>
                <span className={`tint-${[0, 2, 3][at] ?? 0}`}>
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
          <RoomForm label={t.peers.go} pathOf={peerPath} />
        </section>
      </main>
    </div>
  )
}
