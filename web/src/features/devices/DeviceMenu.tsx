/** Which microphone, speaker or camera, chosen during the call. Asks for the devices each time it opens. */

import { useState, type ReactNode } from 'react'
import { Button as AriaButton, Header, Menu, MenuItem, MenuSection, MenuTrigger, Popover } from 'react-aria-components'
import { useT } from '../../i18n'
import { useSession } from '../../room/hooks'
import type { DeviceKind, DeviceList } from '../../room/snapshot'
import { Icon } from '../../ui/Icon'

export interface DeviceMenuProps {
  label: string
  kinds: readonly DeviceKind[]
}

export function DeviceMenu({ label, kinds }: DeviceMenuProps): ReactNode {
  const t = useT()
  const session = useSession()
  const [lists, setLists] = useState<readonly (DeviceList & { kind: DeviceKind })[]>([])
  const names: Record<DeviceKind, string> = {
    audioinput: t.devices.microphone,
    videoinput: t.devices.camera,
    audiooutput: t.devices.speaker,
  }
  const look = async (): Promise<void> => {
    setLists(await Promise.all(kinds.map(async (kind) => ({ kind, ...(await session.devices(kind)) }))))
  }
  return (
    <MenuTrigger onOpenChange={(open) => open && void look()}>
      <AriaButton className="split-more" aria-label={label}>
        <Icon name="up" size={16} />
      </AriaButton>
      <Popover className="popover" placement="top">
        <Menu
          className="list-box"
          aria-label={label}
          selectionMode="multiple"
          selectedKeys={lists.map((list) => `${list.kind}:${list.active}`)}
          onAction={(key) => {
            const [kind, id] = split(String(key))
            void session.useDevice(kind, id)
          }}
          renderEmptyState={() => <p className="list-empty">{t.prejoin.noDevice}</p>}
        >
          {lists
            .filter((list) => list.devices.length > 0)
            .map((list) => (
              <MenuSection key={list.kind}>
                <Header className="list-head">{names[list.kind]}</Header>
                {list.devices.map((one, index) => {
                  const text = one.label || t.prejoin.device(index + 1)
                  return (
                    <MenuItem key={one.id} id={`${list.kind}:${one.id}`} textValue={text} className="list-item">
                      <span>{text}</span>
                      <Icon name="check" size={16} />
                    </MenuItem>
                  )
                })}
              </MenuSection>
            ))}
        </Menu>
      </Popover>
    </MenuTrigger>
  )
}

function split(key: string): [DeviceKind, string] {
  const colon = key.indexOf(':')
  return [key.slice(0, colon) as DeviceKind, key.slice(colon + 1)]
}
