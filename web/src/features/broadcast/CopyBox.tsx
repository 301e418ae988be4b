/** A text that is read and copied, under its label. */

import { useEffect, useId, useRef, useState, type ReactNode } from 'react'
import { Button } from '../../ui/Button'
import { useWords } from './words'

export interface CopyBoxProps {
  label: string
  text: string
  /** Shown as dots until it is copied or selected. */
  secret?: boolean
  look?: 'primary' | 'plain'
  showLabel?: boolean
}

export function CopyBox({ label, text, secret = false, look = 'plain', showLabel = true }: CopyBoxProps): ReactNode {
  const words = useWords().studio
  const [copied, setCopied] = useState(false)
  const input = useRef<HTMLInputElement>(null)
  const id = useId()
  useEffect(() => {
    if (!copied) return
    const timer = setTimeout(() => setCopied(false), 2_500)
    return () => clearTimeout(timer)
  }, [copied])
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text)
      setCopied(true)
    } catch {
      // Plain http has no clipboard: the text is selected for copying by hand.
      if (input.current) input.current.type = 'text'
      input.current?.focus()
    }
  }
  return (
    <div className="copy-box">
      <label htmlFor={id} className={showLabel ? 'copy-label' : 'visually-hidden'}>
        {label}
      </label>
      <div className="link-box">
        <input ref={input} id={id} className="input" readOnly type={secret ? 'password' : 'text'} autoComplete="off" value={text} onFocus={(event) => event.target.select()} />
        <Button look={look} icon={copied ? 'check' : 'copy'} onPress={() => void copy()} aria-label={`${words.copy}: ${label}`}>
          {copied ? words.copied : words.copy}
        </Button>
      </div>
      <div role="status" className="visually-hidden">
        {copied && words.copied}
      </div>
    </div>
  )
}
