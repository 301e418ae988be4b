/** The front page: name a room or take a suggested one; rooms visited from this device. */

import { useEffect, useState, type ReactNode } from 'react'
import { PageLink } from '../../app/PageLink'
import { roomPath } from '../../app/route'
import { useLanguage, useT } from '../../i18n'
import { forgetRoom, recentRooms } from '../../room/device'
import { IconButton } from '../../ui/Button'
import { Icon } from '../../ui/Icon'
import { Logo } from '../../ui/Logo'
import { ago } from '../../ui/time'
import { Illustration } from './Illustration'
import { RoomForm } from './RoomForm'

export function Home(): ReactNode {
  const t = useT()
  const language = useLanguage()
  const [recent, setRecent] = useState(recentRooms)
  const [now_ms] = useState(() => Date.now())

  useEffect(() => {
    document.title = t.app.name
  }, [t])

  return (
    <div className="page home">
      <header className="page-head">
        <Logo />
      </header>
      <main className="home-main">
        <section className="home-words">
          <h1>{t.home.title}</h1>
          <p className="lead">{t.home.lead}</p>
          <Illustration />
        </section>
        <section className="home-forms">
          <RoomForm label={t.home.go} pathOf={roomPath}>
            <p className="fine">
              <Icon name="lock" size={16} /> {t.home.privacy}
            </p>
          </RoomForm>
          <div className="home-others">
            <PageLink className="fine" path="/p2p">
              <Icon name="stages" size={16} /> {t.peers.link}
            </PageLink>
            <PageLink className="fine" path="/broadcast">
              <Icon name="live" size={16} /> {t.home.broadcast}
            </PageLink>
            <PageLink className="fine" path="/connectivity">
              <Icon name="refresh" size={16} /> {t.home.network}
            </PageLink>
          </div>
          {recent.length > 0 && (
            <nav className="recent" aria-labelledby="recent">
              <h2 id="recent">{t.home.recent}</h2>
              <ul>
                {recent.map((one) => (
                  <li key={one.room}>
                    <PageLink path={roomPath(one.room)} aria-label={t.home.enter(one.room)}>
                      <Icon name="clock" size={18} />
                      <bdi>{one.room}</bdi>
                      <small>{ago(one.visited, now_ms, language)}</small>
                    </PageLink>
                    <IconButton
                      label={t.home.forget(one.room)}
                      icon="close"
                      tone="quiet"
                      onPress={() => {
                        forgetRoom(one.room)
                        setRecent(recentRooms())
                      }}
                    />
                  </li>
                ))}
              </ul>
            </nav>
          )}
        </section>
      </main>
    </div>
  )
}
