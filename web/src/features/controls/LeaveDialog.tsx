/** Asks before leaving, so that a slip does not end one's call. Enter leaves. */

import type { ReactNode } from 'react'
import { useT } from '../../i18n'
import { Button } from '../../ui/Button'
import { Dialog } from '../../ui/Dialog'

export interface LeaveDialogProps {
  open: boolean
  onClose: () => void
  onLeave: () => void
  /** For hosts: ends the room for everybody. */
  onEnd?: (() => void) | undefined
}

export function LeaveDialog({ open, onClose, onLeave, onEnd }: LeaveDialogProps): ReactNode {
  const t = useT()
  return (
    <Dialog title={t.leave.title} open={open} onClose={onClose} role="alertdialog">
      <p>{t.leave.text}</p>
      <div className="dialog-ways">
        <Button onPress={onClose}>{t.leave.stay}</Button>
        {onEnd && (
          <Button look="quiet" onPress={onEnd}>
            {t.meet.host.end}
          </Button>
        )}
        <Button look="danger" autoFocus onPress={onLeave}>
          {t.leave.confirm}
        </Button>
      </div>
    </Dialog>
  )
}
