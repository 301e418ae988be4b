/** The file for whoever helps: numbers and states. It holds no message, no token and no picture; addresses are those of the connection. */

import type { RoomSnapshot } from '../../room/snapshot'
import type { Health } from '../../stages/health'
import type { Probed } from '../../stages/probe'

export function diagnostics(snapshot: RoomSnapshot, connections: readonly Probed[], health: Health | null, now: Date): string {
  return JSON.stringify(
    {
      made: now.toISOString(),
      browser: navigator.userAgent,
      room: snapshot.room,
      phase: snapshot.phase,
      direct: snapshot.direct,
      switches: { mic: snapshot.mic, camera: snapshot.camera, share: snapshot.share },
      people: snapshot.participants.map(({ isLocal, micOn, camera, quality, role }) => ({ isLocal, micOn, camera: camera !== null, quality, role })),
      health,
      connections: connections.map(({ watched, state, ice, gathering, report }) => ({
        id: watched.id,
        state,
        ice,
        gathering,
        reached_ms: Object.fromEntries(watched.reached),
        pairs: report.pairs,
        flows: report.flows,
        channels: report.channels,
        sentBytes: report.sentBytes,
        receivedBytes: report.receivedBytes,
      })),
    },
    null,
    2,
  )
}

export function download(text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'application/json' }))
  const link = document.createElement('a')
  link.href = url
  link.download = 'roomful-diagnostics.json'
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}
