/** Picks the page for the address and the language for the reader. */

import { lazy, Suspense, useEffect, useMemo, type ReactNode } from 'react'
import { I18nProvider } from 'react-aria-components'
import { Home } from '../features/home/Home'
import { Peers } from '../features/peers/Peers'
import { directionOf, LanguageContext, pickLanguage, useT } from '../i18n'
import { joinPeers } from '../peer/join'
import { join } from '../room/join'
import { Message } from '../ui/Message'
import { Crash } from './Crash'
import { go, useRoute } from './navigation'
import { RoomPage } from './RoomPage'

const Connectivity = lazy(() => import('../features/connectivity/Connectivity').then(({ Connectivity }) => ({ default: Connectivity })))
const Broadcasts = lazy(() => import('../features/broadcast/Broadcasts').then(({ Broadcasts }) => ({ default: Broadcasts })))
const Broadcast = lazy(() => import('../features/broadcast/Broadcast').then(({ Broadcast }) => ({ default: Broadcast })))
const Watch = lazy(() => import('../features/watch/Watch').then(({ Watch }) => ({ default: Watch })))

export function App(): ReactNode {
  const language = useMemo(() => pickLanguage(navigator.languages), [])
  useEffect(() => {
    document.documentElement.lang = language
    document.documentElement.dir = directionOf(language)
  }, [language])
  return (
    <LanguageContext value={language}>
      <I18nProvider locale={language}>
        <Crash>
          <Page />
        </Crash>
      </I18nProvider>
    </LanguageContext>
  )
}

function Page(): ReactNode {
  const route = useRoute()
  const t = useT()
  switch (route.page) {
    case 'home':
      return <Home />
    case 'room':
      return <RoomPage key={route.room} room={route.room} direct={route.direct} enter={join} />
    case 'peers':
      return <Peers />
    case 'peer-room':
      return <RoomPage key={`p2p/${route.room}`} room={route.room} direct={route.direct} enter={joinPeers} />
    case 'connectivity':
      return (
        <Suspense>
          <Connectivity />
        </Suspense>
      )
    case 'broadcasts':
      return (
        <Suspense>
          <Broadcasts />
        </Suspense>
      )
    case 'broadcast':
      return (
        <Suspense>
          <Broadcast key={route.room} room={route.room} />
        </Suspense>
      )
    case 'watch':
      return (
        <Suspense>
          <Watch key={route.room} room={route.room} />
        </Suspense>
      )
    case 'missing':
      return (
        <Message title={t.missing.title} text={t.missing.text} icon="warning" primary={{ label: t.ended.home, act: () => go('/') }} />
      )
  }
}
