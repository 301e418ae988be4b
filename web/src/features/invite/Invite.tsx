/** The link to the room: copied, handed to the system's share sheet, or scanned. */

import { useEffect, useState, type ReactNode } from 'react'
import { useT } from '../../i18n'
import { Button } from '../../ui/Button'
import { Dialog } from '../../ui/Dialog'
import { Icon } from '../../ui/Icon'
import { QrCode } from './QrCode'

export interface InviteProps {
  room: string
  path: string
  open: boolean
  onClose: () => void
}

export function Invite({ room, path, open, onClose }: InviteProps): ReactNode {
  const t = useT()
  const link = location.origin + path
  return (
    <Dialog title={t.invite.title} open={open} onClose={onClose}>
      <p>{t.invite.lead}</p>
      <LinkBox link={link} room={room} />
      <div className="qr-row">
        <QrCode text={link} label={t.invite.qr} />
        <p>{t.invite.scan}</p>
      </div>
      {warning(t) && (
        <p className="fine">
          <Icon name="warning" size={18} /> {warning(t)}
        </p>
      )}
    </Dialog>
  )
}

function warning(t: ReturnType<typeof useT>): string | null {
  if (/^(localhost|127\.|\[::1\])/.test(location.hostname)) return t.invite.local
  return window.isSecureContext ? null : t.invite.insecure
}

function LinkBox({ link, room }: { link: string; room: string }): ReactNode {
  const t = useT()
  const [copied, setCopied] = useState(false)
  useEffect(() => {
    if (!copied) return
    const timer = setTimeout(() => setCopied(false), 2_500)
    return () => clearTimeout(timer)
  }, [copied])
  return (
    <>
      <div className="link-box">
        <input className="input" readOnly value={link} aria-label={t.invite.link} onFocus={(event) => event.target.select()} />
        <Button look="primary" icon={copied ? 'check' : 'copy'} onPress={() => void copy(link).then(setCopied)}>
          {copied ? t.invite.copied : t.invite.copy}
        </Button>
      </div>
      <div role="status" className="visually-hidden">
        {copied && t.invite.copied}
      </div>
      {'share' in navigator && (
        <Button icon="send" onPress={() => void navigator.share({ title: room, url: link }).catch(() => undefined)}>
          {t.invite.share}
        </Button>
      )}
    </>
  )
}

async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    // Plain http has no clipboard: the link is selected for copying by hand.
    const input = document.querySelector<HTMLInputElement>('.link-box input')
    input?.focus()
    return false
  }
}
