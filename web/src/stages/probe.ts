/** Reads all live connections again and again while somebody looks. Used by the "how this call works" page. */

import { report, type Report, type Stat, type Stats } from './report'
import type { Watch, WatchedConnection } from './watch'

export interface Probed {
  readonly watched: WatchedConnection
  readonly state: RTCPeerConnectionState
  readonly ice: RTCIceConnectionState
  readonly gathering: RTCIceGatheringState
  readonly report: Report
}

const READ_MS = 1_000

export class Probe {
  private readonly before = new Map<number, Stats>()
  private timer: ReturnType<typeof setTimeout> | undefined
  private stopped = true

  constructor(
    private readonly watch: Watch,
    private readonly tell: (connections: readonly Probed[]) => void,
  ) {}

  start(): void {
    this.stopped = false
    void this.read()
  }

  stop(): void {
    this.stopped = true
    clearTimeout(this.timer)
  }

  private async read(): Promise<void> {
    const found: Probed[] = []
    for (const watched of this.watch.live()) {
      const { connection } = watched
      const stats = await connection.getStats().catch(() => null)
      if (!stats) continue
      const now = new Map<string, Stat>()
      stats.forEach((one: Stat) => now.set(one.id, one))
      found.push({
        watched,
        state: connection.connectionState,
        ice: connection.iceConnectionState,
        gathering: connection.iceGatheringState,
        report: report(now, this.before.get(watched.id) ?? null),
      })
      this.before.set(watched.id, now)
    }
    if (this.stopped) return
    this.tell(found)
    this.timer = setTimeout(() => void this.read(), READ_MS)
  }
}
