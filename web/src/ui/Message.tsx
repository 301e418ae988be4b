/** A whole page that says one thing and offers a way on. */

import { useEffect, useRef, type ReactNode } from 'react'
import { Button } from './Button'
import { Icon, type IconName } from './Icon'
import { Logo } from './Logo'

interface Way {
  readonly label: string
  readonly act: () => void
}

export interface MessageProps {
  title: string
  text: string
  icon: IconName
  primary?: Way
  secondary?: Way
}

export function Message({ title, text, icon, primary, secondary }: MessageProps): ReactNode {
  const heading = useRef<HTMLHeadingElement>(null)
  // The page changed under the reader: the new heading is where reading starts.
  useEffect(() => heading.current?.focus(), [])
  return (
    <div className="page">
      <header className="page-head">
        <Logo />
      </header>
      <main className="message">
        <span className="message-icon">
          <Icon name={icon} size={30} />
        </span>
        <h1 ref={heading} tabIndex={-1}>
          {title}
        </h1>
        <p>{text}</p>
        <div className="message-ways">
          {primary && (
            <Button look="primary" size="large" onPress={primary.act}>
              {primary.label}
            </Button>
          )}
          {secondary && (
            <Button size="large" onPress={secondary.act}>
              {secondary.label}
            </Button>
          )}
        </div>
      </main>
    </div>
  )
}
