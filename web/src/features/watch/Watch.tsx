/** The page that plays a broadcast: picture, sound, quality, how many watch and how far behind. */

import { useCallback, useEffect, useRef, useState, useSyncExternalStore, type ReactNode } from 'react'
import { Button as AriaButton, Menu, MenuItem, MenuTrigger, Popover } from 'react-aria-components'
import { go } from '../../app/navigation'
import { useT } from '../../i18n'
import { savedName } from '../../room/device'
import type { Layer } from '../../whip/reading'
import { Player, type PlayerSnapshot } from '../../whip/player'
import { Button, IconButton } from '../../ui/Button'
import { Icon } from '../../ui/Icon'
import { Logo } from '../../ui/Logo'
import { useProblem, useWords } from '../broadcast/words'
import '../broadcast/broadcast.css'
import './watch.css'

export function Watch({ room }: { room: string }): ReactNode {
  const t = useT()
  const words = useWords().watch
  const [trial, setTrial] = useState(0)

  useEffect(() => {
    document.title = `${words.title(room)} · ${t.app.name}`
  }, [room, t, words])

  return (
    <div className="page watch-page">
      <header className="page-head">
        <Logo />
        <Button look="quiet" icon="back" onPress={() => go('/')}>
          {words.home}
        </Button>
      </header>
      <Screen key={trial} room={room} onAgain={() => setTrial((before) => before + 1)} />
    </div>
  )
}

function Screen({ room, onAgain }: { room: string; onAgain: () => void }): ReactNode {
  const words = useWords().watch
  const [player] = useState(() => new Player(room, savedName()))
  const state = useSyncExternalStore(player.subscribe, player.snapshot)
  const video = useRef<HTMLVideoElement>(null)
  const box = useRef<HTMLDivElement>(null)
  const [sound, setSound] = useState<'on' | 'off' | 'blocked'>('on')
  const [volume, setVolume] = useState(1)

  useEffect(() => {
    player.start()
    const end = (): void => player.close()
    addEventListener('pagehide', end)
    return () => {
      removeEventListener('pagehide', end)
      player.close()
    }
  }, [player])

  const hear = useCallback((on: boolean) => {
    const element = video.current
    if (!element) return
    element.muted = !on
    setSound(on ? 'on' : 'off')
    void element.play().catch(() => undefined)
  }, [])

  useEffect(() => {
    const element = video.current
    if (!element) return
    element.srcObject = state.stream
    if (!state.stream) return
    element.play().catch((error: unknown) => {
      // Browsers hold back sound until somebody asks for it; the picture need not wait.
      if (!(error instanceof DOMException) || error.name !== 'NotAllowedError') return
      element.muted = true
      setSound('blocked')
      void element.play().catch(() => undefined)
    })
  }, [state.stream])

  useEffect(() => {
    if (video.current) video.current.volume = volume
  }, [volume])

  const full = (): void => {
    const element: (HTMLVideoElement & { webkitEnterFullscreen?: () => void }) | null = video.current
    if (document.fullscreenElement) void document.exitFullscreen()
    else if (box.current && 'requestFullscreen' in box.current) void box.current.requestFullscreen().catch(() => undefined)
    else element?.webkitEnterFullscreen?.() // iPhones show videos alone in full
  }

  const live = state.phase === 'live'
  return (
    <main className="watch">
      <div className="player" ref={box} data-testid="player" data-phase={state.phase}>
        <video ref={video} playsInline aria-label={words.picture(room)} data-live={live} />
        {live && (
          <p className="live-badge" data-live="true">
            {words.live}
          </p>
        )}
        <Veil state={state} onAgain={onAgain} />
        {live && sound === 'blocked' && (
          <Button look="primary" size="large" icon="speaker" onPress={() => hear(true)}>
            {words.soundOn}
          </Button>
        )}
        <div className="player-bar" role="group" aria-label={words.controls}>
          <IconButton
            label={sound === 'on' ? words.mute : words.unmute}
            icon={sound === 'on' ? 'speaker' : 'speakerOff'}
            onPress={() => hear(sound !== 'on')}
          />
          <input
            className="volume"
            type="range"
            min="0"
            max="1"
            step="0.05"
            value={sound === 'on' ? volume : 0}
            aria-label={words.volume}
            onChange={(event) => {
              setVolume(Number(event.target.value))
              if (sound !== 'on') hear(true)
            }}
          />
          <span className="player-space" />
          {state.layers.length > 1 && <Quality layers={state.layers} layer={state.layer} onChoose={(rid) => void player.choose(rid)} />}
          <IconButton label={words.fullscreen} icon="expand" onPress={full} />
        </div>
      </div>
      <Facts room={room} state={state} />
    </main>
  )
}

function Veil({ state, onAgain }: { state: PlayerSnapshot; onAgain: () => void }): ReactNode {
  const words = useWords().watch
  const told = useProblem(state.problem)
  if (state.phase === 'live') return null
  const waiting = state.phase === 'waiting'
  const title = waiting ? words.waiting : state.phase === 'refused' ? words.refused : state.phase === 'lost' ? words.lost : words.connecting
  const more = waiting ? words.waitingLead : state.phase === 'connecting' || state.problem === 'connect_failed' ? '' : told
  return (
    <div className="player-veil" role="status">
      {state.phase === 'refused' ? <Icon name="warning" size={34} /> : waiting ? <Icon name="live" size={34} /> : <span className="spinner" />}
      <p className="player-word">{title}</p>
      {more && <p>{more}</p>}
      {state.phase === 'refused' && <Button onPress={onAgain}>{words.again}</Button>}
    </div>
  )
}

interface QualityProps {
  layers: readonly Layer[]
  layer: string
  onChoose: (rid: string) => void
}

/** Best first; without sizes three layers are high, medium and low, two high and low. */
function nameOf(layers: readonly Layer[], at: number, words: ReturnType<typeof useWords>['watch']): string {
  const height = layers[at]?.height ?? 0
  if (height > 0) return words.height(height)
  return words.layers[layers.length === 2 && at === 1 ? 2 : at] ?? String(at + 1)
}

function Quality({ layers, layer, onChoose }: QualityProps): ReactNode {
  const words = useWords().watch
  const at = layers.findIndex(({ rid }) => rid === layer)
  return (
    <MenuTrigger>
      <AriaButton className="player-quality" aria-label={`${words.quality}: ${at < 0 ? words.automatic : nameOf(layers, at, words)}`}>
        {at < 0 ? words.automatic : nameOf(layers, at, words)}
        <Icon name="up" size={16} />
      </AriaButton>
      <Popover className="popover" placement="top end">
        <Menu
          className="list-box"
          aria-label={words.quality}
          selectionMode="single"
          selectedKeys={[`layer:${at < 0 ? '' : layer}`]}
          onAction={(key) => onChoose(String(key).slice('layer:'.length))}
        >
          <MenuItem id="layer:" textValue={words.automatic} className="list-item">
            <span>{words.automatic}</span>
            <Icon name="check" size={16} />
          </MenuItem>
          {layers.map(({ rid }, place) => (
            <MenuItem key={rid} id={`layer:${rid}`} textValue={nameOf(layers, place, words)} className="list-item">
              <span>{nameOf(layers, place, words)}</span>
              <Icon name="check" size={16} />
            </MenuItem>
          ))}
        </Menu>
      </Popover>
    </MenuTrigger>
  )
}

function Facts({ room, state }: { room: string; state: PlayerSnapshot }): ReactNode {
  const words = useWords().watch
  const { measured, viewers } = state
  return (
    <section className="watch-facts">
      <h1>{room}</h1>
      <ul>
        {viewers !== null && (
          <li data-testid="viewers">
            <Icon name="eye" size={18} /> {words.viewers(viewers)}
          </li>
        )}
        {measured?.delay_ms != null && (
          <li data-testid="delay">
            <Icon name="clock" size={18} /> {words.delay(measured.delay_ms.toFixed(0))}
          </li>
        )}
        {measured !== null && measured.height > 0 && (
          <li data-testid="size">
            <Icon name="screen" size={18} /> {words.size(measured.width, measured.height)}
          </li>
        )}
      </ul>
    </section>
  )
}
