/** The bar of the call: what one does all the time. On phones it holds five buttons and "more". */

import type { ReactNode } from 'react'
import { Button as AriaButton, Menu, MenuItem, MenuSection, MenuTrigger, Popover } from 'react-aria-components'
import type { Opened, Panel } from '../../app/RoomScreen'
import { useT } from '../../i18n'
import { useRoom, useSession } from '../../room/hooks'
import type { Switch } from '../../room/snapshot'
import { IconButton } from '../../ui/Button'
import { Icon } from '../../ui/Icon'
import { REACTIONS } from '../../room/reactions'
import { DeviceMenu } from '../devices/DeviceMenu'
import { ReactButton } from '../react/Reactions'
import { KEYS } from './keys'

export interface ControlBarProps {
  panel: Panel | null
  unread: number
  onPanel: (panel: Panel) => void
  onOpen: (what: Opened) => void
}

const tone = (state: Switch): 'plain' | 'off' => (state === 'off' ? 'off' : 'plain')

export function ControlBar({ panel, unread, onPanel, onOpen }: ControlBarProps): ReactNode {
  const t = useT()
  const session = useSession()
  const room = useRoom((snapshot) => snapshot.room)
  const mic = useRoom((snapshot) => snapshot.mic)
  const camera = useRoom((snapshot) => snapshot.camera)
  const share = useRoom((snapshot) => snapshot.share)
  const canPublish = useRoom((snapshot) => snapshot.canPublish)
  const count = useRoom((snapshot) => snapshot.participants.length)
  const hand = useRoom((snapshot) => snapshot.participants.some((one) => one.isLocal && one.handAt > 0))
  const waiting = useRoom((snapshot) => snapshot.meeting?.house?.waiting.length ?? 0)
  const hosts = useRoom((snapshot) => snapshot.meeting?.house != null)
  const { meeting } = session
  const canShare = 'mediaDevices' in navigator && 'getDisplayMedia' in navigator.mediaDevices

  return (
    <footer className="bar">
      <p className="bar-room wide-only">
        <bdi>{room}</bdi>
      </p>
      <div className="bar-middle" role="toolbar" aria-label={t.room.controls}>
        {canPublish ? (
          <>
            <span className="split" data-tone={tone(mic)}>
              <IconButton
                label={mic === 'off' ? t.room.unmute : t.room.mute}
                icon={mic === 'off' ? 'micOff' : 'mic'}
                shortcut={KEYS.microphone}
                tone={tone(mic)}
                busy={mic === 'busy'}
                onPress={() => void session.setMic(mic === 'off')}
              />
              <DeviceMenu label={t.devices.chooseMicrophone} kinds={['audioinput', 'audiooutput']} />
            </span>
            <span className="split" data-tone={tone(camera)}>
              <IconButton
                label={camera === 'off' ? t.room.cameraOn : t.room.cameraOff}
                icon={camera === 'off' ? 'cameraOff' : 'camera'}
                shortcut={KEYS.camera}
                tone={tone(camera)}
                busy={camera === 'busy'}
                onPress={() => void session.setCamera(camera === 'off')}
              />
              <DeviceMenu label={t.devices.chooseCamera} kinds={['videoinput']} />
            </span>
            {canShare && (
              <span className="wide-only">
                <IconButton
                  label={share === 'on' ? t.room.stopShare : t.room.share}
                  icon={share === 'on' ? 'screenStop' : 'screen'}
                  shortcut={KEYS.share}
                  tone={share === 'on' ? 'active' : 'plain'}
                  busy={share === 'busy'}
                  onPress={() => void session.setShare(share !== 'on')}
                />
              </span>
            )}
          </>
        ) : (
          <span className="listening">
            <Icon name="speaker" size={18} /> {t.room.listening}
          </span>
        )}
        {meeting && (
          <span className="wide-only pair">
            <IconButton
              label={hand ? t.meet.lower : t.meet.raise}
              icon="hand"
              shortcut={KEYS.hand}
              tone={hand ? 'active' : 'plain'}
              pressed={hand}
              onPress={() => void meeting.setHand(!hand)}
            />
            <ReactButton />
          </span>
        )}
        <span className="phone-only">
          <ChatButton panel={panel} unread={unread} onPanel={onPanel} />
        </span>
        <span className="phone-only">
          <MoreMenu canShare={canPublish && canShare} share={share} hand={hand} hosts={hosts} onPanel={onPanel} onOpen={onOpen} />
        </span>
        <IconButton label={t.room.leave} icon="leave" shortcut={KEYS.leave} tone="danger" onPress={() => onOpen('leave')} />
      </div>
      <div className="bar-end wide-only">
        {hosts && <IconButton label={t.meet.host.title} icon="shield" tone="quiet" onPress={() => onOpen('host')} />}
        <IconButton label={t.room.invite} icon="invite" shortcut={KEYS.invite} tone="quiet" onPress={() => onOpen('invite')} />
        <IconButton
          label={t.room.peopleCount(count)}
          icon="people"
          shortcut={KEYS.people}
          tone={panel === 'people' ? 'active' : 'quiet'}
          pressed={panel === 'people'}
          badge={waiting > 0 ? `${count}+${waiting}` : count}
          onPress={() => onPanel('people')}
        />
        <ChatButton panel={panel} unread={unread} onPanel={onPanel} />
        <IconButton label={t.view.title} icon="layout" shortcut={KEYS.view} tone="quiet" onPress={() => onOpen('view')} />
        <IconButton label={t.meet.stats.title} icon="chart" shortcut={KEYS.stats} tone="quiet" onPress={() => onOpen('stats')} />
        <IconButton label={t.room.stages} icon="stages" shortcut={KEYS.stages} tone="quiet" onPress={() => onOpen('stages')} />
        <IconButton
          label={t.room.shortcuts}
          icon="keyboard"
          shortcut={KEYS.help}
          tone="quiet"
          onPress={() => onOpen('shortcuts')}
        />
      </div>
    </footer>
  )
}

function ChatButton({ panel, unread, onPanel }: Pick<ControlBarProps, 'panel' | 'unread' | 'onPanel'>): ReactNode {
  const t = useT()
  return (
    <IconButton
      label={unread > 0 ? t.room.unread(unread) : t.room.chat}
      icon="chat"
      shortcut={KEYS.chat}
      tone={panel === 'chat' ? 'active' : 'quiet'}
      pressed={panel === 'chat'}
      {...(unread > 0 ? { badge: unread > 99 ? '99+' : unread } : {})}
      onPress={() => onPanel('chat')}
    />
  )
}

interface MoreProps extends Pick<ControlBarProps, 'onPanel' | 'onOpen'> {
  canShare: boolean
  hand: boolean
  hosts: boolean
  share: Switch
}

function MoreMenu({ canShare, share, hand, hosts, onPanel, onOpen }: MoreProps): ReactNode {
  const t = useT()
  const session = useSession()
  return (
    <MenuTrigger>
      <AriaButton className="icon-button quiet" aria-label={t.room.more}>
        <Icon name="more" />
      </AriaButton>
      <Popover className="popover" placement="top">
        <Menu className="list-box" aria-label={t.room.more}>
          {session.meeting && (
            <MenuSection aria-label={t.meet.react} className="reaction-row">
              {REACTIONS.map((one, index) => (
                <MenuItem key={one} className="reaction" textValue={t.meet.reactions[index] ?? one} aria-label={t.meet.reactions[index] ?? one} onAction={() => void session.meeting?.react(one)}>
                  {one}
                </MenuItem>
              ))}
            </MenuSection>
          )}
          {session.meeting && (
            <MenuItem className="list-item" onAction={() => void session.meeting?.setHand(!hand)}>
              <Icon name="hand" size={20} />
              <span>{hand ? t.meet.lower : t.meet.raise}</span>
            </MenuItem>
          )}
          {hosts && (
            <MenuItem className="list-item" onAction={() => onOpen('host')}>
              <Icon name="shield" size={20} />
              <span>{t.meet.host.title}</span>
            </MenuItem>
          )}
          {canShare && (
            <MenuItem className="list-item" onAction={() => void session.setShare(share !== 'on')}>
              <Icon name="screen" size={20} />
              <span>{share === 'on' ? t.room.stopShare : t.room.share}</span>
            </MenuItem>
          )}
          <MenuItem className="list-item" onAction={() => onPanel('people')}>
            <Icon name="people" size={20} />
            <span>{t.room.people}</span>
          </MenuItem>
          <MenuItem className="list-item" onAction={() => onOpen('invite')}>
            <Icon name="invite" size={20} />
            <span>{t.room.invite}</span>
          </MenuItem>
          <MenuItem className="list-item" onAction={() => onOpen('view')}>
            <Icon name="layout" size={20} />
            <span>{t.view.title}</span>
          </MenuItem>
          <MenuItem className="list-item" onAction={() => onOpen('stats')}>
            <Icon name="chart" size={20} />
            <span>{t.meet.stats.title}</span>
          </MenuItem>
          <MenuItem className="list-item" onAction={() => onOpen('stages')}>
            <Icon name="stages" size={20} />
            <span>{t.room.stages}</span>
          </MenuItem>
          <MenuItem className="list-item" onAction={() => onOpen('shortcuts')}>
            <Icon name="keyboard" size={20} />
            <span>{t.room.shortcuts}</span>
          </MenuItem>
        </Menu>
      </Popover>
    </MenuTrigger>
  )
}
