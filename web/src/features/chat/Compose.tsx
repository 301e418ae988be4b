/** Writing a message: Enter sends, Shift+Enter makes a line. What could not be sent stays in the field. */

import { useEffect, useRef, useState, type ReactNode } from 'react'
import { useT } from '../../i18n'
import { useRoom, useSession } from '../../room/hooks'
import { IconButton } from '../../ui/Button'

/** Characters. */
const MOST = 4_000
const TELL_FROM = 3_600

export function Compose(): ReactNode {
  const t = useT()
  const session = useSession()
  const allowed = useRoom((snapshot) => snapshot.canChat)
  const connected = useRoom((snapshot) => snapshot.phase === 'connected')
  const [text, setText] = useState('')
  const [sending, setSending] = useState(false)
  const field = useRef<HTMLTextAreaElement>(null)

  useEffect(() => field.current?.focus(), [])
  useEffect(() => {
    const element = field.current
    if (!element) return
    element.style.height = 'auto'
    element.style.height = `${Math.min(element.scrollHeight, 140)}px`
  }, [text])

  const send = async (): Promise<void> => {
    const message = text.trim()
    if (!message || sending || !connected) return
    setSending(true)
    const sent = await session.sendChat(message)
    setSending(false)
    if (sent) setText('')
    field.current?.focus()
  }

  if (!allowed) return <p className="compose-no">{t.chat.noRight}</p>
  return (
    <form
      className="compose"
      onSubmit={(event) => {
        event.preventDefault()
        void send()
      }}
    >
      <textarea
        ref={field}
        rows={1}
        value={text}
        maxLength={MOST}
        placeholder={t.chat.placeholder}
        aria-label={t.chat.input}
        dir="auto"
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return
          event.preventDefault()
          void send()
        }}
      />
      <IconButton type="submit" label={t.chat.send} icon="send" tone="active" isDisabled={text.trim() === '' || !connected} />
      {text.length > TELL_FROM && <small className="compose-left">{t.chat.long(MOST - text.length)}</small>}
    </form>
  )
}
