/** What screens see of a session: its snapshot, made anew once a turn however much happened, and its notices. Made by each kind of session. */

import type { Notice, NoticeEntry, RoomSnapshot } from './snapshot'

const MOST_NOTICES = 4

export class RoomView {
  private readonly listeners = new Set<() => void>()
  private current: RoomSnapshot
  private notices: readonly NoticeEntry[] = []
  private lastNotice = 0
  private scheduled = false

  /** `build` is called at once, and after each turn in which something changed. */
  constructor(private readonly build: (notices: readonly NoticeEntry[]) => RoomSnapshot) {
    this.current = build(this.notices)
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  snapshot(): RoomSnapshot {
    return this.current
  }

  /** May be handed on as a callback. */
  readonly changed = (): void => {
    if (this.scheduled) return
    this.scheduled = true
    queueMicrotask(() => {
      this.scheduled = false
      this.current = this.build(this.notices)
      for (const listener of this.listeners) listener()
    })
  }

  notify(notice: Notice): void {
    this.lastNotice += 1
    this.notices = [...this.notices, { id: this.lastNotice, notice }].slice(-MOST_NOTICES)
    this.changed()
  }

  dismiss(notice: number): void {
    this.notices = this.notices.filter((one) => one.id !== notice)
    this.changed()
  }
}
