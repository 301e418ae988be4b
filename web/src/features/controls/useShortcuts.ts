/** Listens for the room's keys while it is shown. */

import { useEffect, useRef, useState } from 'react'
import type { Opened } from '../../app/RoomScreen'
import { saveShortcutsOn, shortcutsOn } from '../../room/device'
import type { RoomSession } from '../../room/snapshot'
import { actionOf, takesSpace, takesText, type Action } from './keys'

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
      if (!action || action === 'talk' || (!on && action !== 'help')) return
      event.preventDefault()
      run(action, latest.current)
    }
    // Held to speak: the microphone is off again when the key is let go, and when the window loses sight of the key.
    let talking = false
    const talk = (event: KeyboardEvent): void => {
      const { session, blocked } = latest.current
      if (!on || event.key !== ' ' || event.defaultPrevented || blocked || takesText(event.target) || takesSpace(event.target)) return
      if (event.ctrlKey || event.metaKey || event.altKey) return
      event.preventDefault()
      const { mic, canPublish } = session.snapshot()
      if (event.repeat || talking || mic !== 'off' || !canPublish) return
      talking = true
      void session.setMic(true)
    }
    const hush = (event: Event): void => {
      if (!talking || (event instanceof KeyboardEvent && event.key !== ' ')) return
      talking = false
      void quiet(latest.current.session)
    }
    addEventListener('keydown', pressed)
    addEventListener('keydown', talk)
    addEventListener('keyup', hush)
    addEventListener('blur', hush)
    return () => {
      removeEventListener('keydown', pressed)
      removeEventListener('keydown', talk)
      removeEventListener('keyup', hush)
      removeEventListener('blur', hush)
    }
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
    case 'hand':
      void session.meeting?.setHand(!session.snapshot().participants.some((one) => one.isLocal && one.handAt > 0))
      return
    case 'talk': // held, not pressed: see above
      return
    case 'chat':
      act.chat()
      return
    case 'people':
      act.people()
      return
    case 'stats':
      act.open('stats')
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

/** Off as soon as it may be: a microphone that is just starting is waited for. */
async function quiet(session: RoomSession): Promise<void> {
  for (let tries = 0; session.snapshot().mic === 'busy' && tries < 40; tries++) await new Promise((resolve) => setTimeout(resolve, 50))
  if (session.snapshot().mic === 'on') await session.setMic(false)
}
