/**
 * What this device remembers: a display name, who the server said it is, host links, rooms visited, chosen devices.
 * Called by pages and by `join`. Never talks to the network. Storage may be missing or full: then nothing is remembered.
 */

export interface RecentRoom {
  readonly room: string
  /** Unix time in ms. */
  readonly visited: number
}

export interface Identity {
  readonly identity: string
  readonly identity_key: string
}

export interface DeviceChoice {
  readonly audio: boolean
  readonly video: boolean
  readonly audioinput: string
  readonly videoinput: string
  readonly audiooutput: string
}

const PREFIX = 'roomful.'
const MOST_RECENT = 6
const MOST_HOST_KEYS = 50

const DEFAULT_CHOICE: DeviceChoice = { audio: true, video: true, audioinput: '', videoinput: '', audiooutput: '' }

export function readDevice(key: string): unknown {
  try {
    const text = localStorage.getItem(PREFIX + key)
    return text === null ? undefined : (JSON.parse(text) as unknown)
  } catch {
    return undefined
  }
}

export function writeDevice(key: string, value: unknown): void {
  try {
    localStorage.setItem(PREFIX + key, JSON.stringify(value))
  } catch {
    // Private windows and full disks: the visit still works.
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '')

export const savedName = (): string => text(readDevice('name'))
export const saveName = (name: string): void => writeDevice('name', name)

const identityAt = (seat: number): string => (seat === 0 ? 'identity' : `identity.${seat}`)

/** Of one of this device's seats in a room (`seat.ts`). */
export function savedIdentity(seat: number): Identity | null {
  const value = readDevice(identityAt(seat))
  if (!isRecord(value) || !text(value['identity'])) return null
  return { identity: text(value['identity']), identity_key: text(value['identity_key']) }
}
export const saveIdentity = (seat: number, identity: Identity): void => writeDevice(identityAt(seat), identity)

export function recentRooms(): readonly RecentRoom[] {
  const value = readDevice('recent')
  if (!Array.isArray(value)) return []
  return value
    .filter(isRecord)
    .map((one) => ({ room: text(one['room']), visited: Number(one['visited']) || 0 }))
    .filter((one) => one.room !== '')
    .slice(0, MOST_RECENT)
}
export function rememberRoom(room: string, now_ms: number): void {
  const others = recentRooms().filter((one) => one.room !== room)
  writeDevice('recent', [{ room, visited: now_ms }, ...others].slice(0, MOST_RECENT))
}
export function forgetRoom(room: string): void {
  writeDevice('recent', recentRooms().filter((one) => one.room !== room))
}

/** The host key for a room; the key of another room's host link serves too, as a key is the server's. */
export function hostKey(room: string): string {
  const value = readDevice('hostKeys')
  if (!isRecord(value)) return ''
  return text(value[room]) || text(value['*'])
}
export function saveHostKey(room: string, key: string): void {
  const value = readDevice('hostKeys')
  const kept = Object.entries(isRecord(value) ? value : {}).filter(([name]) => name !== room && name !== '*')
  writeDevice('hostKeys', Object.fromEntries([...kept.slice(-MOST_HOST_KEYS), [room, key], ['*', key]]))
}
export function forgetHostKeys(): void {
  writeDevice('hostKeys', {})
}

export function deviceChoice(): DeviceChoice {
  const value = readDevice('devices')
  if (!isRecord(value)) return DEFAULT_CHOICE
  return {
    audio: value['audio'] !== false,
    video: value['video'] !== false,
    audioinput: text(value['audioinput']),
    videoinput: text(value['videoinput']),
    audiooutput: text(value['audiooutput']),
  }
}
export function saveDeviceChoice(choice: Partial<DeviceChoice>): void {
  writeDevice('devices', { ...deviceChoice(), ...choice })
}

export const shortcutsOn = (): boolean => readDevice('shortcuts') !== false
export const saveShortcutsOn = (on: boolean): void => writeDevice('shortcuts', on)
