/** The front page: name a room or take a suggested one; rooms visited from this device. */

import { useEffect, useState, type ReactNode } from 'react'
import { go } from '../../app/navigation'
import { cleanRoom, roomPath, roomTooLong } from '../../app/route'
import { useLanguage, useT } from '../../i18n'
import { forgetRoom, recentRooms, savedName, saveName } from '../../room/device'
import { Button, IconButton } from '../../ui/Button'
import { TextField } from '../../ui/Field'
import { Icon, type IconName } from '../../ui/Icon'
import { Logo } from '../../ui/Logo'
import { ago } from '../../ui/time'
import { Illustration } from './Illustration'
import { randomRoom, secureRandom } from './names'

/** A page of the app that is not a room. */
function Other({ path, icon, text }: { path: string; icon: IconName; text: string }): ReactNode {
  return (
    <a
      className="fine"
      href={path}
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey) return
        event.preventDefault()
        go(path)
      }}
    >
      <Icon name={icon} size={16} /> {text}
    </a>
  )
}

export function Home(): ReactNode {
  const t = useT()
  const language = useLanguage()
  const [name, setName] = useState(savedName)
  const [room, setRoom] = useState(() => randomRoom(secureRandom))
  const [error, setError] = useState<string | null>(null)
  const [recent, setRecent] = useState(recentRooms)
  const [now_ms] = useState(() => Date.now())

  useEffect(() => {
    document.title = t.app.name
  }, [t])

  const submit = (): void => {
    const wanted = cleanRoom(room)
    if (!wanted || roomTooLong(wanted)) {
      setError(wanted ? t.home.roomLong : t.home.roomNeeded)
      return
    }
    if (name.trim()) saveName(name.trim())
    go(roomPath(wanted))
  }

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
          <form
            className="card"
            noValidate
            onSubmit={(event) => {
              event.preventDefault()
              submit()
            }}
          >
            <TextField
              label={t.home.roomName}
              value={room}
              onChange={(value) => {
                setRoom(value)
                setError(null)
              }}
              hint={t.home.roomHint}
              error={error}
            >
              <IconButton label={t.home.another} icon="dice" onPress={() => setRoom(randomRoom(secureRandom))} />
            </TextField>
            <TextField
              label={t.home.yourName}
              value={name}
              onChange={setName}
              placeholder={t.prejoin.namePlaceholder}
              autoComplete="name"
              maxLength={60}
            />
            <Button type="submit" look="primary" size="large" icon="arrow">
              {t.home.go}
            </Button>
            <p className="fine">
              <Icon name="lock" size={16} /> {t.home.privacy}
            </p>
          </form>
          <div className="home-others">
            <Other path="/p2p" icon="stages" text={t.peers.link} />
            <Other path="/connectivity" icon="refresh" text={t.home.network} />
          </div>
          {recent.length > 0 && (
            <nav className="recent" aria-labelledby="recent">
              <h2 id="recent">{t.home.recent}</h2>
              <ul>
                {recent.map((one) => (
                  <li key={one.room}>
                    <a
                      href={roomPath(one.room)}
                      aria-label={t.home.enter(one.room)}
                      onClick={(event) => {
                        if (event.metaKey || event.ctrlKey || event.shiftKey) return
                        event.preventDefault()
                        go(roomPath(one.room))
                      }}
                    >
                      <Icon name="clock" size={18} />
                      <bdi>{one.room}</bdi>
                      <small>{ago(one.visited, now_ms, language)}</small>
                    </a>
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
