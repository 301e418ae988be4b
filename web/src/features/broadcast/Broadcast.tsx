/** The studio: look at yourself, go live, hand out the link to watch. */

import { useEffect, useRef, useState, useSyncExternalStore, type ReactNode } from 'react'
import { go } from '../../app/navigation'
import { watchPath } from '../../app/route'
import { useT } from '../../i18n'
import { deviceChoice, savedName, saveName } from '../../room/device'
import { Preview } from '../../room/preview'
import type { DeviceKind } from '../../room/snapshot'
import { Broadcaster } from '../../whip/broadcaster'
import { Avatar } from '../../ui/Avatar'
import { Button, IconButton } from '../../ui/Button'
import { SelectField, TextField } from '../../ui/Field'
import { Icon, type IconName } from '../../ui/Icon'
import { Logo } from '../../ui/Logo'
import { QrCode } from '../invite/QrCode'
import { Insecure } from '../prejoin/Insecure'
import { LevelMeter } from '../prejoin/LevelMeter'
import { Problems } from '../prejoin/Problems'
import { StreamVideo } from '../prejoin/StreamVideo'
import './broadcast.css'
import { CopyBox } from './CopyBox'
import { Program } from './Program'
import { useProblem, useWords } from './words'

const canShare = (): boolean => 'mediaDevices' in navigator && 'getDisplayMedia' in navigator.mediaDevices

export function Broadcast({ room }: { room: string }): ReactNode {
  const t = useT()
  const words = useWords().studio
  const [name, setName] = useState(savedName)
  const said = useRef(name)
  const [preview] = useState(() => new Preview(deviceChoice()))
  const [broadcaster] = useState(() => new Broadcaster(room, () => said.current))
  const devices = useSyncExternalStore(preview.subscribe, preview.snapshot)
  const state = useSyncExternalStore(broadcaster.subscribe, broadcaster.snapshot)
  const [screen, setScreen] = useState<MediaStream | null>(null)
  const told = useProblem(state.problem)
  const onAir = state.phase === 'live' || state.phase === 'reconnecting'
  const secure = window.isSecureContext

  useEffect(() => {
    document.title = `${words.title(room)} · ${t.app.name}`
    said.current = name.trim()
  }, [room, t, words, name])

  useEffect(() => {
    void preview.open()
    const end = (): void => broadcaster.stop()
    addEventListener('pagehide', end)
    return () => {
      removeEventListener('pagehide', end)
      broadcaster.stop()
      preview.close()
    }
  }, [preview, broadcaster])

  useEffect(() => {
    broadcaster.use(devices.microphone?.getAudioTracks()[0] ?? null, (screen ?? devices.camera)?.getVideoTracks()[0] ?? null)
  }, [broadcaster, devices.microphone, devices.camera, screen])

  useEffect(() => () => screen?.getTracks().forEach((track) => track.stop()), [screen])

  const share = async (): Promise<void> => {
    if (screen) { setScreen(null); return; }
    try {
      const stream = await navigator.mediaDevices.getDisplayMedia({ video: { frameRate: { ideal: 30 } }, audio: false })
      const [track] = stream.getVideoTracks()
      if (!track) return
      track.contentHint = 'detail'
      track.addEventListener('ended', () => setScreen(null))
      setScreen(stream)
    } catch {
      // Whoever closes the browser's own dialog has decided.
    }
  }

  const begin = (): void => {
    saveName(name.trim())
    void broadcaster.start()
  }

  const select = (kind: DeviceKind, label: string, icon: IconName): ReactNode => (
    <SelectField
      label={label}
      icon={icon}
      choices={devices.devices[kind].map((one, index) => ({ id: one.id, label: one.label || t.prejoin.device(index + 1) }))}
      value={devices.choice[kind]}
      onChange={(id) => void preview.use(kind, id)}
      empty={t.prejoin.noDevice}
    />
  )

  const picture = screen ?? devices.camera
  return (
    <div className="page prejoin" data-testid="studio" data-phase={state.phase}>
      <header className="page-head">
        <Logo />
        <Button look="quiet" icon="back" onPress={() => go('/broadcast')}>
          {words.another}
        </Button>
      </header>
      <main className="prejoin-main studio">
        <section className="prejoin-picture" aria-label={t.prejoin.preview}>
          <div className="preview" data-screen={screen !== null}>
            {picture ? (
              <StreamVideo stream={picture} label={t.prejoin.preview} />
            ) : (
              <div className="preview-off">
                <Avatar name={name || '·'} identity={name} />
                <p>{devices.asking && devices.choice.video && secure ? t.prejoin.starting : t.prejoin.cameraOff}</p>
              </div>
            )}
            <p className="live-badge" data-live={state.phase === 'live'}>
              {state.phase === 'live' ? words.onAir : words.offAir}
            </p>
            {devices.microphone && <LevelMeter stream={devices.microphone} />}
            {secure && (
              <div className="preview-controls">
                <IconButton
                  label={devices.microphone ? t.room.mute : t.room.unmute}
                  icon={devices.microphone ? 'mic' : 'micOff'}
                  tone={devices.microphone ? 'plain' : 'off'}
                  onPress={() => void preview.toggle('audio', !devices.microphone)}
                />
                <IconButton
                  label={devices.camera ? t.room.cameraOff : t.room.cameraOn}
                  icon={devices.camera ? 'camera' : 'cameraOff'}
                  tone={devices.camera ? 'plain' : 'off'}
                  onPress={() => void preview.toggle('video', !devices.camera)}
                />
                {canShare() && (
                  <IconButton
                    label={screen ? words.stopShare : words.share}
                    icon={screen ? 'screenStop' : 'screen'}
                    tone={screen ? 'active' : 'plain'}
                    onPress={() => void share()}
                  />
                )}
              </div>
            )}
          </div>
          {secure && (
            <div className="device-row" role="group" aria-label={t.prejoin.settings}>
              {select('audioinput', t.devices.microphone, 'mic')}
              {select('videoinput', t.devices.camera, 'camera')}
            </div>
          )}
        </section>
        <div className="prejoin-form">
          {onAir ? (
            <>
              <div>
                <h1>{words.live}</h1>
                <p className="lead" role="status">
                  {state.phase === 'reconnecting' ? words.reconnecting : words.viewers(state.viewers)}
                </p>
              </div>
              <Facts since_ms={state.since_ms} kbps={state.measured?.kbps ?? 0} height={state.measured?.height ?? 0} />
              <Share room={room} />
              <Button look="danger" size="large" icon="leave" onPress={() => broadcaster.stop()}>
                {words.stop}
              </Button>
            </>
          ) : (
            <form
              className="studio-form"
              noValidate
              onSubmit={(event) => {
                event.preventDefault()
                begin()
              }}
            >
              <div>
                <h1>{words.title(room)}</h1>
                <p className="lead">{words.lead}</p>
              </div>
              <TextField label={words.yourName} value={name} onChange={setName} placeholder={t.prejoin.namePlaceholder} autoComplete="name" maxLength={60} />
              <Button type="submit" look="primary" size="large" icon="live" busy={state.phase === 'starting'}>
                {state.phase === 'starting' ? words.starting : words.go}
              </Button>
              <div role="alert" className="alerts">
                {told && (
                  <div className="alert danger">
                    <Icon name="warning" />
                    <p>{told}</p>
                  </div>
                )}
              </div>
              {!secure && <Insecure />}
              {secure && <Problems preview={preview} state={devices} />}
              <Share room={room} />
            </form>
          )}
          <Program room={room} name={name.trim()} />
        </div>
      </main>
    </div>
  )
}

function Facts({ since_ms, kbps, height }: { since_ms: number | null; kbps: number; height: number }): ReactNode {
  const words = useWords().studio
  const [now_ms, setNow] = useState(() => Date.now())
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000)
    return () => clearInterval(timer)
  }, [])
  const seconds = since_ms === null ? 0 : Math.max(0, Math.floor((now_ms - since_ms) / 1_000))
  const two = (number: number): string => String(number).padStart(2, '0')
  const clock = `${Math.floor(seconds / 3_600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`
  return (
    <dl className="studio-facts">
      <div>
        <dt>{words.since}</dt>
        <dd>{clock}</dd>
      </div>
      <div>
        <dt>{words.sent}</dt>
        <dd>{[words.rate(kbps.toFixed(0)), height ? `${height}p` : ''].filter(Boolean).join(' · ')}</dd>
      </div>
    </dl>
  )
}

function Share({ room }: { room: string }): ReactNode {
  const words = useWords().studio
  const t = useT()
  const link = location.origin + watchPath(room)
  return (
    <section className="studio-share" aria-label={words.watchTitle}>
      <div>
        <h2>{words.watchTitle}</h2>
        <p>{words.watchLead}</p>
      </div>
      <CopyBox label={words.watchLink} text={link} showLabel={false} />
      <div className="qr-row">
        <QrCode text={link} label={words.qr} />
        <p>{/^(localhost|127\.|\[::1\])/.test(location.hostname) ? t.invite.local : words.scan}</p>
      </div>
    </section>
  )
}
