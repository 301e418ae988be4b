/** What can be done with one person, opened by the button of any tile or of the list of people: one menu for all of them. */

import { useRef, useState, type ReactNode } from 'react'
import { Menu, MenuItem, Popover } from 'react-aria-components'
import { useT, type Messages } from '../../i18n'
import { useParticipants, useRoom, useSession } from '../../room/hooks'
import { moderates, type Act, type Role } from '../../room/house'
import { look, useLook } from '../../room/look'
import type { ParticipantView } from '../../room/snapshot'
import { Button } from '../../ui/Button'
import { Dialog } from '../../ui/Dialog'
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
  const { meeting } = useSession()
  const role = useRoom((snapshot) => snapshot.meeting?.role ?? 'speaker')
  const [removing, setRemoving] = useState<ParticipantView | null>(null)
  const person = people.find((one) => one.identity === asked?.identity)
  const moderate = (act: Act): void => void meeting?.moderate(act)
  if (removing)
    return (
      <Dialog title={t.meet.remove} open onClose={() => setRemoving(null)} role="alertdialog">
        <p>{t.meet.removeSure(removing.name)}</p>
        <div className="dialog-ways">
          <Button onPress={() => setRemoving(null)}>{t.leave.stay}</Button>
          <Button
            look="danger"
            autoFocus
            onPress={() => {
              moderate({ act: 'remove', identity: removing.identity })
              setRemoving(null)
            }}
          >
            {t.meet.remove}
          </Button>
        </div>
      </Dialog>
    )
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
  const video = document.querySelector<HTMLVideoElement>(`[data-testid=tile][data-identity="${CSS.escape(person.identity)}"] video`)
  if (video && document.pictureInPictureEnabled)
    ways.push({ id: 'pip', label: t.meet.pip, icon: 'pip', act: () => void video.requestPictureInPicture().catch(() => undefined) })
  if (person.isLocal)
    ways.push(
      { id: 'mirror', label: mirror ? t.view.mirrorOff : t.view.mirrorOn, icon: 'mirror', act: () => look.set({ mirror: !mirror }) },
      { id: 'hide', label: hideSelf ? t.view.showSelf : t.view.hideSelf, icon: 'eyeOff', act: () => look.set({ hideSelf: !hideSelf }) },
    )

  if (!person.isLocal) ways.push(...hostWays(person, role, t, moderate, () => setRemoving(person)))

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

/** What a host, or within bounds a co-host, may do to somebody; the server decides once more. */
function hostWays(person: ParticipantView, role: Role, t: Messages, moderate: (act: Act) => void, remove: () => void): Way[] {
  if (!moderates(role) || (role !== 'host' && moderates(person.role))) return []
  const { identity } = person
  const become = (to: Role, label: string, icon: IconName): Way => ({ id: to, label, icon, act: () => moderate({ act: 'role', identity, role: to }) })
  const ways: Way[] = []
  if (person.micOn) ways.push({ id: 'mute', label: t.meet.mute, icon: 'micOff', act: () => moderate({ act: 'mute', identity, source: 'microphone' }) })
  if (person.camera) ways.push({ id: 'video', label: t.meet.stopVideo, icon: 'cameraOff', act: () => moderate({ act: 'mute', identity, source: 'camera' }) })
  if (person.sharing) ways.push({ id: 'share', label: t.meet.stopScreen, icon: 'screenStop', act: () => moderate({ act: 'mute', identity, source: 'screen_share' }) })
  if (person.handAt > 0) ways.push({ id: 'lower', label: t.meet.lower, icon: 'hand', act: () => moderate({ act: 'lower', identity }) })
  if (person.role === 'listener') ways.push(become('speaker', t.meet.makeSpeaker, 'mic'))
  if (person.role === 'speaker') ways.push(become('listener', t.meet.makeListener, 'speaker'))
  if (role === 'host' && person.role === 'cohost') ways.push(become('speaker', t.meet.takeCohost, 'people'))
  if (role === 'host' && person.role !== 'cohost' && person.role !== 'host') ways.push(become('cohost', t.meet.makeCohost, 'shield'))
  if (role === 'host' && person.role !== 'host') ways.push(become('host', t.meet.makeHost, 'shield'))
  ways.push({ id: 'remove', label: t.meet.remove, icon: 'out', danger: true, act: remove })
  return ways
}
