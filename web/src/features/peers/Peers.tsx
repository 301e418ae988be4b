/** The front page of direct calls: what they are, and a room to start one in. */

import { useEffect, useState, type ReactNode } from 'react'
import { go } from '../../app/navigation'
import { cleanRoom, peerPath, roomTooLong } from '../../app/route'
import { useT } from '../../i18n'
import { savedName, saveName } from '../../room/device'
import { Button, IconButton } from '../../ui/Button'
import { TextField } from '../../ui/Field'
import { Icon, type IconName } from '../../ui/Icon'
import { Logo } from '../../ui/Logo'
import { randomRoom, secureRandom } from '../home/names'
import './peers.css'

const ICONS: readonly IconName[] = ['people', 'arrow', 'lock']

export function Peers(): ReactNode {
  const t = useT()
  const [name, setName] = useState(savedName)
  const [room, setRoom] = useState(() => randomRoom(secureRandom))
  const [error, setError] = useState<string | null>(null)

  useEffect(() => {
    document.title = `${t.peers.title} · ${t.app.name}`
  }, [t])

  const submit = (): void => {
    const wanted = cleanRoom(room)
    if (!wanted || roomTooLong(wanted)) {
      setError(wanted ? t.home.roomLong : t.home.roomNeeded)
      return
    }
    if (name.trim()) saveName(name.trim())
    go(peerPath(wanted))
  }

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
              {t.peers.go}
            </Button>
          </form>
        </section>
      </main>
    </div>
  )
}
