/** A modal dialog with a title and a close button; a sheet from below on phones. */

import type { ReactNode } from 'react'
import { Dialog as AriaDialog, Heading, Modal, ModalOverlay } from 'react-aria-components'
import { useT } from '../i18n'
import { IconButton } from './Button'

export interface DialogProps {
  title: string
  open: boolean
  onClose: () => void
  children: ReactNode
  role?: 'dialog' | 'alertdialog'
}

export function Dialog({ title, open, onClose, children, role = 'dialog' }: DialogProps): ReactNode {
  const t = useT()
  return (
    <ModalOverlay className="overlay" isOpen={open} onOpenChange={(next) => !next && onClose()} isDismissable>
      <Modal className="modal">
        <AriaDialog className="dialog" role={role}>
          <header className="dialog-head">
            <Heading slot="title">{title}</Heading>
            <IconButton label={t.room.close} icon="close" tone="quiet" onPress={onClose} />
          </header>
          {children}
        </AriaDialog>
      </Modal>
    </ModalOverlay>
  )
}
