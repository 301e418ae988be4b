/** Before the door, for whoever must be let in. */

import { useEffect, useRef, type ReactNode } from 'react'
import { useT } from '../../i18n'
import { Button } from '../../ui/Button'
import { Logo } from '../../ui/Logo'

export function Waiting({ room, onLeave }: { room: string; onLeave: () => void }): ReactNode {
  const t = useT()
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => heading.current?.focus(), [])
  return (
    <div className="page">
      <header className="page-head">
        <Logo />
      </header>
      <main className="message" data-testid="waiting">
        <span className="spinner" />
        <h1 ref={heading} tabIndex={-1}>
          {t.meet.waitingTitle}
        </h1>
        <p>{t.meet.waitingText(room)}</p>
        <div className="message-ways">
          <Button size="large" onPress={onLeave}>
            {t.meet.waitingLeave}
          </Button>
        </div>
      </main>
    </div>
  )
}
