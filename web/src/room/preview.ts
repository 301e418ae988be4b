/**
 * Camera and microphone before joining, without the call library. A store like the session: screens subscribe to it.
 * Made by pre-join, which must `close` it; joining opens devices anew, so that nothing is held twice.
 */

import { saveDeviceChoice, type DeviceChoice } from './device'
import { deviceProblem } from './reason'
import type { DeviceKind, DeviceProblem } from './snapshot'

export interface PreviewSnapshot {
  readonly choice: DeviceChoice
  readonly camera: MediaStream | null
  readonly microphone: MediaStream | null
  readonly cameraProblem: DeviceProblem | null
  readonly microphoneProblem: DeviceProblem | null
  readonly asking: boolean
  readonly devices: Readonly<Record<DeviceKind, readonly { id: string; label: string }[]>>
}

type Side = 'audio' | 'video'

export class Preview {
  private readonly listeners = new Set<() => void>()
  private current: PreviewSnapshot
  private closed = false
  private readonly asked: Record<Side, number> = { audio: 0, video: 0 }

  constructor(choice: DeviceChoice) {
    this.current = {
      choice,
      camera: null,
      microphone: null,
      cameraProblem: null,
      microphoneProblem: null,
      asking: false,
      devices: { audioinput: [], videoinput: [], audiooutput: [] },
    }
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }
  snapshot = (): PreviewSnapshot => this.current

  /** Each device is asked for by itself, so that a missing camera does not cost the microphone. */
  async open(): Promise<void> {
    this.closed = false
    if (!('mediaDevices' in navigator)) {
      this.set({ cameraProblem: 'insecure', microphoneProblem: 'insecure' })
      return
    }
    navigator.mediaDevices.addEventListener('devicechange', this.listAgain)
    this.set({ asking: true })
    await Promise.all([
      this.current.choice.audio ? this.start('audio') : null,
      this.current.choice.video ? this.start('video') : null,
    ])
    this.set({ asking: false })
    await this.list()
  }

  close(): void {
    this.closed = true
    if ('mediaDevices' in navigator) navigator.mediaDevices.removeEventListener('devicechange', this.listAgain)
    this.stop('audio')
    this.stop('video')
  }

  async toggle(side: Side, on: boolean): Promise<void> {
    this.choose({ [side]: on })
    if (on) await this.start(side)
    else this.stop(side)
    await this.list()
  }

  async use(kind: DeviceKind, id: string): Promise<void> {
    this.choose({ [kind]: id })
    const side = kind === 'audioinput' ? 'audio' : kind === 'videoinput' ? 'video' : null
    if (side && this.current.choice[side]) await this.start(side)
  }

  private choose(choice: Partial<DeviceChoice>): void {
    saveDeviceChoice(choice)
    this.set({ choice: { ...this.current.choice, ...choice } })
  }

  private async start(side: Side): Promise<void> {
    if (!('mediaDevices' in navigator)) return
    const turn = ++this.asked[side]
    try {
      const stream = await this.capture(side)
      if (this.closed || turn !== this.asked[side]) {
        for (const track of stream.getTracks()) track.stop()
        return
      }
      this.release(side)
      this.set(side === 'audio' ? { microphone: stream, microphoneProblem: null } : { camera: stream, cameraProblem: null })
    } catch (error) {
      if (turn !== this.asked[side]) return
      this.release(side)
      const problem = deviceProblem(error)
      this.set(
        side === 'audio' ? { microphone: null, microphoneProblem: problem } : { camera: null, cameraProblem: problem },
      )
    }
  }

  private async capture(side: Side): Promise<MediaStream> {
    const id = this.current.choice[side === 'audio' ? 'audioinput' : 'videoinput']
    const device = id ? { deviceId: { ideal: id } } : {}
    return navigator.mediaDevices.getUserMedia(
      side === 'audio' ? { audio: { ...device } } : { video: { ...device, width: { ideal: 1280 }, height: { ideal: 720 } } },
    )
  }

  private stop(side: Side): void {
    this.asked[side] += 1
    this.release(side)
    this.set(side === 'audio' ? { microphone: null, microphoneProblem: null } : { camera: null, cameraProblem: null })
  }

  private release(side: Side): void {
    const stream = side === 'audio' ? this.current.microphone : this.current.camera
    for (const track of stream?.getTracks() ?? []) track.stop()
  }

  private readonly listAgain = (): void => void this.list()

  private async list(): Promise<void> {
    if (!('mediaDevices' in navigator)) return
    const all = await navigator.mediaDevices.enumerateDevices().catch(() => [])
    const of = (kind: DeviceKind): { id: string; label: string }[] =>
      all.filter((one) => one.kind === kind && one.deviceId !== '').map((one) => ({ id: one.deviceId, label: one.label }))
    this.set({ devices: { audioinput: of('audioinput'), videoinput: of('videoinput'), audiooutput: of('audiooutput') } })
  }

  private set(change: Partial<PreviewSnapshot>): void {
    this.current = { ...this.current, ...change }
    for (const listener of this.listeners) listener()
  }
}
