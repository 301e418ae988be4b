/** A room from the door to goodbye: pre-join → joining → the room → ended, and back in. */

import { useCallback, useEffect, useRef, useState, type ReactNode } from 'react'
import { Waiting } from '../features/lobby/Waiting'
import { PreJoin } from '../features/prejoin/PreJoin'
import { useT, type Messages } from '../i18n'
import { ApiError } from '../room/api'
import { deviceChoice, savedName, saveName, type DeviceChoice } from '../room/device'
import { SessionProvider } from '../room/hooks'
import type { Enter } from '../room/join'
import { loadLibrary } from '../room/library'
import type { EndReason, RoomSession } from '../room/snapshot'
import { Message } from '../ui/Message'
import { go } from './navigation'
import { watchPath, type Direct } from './route'
import { loadScreen, type Screen } from './screen'

type Step =
  | { readonly at: 'door' | 'joining'; readonly problem: string | null }
  | { readonly at: 'waiting' }
  | { readonly at: 'room'; readonly session: RoomSession; readonly Screen: Screen }
  | { readonly at: 'ended'; readonly reason: EndReason }

export interface RoomPageProps {
  room: string
  direct: Direct | null
  /** The way in: through the server's media router, or straight to the others. */
  enter: Enter
}

export function RoomPage({ room, direct, enter: join }: RoomPageProps): ReactNode {
  const t = useT()
  const [step, setStep] = useState<Step>({ at: direct ? 'joining' : 'door', problem: null })
  const session = useRef<RoomSession | null>(null)
  const started = useRef(false)
  const door = useRef<AbortController | null>(null)

  useEffect(() => {
    document.title = `${room} · ${t.app.name}`
    // Tried again, and told, when joining.
    void Promise.all([loadLibrary(), loadScreen()]).catch(() => undefined)
    return () => {
      document.title = t.app.name
      door.current?.abort()
      void session.current?.leave()
    }
  }, [room, t])

  const enter = useCallback(
    async (name: string, choice: DeviceChoice) => {
      setStep({ at: 'joining', problem: null })
      try {
        const Screen = await loadScreen()
        const knocking = new AbortController()
        door.current = knocking
        const joined = await join(room, name, choice, { waiting: () => setStep({ at: 'waiting' }), signal: knocking.signal })
        session.current = joined.session
        setStep({ at: 'room', session: joined.session, Screen })
      } catch (error) {
        const code = error instanceof ApiError ? error.code : 'unexpected'
        // Whoever may not join a broadcast may watch it.
        if (code === 'broadcast_only') go(watchPath(room))
        else setStep({ at: 'door', problem: code === 'left' ? null : code })
      }
    },
    [room, join],
  )

  useEffect(() => {
    if (!direct || started.current) return
    started.current = true
    if (direct.name) saveName(direct.name)
    void enter(direct.name || savedName(), { ...deviceChoice(), audio: direct.audio, video: direct.video })
  }, [direct, enter])

  const ended = useCallback((reason: EndReason) => {
    session.current = null
    setStep({ at: 'ended', reason })
  }, [])

  switch (step.at) {
    case 'door':
    case 'joining':
      if (direct && step.at === 'joining')
        return (
          <main className="joining" aria-busy="true">
            <span className="spinner" />
            <p role="status">{t.prejoin.joining}</p>
          </main>
        )
      return (
        <PreJoin
          room={room}
          joining={step.at === 'joining'}
          problem={step.problem === null ? null : problemText(step.problem, t)}
          network={step.problem === 'connect_failed'}
          onJoin={(name, choice) => void enter(name, choice)}
          onBack={() => go('/')}
        />
      )
    case 'waiting':
      return <Waiting room={room} onLeave={() => door.current?.abort()} />
    case 'room':
      return (
        <SessionProvider session={step.session}>
          <step.Screen onEnd={ended} />
        </SessionProvider>
      )
    case 'ended':
      return (
        <Message
          title={t.ended[step.reason].title}
          text={t.ended[step.reason].text}
          icon={step.reason === 'left' || step.reason === 'closed' ? 'leave' : 'warning'}
          primary={{ label: step.reason === 'duplicate' ? t.ended.useHere : t.ended.rejoin, act: () => void enter(savedName(), deviceChoice()) }}
          secondary={step.reason === 'media' ? { label: t.ended.network, act: () => go('/connectivity') } : { label: t.ended.home, act: () => go('/') }}
        />
      )
  }
}

function problemText(code: string, t: Messages): string {
  const words: Readonly<Record<string, string>> = t.errors
  return (Object.hasOwn(words, code) ? words[code] : undefined) ?? t.errors.unexpected
}
