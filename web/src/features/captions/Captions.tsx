/** What is said, as text over the lower edge of the stage, in the size the reader chose. Shown when somebody sends any. */

import type { ReactNode } from 'react'
import { useT } from '../../i18n'
import { useRoom } from '../../room/hooks'
import { useLook } from '../../room/look'
import './captions.css'

export function Captions(): ReactNode {
  const t = useT()
  const lines = useRoom((snapshot) => snapshot.meeting?.captions)
  const { captions, captionSize } = useLook()
  if (!captions || !lines || lines.length === 0) return null
  return (
    <div className="captions" style={{ fontSize: `${captionSize}%` }} role="log" aria-live="off" aria-label={t.meet.captions} data-testid="captions">
      {lines.map((one) => (
        <p key={one.id} dir="auto">
          {one.name && (
            <b>
              <bdi>{one.name}</bdi>:{' '}
            </b>
          )}
          {one.text}
        </p>
      ))}
    </div>
  )
}
