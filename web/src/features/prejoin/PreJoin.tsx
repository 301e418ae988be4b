/** Before joining: see and hear oneself, choose devices, say one's name. */

import { useEffect, useState, useSyncExternalStore, type ReactNode } from 'react'
import { useT } from '../../i18n'
import { deviceChoice, savedName, saveName, type DeviceChoice } from '../../room/device'
import { otherTabIn } from '../../room/seat'
import { Preview } from '../../room/preview'
import type { DeviceKind } from '../../room/snapshot'
import { Avatar } from '../../ui/Avatar'
import { Button, IconButton } from '../../ui/Button'
import { SelectField, TextField, type Choice } from '../../ui/Field'
import { Icon, type IconName } from '../../ui/Icon'
import { Logo } from '../../ui/Logo'
import { Insecure } from './Insecure'
import { LevelMeter } from './LevelMeter'
import { Problems } from './Problems'
import { SpeakerTest } from './SpeakerTest'
import { StreamVideo } from './StreamVideo'

export interface PreJoinProps {
  room: string
  joining: boolean
  problem: string | null
  /** Whether the network is the likely cause, which has a page of its own. */
  network: boolean
  onJoin: (name: string, choice: DeviceChoice) => void
  onBack: () => void
}

export function PreJoin({ room, joining, problem, network, onJoin, onBack }: PreJoinProps): ReactNode {
  const t = useT()
  const [name, setName] = useState(savedName)
  const [preview] = useState(() => new Preview(deviceChoice()))
  const state = useSyncExternalStore(preview.subscribe, preview.snapshot)
  const [elsewhere, setElsewhere] = useState(false)
  const secure = window.isSecureContext

  useEffect(() => {
    let here = true
    void otherTabIn(room).then((taken) => here && setElsewhere(taken))
    return () => {
      here = false
    }
  }, [room])

  useEffect(() => {
    if (joining) return // the call opens the devices itself
    void preview.open()
    return () => preview.close()
  }, [preview, joining])

  const listenOnly = !state.microphone && !state.camera && !state.asking
  const submit = (): void => {
    const clean = name.trim()
    saveName(clean)
    // A device that did not start here is not tried again silently: it would only fail once more.
    onJoin(clean, { ...state.choice, audio: state.microphone !== null, video: state.camera !== null })
  }

  const select = (kind: DeviceKind, label: string, icon: IconName): ReactNode => {
    const choices: Choice[] = state.devices[kind].map((one, index) => ({
      id: one.id,
      label: one.label || t.prejoin.device(index + 1),
    }))
    return (
      <SelectField
        label={label}
        icon={icon}
        choices={choices}
        value={state.choice[kind]}
        onChange={(id) => void preview.use(kind, id)}
        empty={kind === 'audiooutput' ? t.prejoin.systemDefault : t.prejoin.noDevice}
      />
    )
  }

  return (
    <div className="page prejoin">
      <header className="page-head">
        <Logo />
        <Button look="quiet" icon="back" onPress={onBack}>
          {t.prejoin.back}
        </Button>
      </header>
      <main className="prejoin-main">
        <section className="prejoin-picture" aria-label={t.prejoin.preview}>
          <div className="preview">
            {state.camera ? (
              <StreamVideo stream={state.camera} label={t.prejoin.preview} />
            ) : (
              <div className="preview-off">
                <Avatar name={name || '·'} identity={name} />
                <p>{state.asking && state.choice.video && secure ? t.prejoin.starting : t.prejoin.cameraOff}</p>
              </div>
            )}
            {state.microphone && <LevelMeter stream={state.microphone} />}
            {secure && (
              <div className="preview-controls">
                <IconButton
                  label={state.microphone ? t.room.mute : t.room.unmute}
                  icon={state.microphone ? 'mic' : 'micOff'}
                  tone={state.microphone ? 'plain' : 'off'}
                  onPress={() => void preview.toggle('audio', !state.microphone)}
                />
                <IconButton
                  label={state.camera ? t.room.cameraOff : t.room.cameraOn}
                  icon={state.camera ? 'camera' : 'cameraOff'}
                  tone={state.camera ? 'plain' : 'off'}
                  onPress={() => void preview.toggle('video', !state.camera)}
                />
              </div>
            )}
          </div>
          {secure && (
            <div className="device-row" role="group" aria-label={t.prejoin.settings}>
              {select('audioinput', t.devices.microphone, 'mic')}
              {select('videoinput', t.devices.camera, 'camera')}
              {'setSinkId' in HTMLMediaElement.prototype && select('audiooutput', t.devices.speaker, 'speaker')}
            </div>
          )}
          {secure && (
            <div className="speaker-test">
              <SpeakerTest speaker={state.choice.audiooutput} />
            </div>
          )}
        </section>
        <form
          className="prejoin-form"
          noValidate
          onSubmit={(event) => {
            event.preventDefault()
            if (!joining) submit()
          }}
        >
          <div>
            <h1>{t.prejoin.title(room)}</h1>
            <p className="lead">{t.prejoin.lead}</p>
          </div>
          <TextField
            label={t.prejoin.name}
            value={name}
            onChange={setName}
            placeholder={t.prejoin.namePlaceholder}
            autoComplete="name"
            maxLength={60}
          />
          <Button type="submit" look="primary" size="large" busy={joining}>
            {joining ? t.prejoin.joining : listenOnly ? t.prejoin.listen : t.prejoin.join}
          </Button>
          <p role="status" className="visually-hidden">
            {joining && t.prejoin.joining}
          </p>
          <div role="alert" className="alerts">
            {problem && (
              <div className="alert danger">
                <Icon name="warning" />
                <p>
                  {problem}{' '}
                  {network && (
                    <a href="/connectivity">{t.ended.network}</a>
                  )}
                </p>
              </div>
            )}
          </div>
          {elsewhere && (
            <div className="alert" role="status" data-testid="elsewhere">
              <Icon name="people" />
              <p>{t.prejoin.elsewhere}</p>
            </div>
          )}
          {!secure && <Insecure />}
          {secure && <Problems preview={preview} state={state} />}
        </form>
      </main>
    </div>
  )
}
