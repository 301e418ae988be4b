/** Listens for the room's keys while it is shown. */

import { useEffect, useRef, useState } from 'react'
import type { Opened } from '../../app/RoomScreen'
import { saveShortcutsOn, shortcutsOn } from '../../room/device'
import type { RoomSession } from '../../room/snapshot'
import { actionOf, takesText, type Action } from './keys'

export interface ShortcutsOf {
  readonly session: RoomSession
  /** True while a dialog is open. */
  readonly blocked: boolean
  readonly act: { readonly chat: () => void; readonly people: () => void; readonly open: (what: Opened) => void }
}

export function useShortcuts(given: ShortcutsOf): { on: boolean; setOn: (on: boolean) => void } {
  const [on, setOn] = useState(shortcutsOn)
  const latest = useRef(given)
  useEffect(() => {
    latest.current = given
  })
  useEffect(() => {
    const pressed = (event: KeyboardEvent): void => {
      if (event.defaultPrevented || latest.current.blocked || takesText(event.target)) return
      const action = actionOf(event)
      if (!action || (!on && action !== 'help')) return
      event.preventDefault()
      run(action, latest.current)
    }
    addEventListener('keydown', pressed)
    return () => removeEventListener('keydown', pressed)
  }, [on])
  return {
    on,
    setOn: (next) => {
      saveShortcutsOn(next)
      setOn(next)
    },
  }
}

function run(action: Action, { session, act }: ShortcutsOf): void {
  const { mic, camera, share, canPublish } = session.snapshot()
  switch (action) {
    case 'microphone':
      if (canPublish) void session.setMic(mic === 'off')
      return
    case 'camera':
      if (canPublish) void session.setCamera(camera === 'off')
      return
    case 'share':
      if (canPublish) void session.setShare(share !== 'on')
      return
    case 'chat':
      act.chat()
      return
    case 'people':
      act.people()
      return
    case 'view':
      act.open('view')
      return
    case 'invite':
      act.open('invite')
      return
    case 'stages':
      act.open('stages')
      return
    case 'leave':
      act.open('leave')
      return
    case 'help':
      act.open('shortcuts')
      return
  }
}
