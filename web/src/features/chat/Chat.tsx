/** The chat: messages, newest at the end and in view unless the reader scrolled up, and the field to write in. */

import { useLayoutEffect, useRef, useState, type ReactNode } from 'react'
import { useT } from '../../i18n'
import { useChat } from '../../room/hooks'
import type { ChatLine } from '../../room/snapshot'
import { Button } from '../../ui/Button'
import { Icon } from '../../ui/Icon'
import { clock } from '../../ui/time'
import { Compose } from './Compose'
import { parts } from './links'

/** Messages of one person this close together share a heading. */
const TOGETHER_MS = 120_000
/** Within this many px of the end counts as reading the newest. */
const AT_END_PX = 48

export function Chat(): ReactNode {
  const t = useT()
  const lines = useChat()
  const log = useRef<HTMLDivElement>(null)
  const [following, setFollowing] = useState(true)
  const last = lines.at(-1)

  useLayoutEffect(() => {
    const element = log.current
    if (element && (following || last?.isLocal)) element.scrollTop = element.scrollHeight
  }, [last, following])

  return (
    <div className="chat">
      <div
        className="chat-log"
        ref={log}
        role="log"
        aria-live="polite"
        aria-label={t.chat.log}
        tabIndex={0}
        onScroll={(event) => {
          const { scrollHeight, scrollTop, clientHeight } = event.currentTarget
          setFollowing(scrollHeight - scrollTop - clientHeight < AT_END_PX)
        }}
      >
        {lines.length === 0 ? (
          <div className="chat-empty">
            <Icon name="chat" size={34} />
            <p className="chat-empty-title">{t.chat.empty}</p>
            <p>{t.chat.emptyLead}</p>
          </div>
        ) : (
          <ol>
            {lines.map((line, index) => (
              <Line key={line.id} line={line} headed={!follows(lines[index - 1], line)} />
            ))}
          </ol>
        )}
      </div>
      {!following && (
        <div className="chat-latest">
          <Button icon="down" onPress={() => setFollowing(true)}>
            {t.chat.latest}
          </Button>
        </div>
      )}
      <Compose />
    </div>
  )
}

function follows(before: ChatLine | undefined, line: ChatLine): boolean {
  return before !== undefined && before.identity === line.identity && line.at - before.at < TOGETHER_MS
}

function Line({ line, headed }: { line: ChatLine; headed: boolean }): ReactNode {
  const t = useT()
  const name = line.isLocal ? t.room.you : line.name || t.chat.unknown
  return (
    <li className={line.isLocal ? 'line own' : 'line'} data-headed={headed} data-testid="chat-line">
      <p className={headed ? 'line-head' : 'visually-hidden'}>
        <bdi>{name}</bdi> <time dateTime={new Date(line.at).toISOString()}>{clock(line.at)}</time>
      </p>
      <p className="bubble" dir="auto">
        {parts(line.text).map((part, index) =>
          part.kind === 'link' ? (
            <a key={index} href={part.href} target="_blank" rel="noopener noreferrer nofollow">
              {part.text}
            </a>
          ) : (
            part.text
          ),
        )}
        {line.edited && <small className="edited"> {t.chat.edited}</small>}
      </p>
    </li>
  )
}
