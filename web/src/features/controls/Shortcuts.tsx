/** The list of keys, and the switch that turns them off. */

import type { ReactNode } from 'react'
import { useT } from '../../i18n'
import { Dialog } from '../../ui/Dialog'
import { Toggle } from '../../ui/Toggle'
import { KEYS, type Action } from './keys'

export interface ShortcutsProps {
  open: boolean
  onClose: () => void
  on: boolean
  onChange: (on: boolean) => void
}

export function Shortcuts({ open, onClose, on, onChange }: ShortcutsProps): ReactNode {
  const t = useT()
  return (
    <Dialog title={t.shortcuts.title} open={open} onClose={onClose}>
      <Toggle on={on} onChange={onChange}>
        {t.shortcuts.on}
      </Toggle>
      <dl className="keys">
        {(Object.entries(KEYS) as [Action, string][]).map(([action, key]) => (
          <div key={action}>
            <dt>{t.shortcuts[action]}</dt>
            <dd>
              <kbd>{key}</kbd>
            </dd>
          </div>
        ))}
      </dl>
    </Dialog>
  )
}
