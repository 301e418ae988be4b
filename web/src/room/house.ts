/** What a host may do: `/api/room` as functions. Called by `meeting`; what comes back is checked, as anything from outside. */

import { ApiError, ask } from './api'

export const ROLES = ['listener', 'speaker', 'cohost', 'host'] as const
export type Role = (typeof ROLES)[number]
export const PRESETS = ['call', 'webinar', 'classroom', 'open_house'] as const
export type Preset = (typeof PRESETS)[number]

export interface Rules {
  readonly preset: Preset
  readonly guest: Role
  readonly speak: Role
  readonly share: Role
  readonly chat: Role
  readonly lobby: boolean
  readonly locked: boolean
  readonly quiet: boolean
}

export interface Guest {
  readonly identity: string
  readonly name: string
}

/** What hosts see of their room. */
export interface House {
  readonly rules: Rules
  readonly waiting: readonly Guest[]
}

export type Source = 'microphone' | 'camera' | 'screen_share'

export type Act =
  | { readonly act: 'mute'; readonly identity?: string; readonly source: Source }
  | { readonly act: 'remove'; readonly identity: string }
  | { readonly act: 'role'; readonly identity: string; readonly role: Role }
  | { readonly act: 'lower'; readonly identity?: string }
  | { readonly act: 'rules'; readonly rules: Partial<Rules> }
  | { readonly act: 'admit' | 'refuse'; readonly identity?: string }
  | { readonly act: 'end' }

export const moderates = (role: Role): boolean => role === 'host' || role === 'cohost'
export const roleOf = (text: unknown): Role => ROLES.find((one) => one === text) ?? 'speaker'

/** Null where it is none: the room has just ended. */
export function houseOf(fields: Readonly<Record<string, unknown>>): House | null {
  const given = fields['rules']
  const waiting = fields['waiting']
  if (typeof given !== 'object' || given === null || !Array.isArray(waiting)) return null
  const rules = given as Readonly<Record<string, unknown>>
  const people = waiting.flatMap((one: unknown) => {
    const guest = (typeof one === 'object' && one !== null ? one : {}) as Readonly<Record<string, unknown>>
    const { identity, name } = guest
    return typeof identity === 'string' && typeof name === 'string' ? [{ identity, name }] : []
  })
  return {
    rules: {
      preset: PRESETS.find((one) => one === rules['preset']) ?? 'call',
      guest: roleOf(rules['guest']),
      speak: roleOf(rules['speak']),
      share: roleOf(rules['share']),
      chat: roleOf(rules['chat']),
      lobby: rules['lobby'] === true,
      locked: rules['locked'] === true,
      quiet: rules['quiet'] === true,
    },
    waiting: people,
  }
}

/** Raises ApiError. */
export async function askHouse(token: string, act: Act | null): Promise<House | null> {
  if (!token) throw new ApiError('unauthenticated', 'no token')
  const headers = { Authorization: `Bearer ${token}` }
  return houseOf(
    await ask('/api/room', act ? { method: 'POST', headers: { ...headers, 'Content-Type': 'application/json' }, body: JSON.stringify(act) } : { method: 'GET', headers }),
  )
}
