/** `?people=4&share&reconnecting&notices&…` shows the room in that state. */

import { createRoot } from 'react-dom/client'
import { RoomScreen } from '../src/app/RoomScreen'
import { directionOf, LanguageContext } from '../src/i18n'
import { SessionProvider } from '../src/room/hooks'
import '../src/ui/styles.css'
import { fakeSession } from './fake'

const query = new URLSearchParams(location.search)
const root = document.getElementById('root')
if (!root) throw new Error('no #root')
document.documentElement.dir = directionOf(query.get('language') ?? 'en')
createRoot(root).render(
  <LanguageContext value={query.get('language') ?? 'en'}>
    <SessionProvider session={fakeSession(query)}>
      <RoomScreen onEnd={() => location.reload()} />
    </SessionProvider>
  </LanguageContext>,
)
