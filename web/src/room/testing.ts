/** What tests make snapshots of. */

import type { ParticipantView } from './snapshot'

export const person = (identity: string, more: Partial<ParticipantView> = {}): ParticipantView => ({
  identity,
  name: identity,
  isLocal: false,
  speaking: false,
  micOn: true,
  hasMic: true,
  camera: null,
  quality: 'good',
  sharing: false,
  role: 'speaker',
  handAt: 0,
  ...more,
})
