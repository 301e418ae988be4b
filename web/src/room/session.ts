/**
 * One stay in a room: the call library's Room as snapshots and actions. Made by `join`, read through `hooks`.
 * It renders nothing, except that remote voices play in audio elements of its own, as no screen owns them.
 */

import {
  ConnectionState,
  DisconnectReason,
  Room,
  RoomEvent,
  Track,
  type LocalParticipant,
  type Participant,
  type RemoteParticipant,
  type RemoteTrack,
} from 'livekit-client'
import { roomPath } from '../app/route'
import { ApiError } from './api'
import { withLine } from './chat'
import { saveDeviceChoice, type DeviceChoice } from './device'
import { handOf, Meeting, roleIn } from './meeting'
import { deviceNews, type Plugged } from './devices'
import { history, post, STATE_TOPIC, stateIn, withKept, type KeptLine } from './kept'
import { deviceProblem, endReason } from './reason'
import type {
  ChatLine,
  DeviceKind,
  DeviceList,
  Notice,
  NoticeEntry,
  ParticipantView,
  RoomSession,
  RoomSnapshot,
  ScreenView,
  Switch,
} from './snapshot'
import { RoomView } from './view'

const CONNECT_MS = 25_000
/** Other LiveKit clients write chat as text streams on this topic. */
const CHAT_TOPIC = 'lk.chat'

type Source = 'mic' | 'camera' | 'share'

export class LiveSession implements RoomSession {
  readonly room: Room
  readonly meeting: Meeting
  private readonly view: RoomView
  private chat: readonly ChatLine[] = []
  private busy: ReadonlySet<Source> = new Set()
  private end: RoomSnapshot['end'] = null

  constructor(
    private readonly name: string,
    choice: DeviceChoice,
    private readonly token: () => Promise<string>,
  ) {
    this.room = new Room({
      adaptiveStream: true,
      dynacast: true,
      audioCaptureDefaults: choice.audioinput ? { deviceId: choice.audioinput } : {},
      videoCaptureDefaults: choice.videoinput ? { deviceId: choice.videoinput } : {},
      ...(choice.audiooutput ? { audioOutput: { deviceId: choice.audiooutput } } : {}),
    })
    let view: RoomView | null = null
    this.meeting = new Meeting({
      room: this.room,
      token,
      changed: () => view?.changed(),
      notify: (notice) => view?.notify(notice),
    })
    this.view = view = new RoomView((notices) => this.build(notices))
    this.listen()
  }

  /** Raises what the library raises, or an Error when nothing came about in time: it retries some failures for ever. */
  async connect(url: string, token: string): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('no connection in time')), CONNECT_MS)
    })
    try {
      await Promise.race([this.room.connect(url, token), late])
    } catch (error) {
      await this.room.disconnect()
      throw error
    } finally {
      clearTimeout(timer)
    }
    this.view.changed()
  }

  /** Opens what was chosen before joining; a device that fails is told as a notice and the call goes on. */
  async publish(choice: { audio: boolean; video: boolean }): Promise<void> {
    await Promise.all([choice.audio ? this.setMic(true) : null, choice.video ? this.setCamera(true) : null])
  }

  subscribe(listener: () => void): () => void {
    return this.view.subscribe(listener)
  }

  snapshot(): RoomSnapshot {
    return this.view.snapshot()
  }

  setMic(on: boolean): Promise<void> {
    saveDeviceChoice({ audio: on })
    return this.switching('mic', () => this.room.localParticipant.setMicrophoneEnabled(on))
  }

  setCamera(on: boolean): Promise<void> {
    saveDeviceChoice({ video: on })
    return this.switching('camera', () => this.room.localParticipant.setCameraEnabled(on))
  }

  setShare(on: boolean): Promise<void> {
    return this.switching('share', () =>
      this.room.localParticipant.setScreenShareEnabled(on, {
        audio: true,
        selfBrowserSurface: 'exclude',
        surfaceSwitching: 'include',
        systemAudio: 'include',
      }),
    )
  }

  async sendChat(text: string): Promise<boolean> {
    const id = crypto.randomUUID()
    const own = this.room.localParticipant.identity
    const say = async (): Promise<KeptLine | null> => post(await this.token(), own, id, text)
    try {
      // An answer that was lost: with the same id it is not said twice.
      const line = await say().catch((error: unknown) => {
        if (error instanceof ApiError && error.code === 'unreachable') return say()
        throw error
      })
      if (line) this.keep([line])
      return true
    } catch {
      this.view.notify({ kind: 'chat_failed' })
      return false
    }
  }

  private keep(lines: readonly KeptLine[]): void {
    this.chat = withKept(this.chat, lines)
    this.view.changed()
  }

  /** What was said before, or while the connection was lost. Without it the call goes on. */
  private async catchUp(): Promise<void> {
    try {
      this.keep(await history(await this.token(), this.room.localParticipant.identity))
    } catch {
      return
    }
  }

  async startAudio(): Promise<void> {
    await this.room.startAudio().catch(() => undefined)
    this.view.changed()
  }

  async devices(kind: DeviceKind): Promise<DeviceList> {
    const found = await Room.getLocalDevices(kind, false).catch(() => [])
    const devices = found.filter((one) => one.deviceId !== '').map((one) => ({ id: one.deviceId, label: one.label }))
    const active = this.room.getActiveDevice(kind) ?? ''
    return { devices, active: active && active !== 'default' ? active : (devices[0]?.id ?? '') }
  }

  async useDevice(kind: DeviceKind, id: string): Promise<void> {
    try {
      await this.room.switchActiveDevice(kind, id)
      saveDeviceChoice({ [kind]: id })
    } catch (error) {
      const device = kind === 'audioinput' ? 'mic' : kind === 'videoinput' ? 'camera' : 'speaker'
      this.view.notify({ kind: 'device', device, problem: deviceProblem(error) })
    }
  }

  /** Once, of the way in. */
  tell(notice: Notice): void {
    this.view.notify(notice)
  }

  dismiss(notice: number): void {
    this.view.dismiss(notice)
  }

  async leave(): Promise<void> {
    this.end ??= 'left'
    await this.room.disconnect()
    this.view.changed()
  }

  private async switching(source: Source, act: () => Promise<unknown>): Promise<void> {
    if (this.busy.has(source)) return
    this.busy = new Set([...this.busy, source])
    this.view.changed()
    try {
      await act()
    } catch (error) {
      // Closing the browser's picker is an answer, not a failure.
      const chosen = source === 'share' && deviceProblem(error) === 'denied'
      if (!chosen) this.failed(source, error)
    } finally {
      this.busy = new Set([...this.busy].filter((one) => one !== source))
      this.view.changed()
    }
  }

  private failed(source: Source, error: unknown): void {
    if (this.view.snapshot().phase === 'ended') return
    if (!this.mayPublish()) {
      this.view.notify({ kind: 'not_allowed' })
      return
    }
    const device = source === 'share' ? 'screen' : source
    const problem = window.isSecureContext ? deviceProblem(error) : 'insecure'
    this.view.notify({ kind: 'device', device, problem })
  }

  private said(id: string, from: Participant | undefined, text: string, at: number, edited: boolean): void {
    const line: ChatLine = {
      id,
      identity: from?.identity ?? '',
      name: from ? nameOf(from) : '',
      isLocal: from?.isLocal ?? false,
      text,
      at,
      edited,
    }
    this.chat = withLine(this.chat, line)
    this.view.changed()
  }

  private listen(): void {
    const room = this.room
    for (const event of REDRAWN_ON) room.on(event, this.view.changed)
    // Coming back after a lost connection, everybody seems to leave and join: that is no news.
    const seen = (kind: 'joined' | 'departed', one: RemoteParticipant): void =>
      room.state === ConnectionState.Connected ? this.view.notify({ kind, name: nameOf(one) }) : this.view.changed()
    room.on(RoomEvent.ParticipantConnected, (one: RemoteParticipant) => seen('joined', one))
    room.on(RoomEvent.ParticipantDisconnected, (one: RemoteParticipant) => seen('departed', one))
    room.on(RoomEvent.TrackSubscribed, (track: RemoteTrack) => {
      if (track.kind === Track.Kind.Audio) document.body.append(track.attach())
      // A picture that no screen shows must not flow; the library says so only of one that was shown.
      else track.detach(track.attach(document.createElement('video')))
      this.view.changed()
    })
    room.on(RoomEvent.TrackUnsubscribed, (track: RemoteTrack) => {
      if (track.kind === Track.Kind.Audio) for (const element of track.detach()) element.remove()
      this.view.changed()
    })
    room.on(RoomEvent.ChatMessage, (message, from) =>
      this.said(message.id, from, message.message, message.timestamp, message.editTimestamp !== undefined),
    )
    room.on(RoomEvent.DataReceived, (payload, from, _kind, topic) => {
      // From the server alone: nobody speaks for others.
      if (topic !== STATE_TOPIC || from) return
      const line = stateIn(payload, room.localParticipant.identity)
      if (line) this.keep([line])
    })
    room.on(RoomEvent.Connected, () => void this.catchUp())
    room.on(RoomEvent.Reconnected, () => void this.catchUp())
    room.registerTextStreamHandler(CHAT_TOPIC, (reader, { identity }) => {
      void reader.readAll().then(
        (text) => this.said(reader.info.id, room.getParticipantByIdentity(identity), text, reader.info.timestamp, false),
        () => undefined, // its sender vanished half-way: there is no message
      )
    })
    // What one does oneself is `busy`; the rest is a host's doing.
    room.on(RoomEvent.TrackMuted, (publication, by) => {
      if (!by.isLocal) return
      if (publication.source === Track.Source.Microphone && !this.busy.has('mic')) this.view.notify({ kind: 'muted' })
      if (publication.source === Track.Source.Camera && !this.busy.has('camera')) this.view.notify({ kind: 'stopped' })
    })
    let known: readonly Plugged[] | null = null
    const look = async (): Promise<void> => {
      const all = 'mediaDevices' in navigator ? await navigator.mediaDevices.enumerateDevices().catch(() => []) : []
      const now = all.map(({ deviceId, groupId, kind, label }) => ({ id: deviceId, group: groupId, kind, label }))
      for (const { plugged, label } of known ? deviceNews(known, now) : []) this.view.notify({ kind: plugged ? 'plugged' : 'unplugged', label })
      known = now
    }
    // The first list is made once a permission gave the devices their names.
    room.on(RoomEvent.LocalTrackPublished, () => void (known?.some((one) => one.label) ? null : look()))
    room.on(RoomEvent.MediaDevicesChanged, () => void look())
    room.on(RoomEvent.Disconnected, (reason?: DisconnectReason) => {
      this.end ??= endReason(reason)
      for (const one of room.remoteParticipants.values())
        for (const publication of one.audioTrackPublications.values())
          for (const element of publication.track?.detach() ?? []) element.remove()
      this.view.changed()
    })
  }

  private mayPublish(): boolean {
    return this.room.localParticipant.permissions?.canPublish ?? true
  }

  private build(notices: readonly NoticeEntry[]): RoomSnapshot {
    const room = this.room
    const local = room.localParticipant
    const remote = [...room.remoteParticipants.values()].sort((a, b) => joinedAt(a) - joinedAt(b))
    const people: Participant[] = [local, ...remote]
    return {
      room: this.name,
      path: roomPath(this.name),
      direct: false,
      phase: this.phase(),
      end: this.end,
      participants: people.map(viewOf),
      screens: people.flatMap(screenOf),
      chat: this.chat,
      mic: this.switchOf('mic', local.isMicrophoneEnabled),
      camera: this.switchOf('camera', local.isCameraEnabled),
      share: this.switchOf('share', local.isScreenShareEnabled),
      canPublish: this.mayPublish(),
      canChat: local.permissions?.canPublishData ?? true,
      audioBlocked: !room.canPlaybackAudio && remote.length > 0,
      notices,
      meeting: this.meeting.view(),
    }
  }

  private switchOf(source: Source, on: boolean): Switch {
    return this.busy.has(source) ? 'busy' : on ? 'on' : 'off'
  }

  private phase(): RoomSnapshot['phase'] {
    if (this.end) return 'ended'
    switch (this.room.state) {
      case ConnectionState.Connected:
        return 'connected'
      case ConnectionState.Reconnecting:
      case ConnectionState.SignalReconnecting:
        return 'reconnecting'
      default:
        return 'connecting'
    }
  }
}

const REDRAWN_ON = [
  RoomEvent.Connected,
  RoomEvent.ConnectionStateChanged,
  RoomEvent.Reconnecting,
  RoomEvent.SignalReconnecting,
  RoomEvent.Reconnected,
  RoomEvent.TrackPublished,
  RoomEvent.TrackUnpublished,
  RoomEvent.TrackMuted,
  RoomEvent.TrackUnmuted,
  RoomEvent.LocalTrackPublished,
  RoomEvent.LocalTrackUnpublished,
  RoomEvent.ParticipantNameChanged,
  RoomEvent.ParticipantPermissionsChanged,
  RoomEvent.ActiveSpeakersChanged,
  RoomEvent.ConnectionQualityChanged,
  RoomEvent.AudioPlaybackStatusChanged,
  RoomEvent.TrackStreamStateChanged,
] as const

function nameOf(one: Participant): string {
  return one.name || one.identity
}

function joinedAt(one: Participant): number {
  return one.joinedAt?.getTime() ?? 0
}

function viewOf(one: Participant | LocalParticipant): ParticipantView {
  const microphone = one.getTrackPublication(Track.Source.Microphone)
  const camera = one.getTrackPublication(Track.Source.Camera)
  return {
    identity: one.identity,
    name: nameOf(one),
    isLocal: one.isLocal,
    speaking: one.isSpeaking && one.isMicrophoneEnabled,
    micOn: one.isMicrophoneEnabled,
    hasMic: microphone !== undefined,
    camera: camera && !camera.isMuted ? (camera.videoTrack ?? null) : null,
    quality: one.connectionQuality,
    sharing: one.isScreenShareEnabled,
    role: roleIn(one),
    handAt: handOf(one),
  }
}

function screenOf(one: Participant): ScreenView[] {
  const publication = one.getTrackPublication(Track.Source.ScreenShare)
  const track = publication?.videoTrack
  if (!publication || publication.isMuted || !track) return []
  return [{ id: publication.trackSid, identity: one.identity, name: nameOf(one), isLocal: one.isLocal, track }]
}

