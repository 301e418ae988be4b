/** The connection as bars: told by their number, not by colour alone. Nothing is shown before it was measured. */

import type { ReactNode } from 'react'
import { useT } from '../../i18n'
import type { Quality } from '../../room/snapshot'

export function QualityDot({ quality }: { quality: Quality }): ReactNode {
  const t = useT()
  if (quality === 'unknown') return null
  return (
    <span className="quality" data-quality={quality} role="img" aria-label={t.room.quality[quality]} title={t.room.quality[quality]}>
      <i />
      <i />
      <i />
    </span>
  )
}
