/** The shapes that screens render. Made by `session`; immutable, a new snapshot for every change. */

import type { CaptionLine } from './captions'
import type { Act, House, Role } from './house'
import type { Reaction, ReactionEntry } from './reactions'

/** A track as a screen sees it: something that plays in an element. */
export interface PlayableTrack {
  readonly sid?: string | undefined
  attach(element: HTMLMediaElement): HTMLMediaElement
  detach(element: HTMLMediaElement): HTMLMediaElement
}

export type Quality = 'excellent' | 'good' | 'poor' | 'lost' | 'unknown'

export interface ParticipantView {
  readonly identity: string
  readonly name: string
  readonly isLocal: boolean
  readonly speaking: boolean
  readonly micOn: boolean
  /** Whether somebody may hear this participant at all (a microphone is published). */
  readonly hasMic: boolean
  readonly camera: PlayableTrack | null
  readonly quality: Quality
  readonly sharing: boolean
  readonly role: Role
  /** When the hand was raised, Unix time in ms; 0 when it is not. */
  readonly handAt: number
}

export interface ScreenView {
  readonly id: string
  readonly identity: string
  readonly name: string
  readonly isLocal: boolean
  readonly track: PlayableTrack
}

export interface ChatLine {
  readonly id: string
  readonly identity: string
  readonly name: string
  readonly isLocal: boolean
  readonly text: string
  /** Unix time in ms. */
  readonly at: number
  readonly edited: boolean
}

export type Phase = 'connecting' | 'connected' | 'reconnecting' | 'ended'

export type EndReason = 'left' | 'removed' | 'closed' | 'duplicate' | 'shutdown' | 'lost' | 'media' | 'failed' | 'refused'

export type Switch = 'on' | 'off' | 'busy'

/** What the person should hear of once: a notice is shown and read out. */
export type Notice =
  | { readonly kind: 'joined' | 'departed'; readonly name: string }
  | { readonly kind: 'device'; readonly device: 'mic' | 'camera' | 'screen' | 'speaker'; readonly problem: DeviceProblem }
  | { readonly kind: 'chat_failed' }
  | { readonly kind: 'not_allowed' }
  | { readonly kind: 'not_done' | 'muted' | 'stopped' | 'quiet' }
  | { readonly kind: 'hand' | 'waiting'; readonly name: string }
  | { readonly kind: 'plugged' | 'unplugged'; readonly label: string }
  | { readonly kind: 'role'; readonly role: Role }

export type DeviceProblem = 'denied' | 'missing' | 'busy' | 'insecure' | 'other'

export interface NoticeEntry {
  readonly id: number
  readonly notice: Notice
}

export interface RoomSnapshot {
  readonly room: string
  /** Of the page that leads here, for invitations. */
  readonly path: string
  /** Whether media goes from device to device, without a server. */
  readonly direct: boolean
  readonly phase: Phase
  readonly end: EndReason | null
  readonly participants: readonly ParticipantView[]
  readonly screens: readonly ScreenView[]
  readonly chat: readonly ChatLine[]
  readonly mic: Switch
  readonly camera: Switch
  readonly share: Switch
  readonly canPublish: boolean
  readonly canChat: boolean
  readonly audioBlocked: boolean
  readonly notices: readonly NoticeEntry[]
  /** Null in a direct call, which has no host. */
  readonly meeting: MeetingView | null
}

/** What a meeting has beyond media. */
export interface MeetingView {
  /** One's own. */
  readonly role: Role
  readonly reactions: readonly ReactionEntry[]
  readonly captions: readonly CaptionLine[]
  /** For hosts and co-hosts. */
  readonly house: House | null
}

export interface MeetingActions {
  setHand(up: boolean): Promise<void>
  react(reaction: Reaction): Promise<void>
  /** Resolves to whether it was done. */
  moderate(act: Act): Promise<boolean>
}

export type DeviceKind = 'audioinput' | 'videoinput' | 'audiooutput'

export interface DeviceList {
  readonly devices: readonly { readonly id: string; readonly label: string }[]
  readonly active: string
}

/** One stay in a room. `LiveSession` is the real one; screens know only this. */
export interface RoomSession {
  subscribe(listener: () => void): () => void
  snapshot(): RoomSnapshot
  setMic(on: boolean): Promise<void>
  setCamera(on: boolean): Promise<void>
  setShare(on: boolean): Promise<void>
  /** Resolves to whether it was sent. */
  sendChat(text: string): Promise<boolean>
  startAudio(): Promise<void>
  devices(kind: DeviceKind): Promise<DeviceList>
  useDevice(kind: DeviceKind, id: string): Promise<void>
  dismiss(notice: number): void
  leave(): Promise<void>
  readonly meeting: MeetingActions | null
}
