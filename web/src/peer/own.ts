/** One's own devices in a direct call: opened, changed, released, and whether one speaks. Made by `PeerSession`. */

import { saveDeviceChoice, type DeviceChoice } from '../room/device'
import { watchLevel } from '../room/level'
import type { DeviceKind, DeviceList } from '../room/snapshot'
import type { Source } from './link'

/** Loudness (0…1, see `level`) of the own microphone from which one speaks. */
const SPEAKING = 0.35

export class OwnMedia {
  readonly tracks = new Map<Source, MediaStreamTrack>()
  /** When one was last heard, by performance.now(). */
  spoke_ms = -Infinity
  private stopLevel: (() => void) | null = null
  private closed = false

  /** `changed` is called whenever other tracks are to be sent. */
  constructor(
    public choice: DeviceChoice,
    private readonly changed: () => void,
  ) {}

  get speaksAloud(): boolean {
    return this.tracks.get('mic')?.enabled ?? false
  }

  async open(source: 'mic' | 'camera', enabled = true): Promise<void> {
    const wanted = this.choice[source === 'mic' ? 'audioinput' : 'videoinput']
    const device = wanted ? { deviceId: { exact: wanted } } : {}
    const stream = await navigator.mediaDevices.getUserMedia(
      source === 'mic'
        ? { audio: { ...device, echoCancellation: true, noiseSuppression: true, autoGainControl: true } }
        : { video: { ...device, width: { ideal: 1280 }, height: { ideal: 720 } } },
    )
    const [track] = stream.getTracks()
    if (!track) throw new DOMException('no track', 'NotFoundError')
    if (this.closed) {
      track.stop()
      return
    }
    this.tracks.get(source)?.stop()
    track.enabled = enabled
    track.addEventListener('ended', () => {
      if (this.tracks.get(source) === track) this.drop(source)
    })
    this.tracks.set(source, track)
    if (source === 'mic') this.watch(stream, track)
    this.changed()
  }

  async share(): Promise<void> {
    const stream = await navigator.mediaDevices.getDisplayMedia({ video: { frameRate: 15 }, audio: true })
    const [video] = stream.getVideoTracks()
    const [audio] = stream.getAudioTracks()
    if (video) {
      video.contentHint = 'detail'
      // The browser's own "stop sharing".
      video.addEventListener('ended', () => this.drop('screen', 'screenAudio'))
      this.tracks.set('screen', video)
    }
    if (audio) this.tracks.set('screenAudio', audio)
    this.changed()
  }

  drop(...sources: readonly Source[]): void {
    let dropped = false
    for (const source of sources) {
      const track = this.tracks.get(source)
      if (!track) continue
      this.tracks.delete(source)
      track.stop()
      dropped = true
    }
    if (dropped) this.changed()
  }

  async devices(kind: DeviceKind): Promise<DeviceList> {
    const found = await navigator.mediaDevices.enumerateDevices().catch(() => [])
    const devices = found
      .filter((one) => one.kind === kind && one.deviceId !== '')
      .map((one) => ({ id: one.deviceId, label: one.label }))
    return { devices, active: this.choice[kind] || (devices[0]?.id ?? '') }
  }

  /** Remembers it; the caller opens the device anew. */
  choose(kind: DeviceKind, id: string): void {
    this.choice = { ...this.choice, [kind]: id }
    saveDeviceChoice({ [kind]: id })
  }

  close(): void {
    this.closed = true
    this.stopLevel?.()
    for (const track of this.tracks.values()) track.stop()
    this.tracks.clear()
  }

  private watch(stream: MediaStream, track: MediaStreamTrack): void {
    this.stopLevel?.()
    this.stopLevel = watchLevel(stream, (level) => {
      if (level > SPEAKING && track.enabled) this.spoke_ms = performance.now()
    })
  }
}
