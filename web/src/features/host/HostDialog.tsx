/** The room's rules, for hosts: what kind of room it is, its door, and who may do what. Each change is felt at once. */

import { useState, type ReactNode } from 'react'
import { Label, RadioButton, RadioField, RadioGroup } from 'react-aria-components'
import { useT } from '../../i18n'
import { useRoom, useSession } from '../../room/hooks'
import { PRESETS, roleOf, type Rules } from '../../room/house'
import { Button } from '../../ui/Button'
import { Dialog } from '../../ui/Dialog'
import { SelectField } from '../../ui/Field'
import { Toggle } from '../../ui/Toggle'
import './host.css'

const WHO = ['listener', 'speaker', 'cohost'] as const
const RIGHTS = ['speak', 'share', 'chat'] as const
const ICONS = { speak: 'mic', share: 'screen', chat: 'chat' } as const

export function HostDialog({ open, onClose }: { open: boolean; onClose: () => void }): ReactNode {
  const t = useT()
  const { meeting } = useSession()
  const house = useRoom((snapshot) => snapshot.meeting?.house)
  const role = useRoom((snapshot) => snapshot.meeting?.role)
  const [busy, setBusy] = useState(false)
  const [ending, setEnding] = useState(false)
  if (!house) return null
  const { rules } = house
  const set = async (change: Partial<Rules>): Promise<void> => {
    setBusy(true)
    await meeting?.moderate({ act: 'rules', rules: change })
    setBusy(false)
  }
  return (
    <Dialog
      title={t.meet.host.title}
      open={open}
      onClose={() => {
        setEnding(false)
        onClose()
      }}
    >
      <RadioGroup
        className="presets"
        aria-label={t.meet.host.preset}
        value={rules.preset}
        onChange={(value) => {
          const preset = PRESETS.find((one) => one === value)
          if (preset) void set({ preset })
        }}
      >
        {PRESETS.map((one) => (
          <RadioField key={one} value={one}>
            <RadioButton className="layout">
              <Label className="layout-name">{t.meet.presets[one].name}</Label>
              <small>{t.meet.presets[one].text}</small>
            </RadioButton>
          </RadioField>
        ))}
      </RadioGroup>
      <div className="toggles" aria-busy={busy}>
        <Toggle on={rules.locked} onChange={(on) => void set({ locked: on })}>
          {t.meet.host.locked}
        </Toggle>
        <Toggle on={rules.lobby} onChange={(on) => void set({ lobby: on })}>
          {t.meet.host.lobby}
        </Toggle>
        <Toggle on={rules.quiet} onChange={(on) => void set({ quiet: on })}>
          {t.meet.host.quiet}
        </Toggle>
      </div>
      <div className="rights">
        {RIGHTS.map((right) => (
          <div key={right}>
            <span>{t.meet.host[right]}</span>
            <SelectField
              label={t.meet.host[right]}
              icon={ICONS[right]}
              choices={WHO.map((one) => ({ id: one, label: t.meet.who[one] }))}
              value={rules[right] === 'host' ? 'cohost' : rules[right]}
              onChange={(id) => void set({ [right]: roleOf(id) })}
              empty=""
            />
          </div>
        ))}
      </div>
      <div className="dialog-ways">
        <Button icon="micOff" onPress={() => void meeting?.moderate({ act: 'mute', source: 'microphone' })}>
          {t.meet.muteAll}
        </Button>
        {role === 'host' && (
          <Button look="danger" onPress={() => (ending ? void meeting?.moderate({ act: 'end' }) : setEnding(true))}>
            {ending ? t.meet.host.endSure : t.meet.host.end}
          </Button>
        )}
      </div>
    </Dialog>
  )
}
