/** The microphone's level. It writes to the element itself: twelve times a second is too often for rendering. */

import { useEffect, useRef, type ReactNode } from 'react'
import { useT } from '../../i18n'
import { watchLevel } from '../../room/level'

export function LevelMeter({ stream }: { stream: MediaStream }): ReactNode {
  const t = useT()
  const meter = useRef<HTMLDivElement>(null)
  useEffect(
    () =>
      watchLevel(stream, (level) => {
        meter.current?.style.setProperty('--level', level.toFixed(2))
        meter.current?.setAttribute('aria-valuenow', String(Math.round(level * 100)))
      }),
    [stream],
  )
  return (
    <div ref={meter} className="level" role="meter" aria-label={t.prejoin.level} aria-valuemin={0} aria-valuemax={100} aria-valuenow={0}>
      <span />
      <span />
      <span />
      <span />
      <span />
    </div>
  )
}
