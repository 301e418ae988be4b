/** What can be done with one person, opened by the button of any tile or of the list of people: one menu for all of them. */

import { useRef, type ReactNode } from 'react'
import { Menu, MenuItem, Popover } from 'react-aria-components'
import { useT } from '../../i18n'
import { useParticipants } from '../../room/hooks'
import { look, useLook } from '../../room/look'
import { Icon, type IconName } from '../../ui/Icon'

export interface Asked {
  readonly identity: string
  readonly by: HTMLElement
}

export interface TileMenuProps {
  asked: Asked | null
  onClose: () => void
}

interface Way {
  readonly id: string
  readonly label: string
  readonly icon: IconName
  readonly danger?: boolean
  readonly act: () => void
}

export function TileMenu({ asked, onClose }: TileMenuProps): ReactNode {
  const t = useT()
  const people = useParticipants()
  const { pinned, mirror, hideSelf } = useLook()
  const trigger = useRef<HTMLElement>(null)
  const person = people.find((one) => one.identity === asked?.identity)
  if (!asked || !person) return null
  trigger.current = asked.by

  const ways: Way[] = [
    {
      id: 'pin',
      label: pinned === person.identity ? t.view.unpin : t.view.pin,
      icon: 'pin',
      act: () => look.pin(person.identity),
    },
  ]
  if (person.isLocal)
    ways.push(
      { id: 'mirror', label: mirror ? t.view.mirrorOff : t.view.mirrorOn, icon: 'mirror', act: () => look.set({ mirror: !mirror }) },
      { id: 'hide', label: hideSelf ? t.view.showSelf : t.view.hideSelf, icon: 'eyeOff', act: () => look.set({ hideSelf: !hideSelf }) },
    )

  return (
    <Popover className="popover" triggerRef={trigger} isOpen onOpenChange={(open) => !open && onClose()}>
      <Menu
        className="list-box"
        aria-label={t.view.options(person.name)}
        autoFocus="first"
        onClose={onClose}
        onAction={(key) => ways.find((one) => one.id === key)?.act()}
      >
        {ways.map((one) => (
          <MenuItem key={one.id} id={one.id} className={one.danger ? 'list-item danger' : 'list-item'} textValue={one.label}>
            <Icon name={one.icon} size={20} />
            <span>{one.label}</span>
          </MenuItem>
        ))}
      </Menu>
    </Popover>
  )
}
