/** People around a table, as tiles: the front page's picture. Decorative. */

import type { ReactNode } from 'react'

const TILES = [
  { x: 0, y: 26, w: 176, h: 128, tint: 0, ring: false },
  { x: 188, y: 0, w: 176, h: 128, tint: 3, ring: true },
  { x: 376, y: 34, w: 132, h: 128, tint: 5, ring: false },
  { x: 56, y: 166, w: 132, h: 104, tint: 6, ring: false },
  { x: 200, y: 140, w: 176, h: 128, tint: 2, ring: false },
  { x: 388, y: 174, w: 104, h: 90, tint: 1, ring: false },
] as const

export function Illustration(): ReactNode {
  return (
    <svg className="illustration" viewBox="-6 -6 520 286" aria-hidden="true" focusable="false">
      {TILES.map(({ x, y, w, h, tint, ring }) => {
        const middle = x + w / 2
        const head = h * 0.17
        const clip = `tile-${x}-${y}`
        return (
          <g key={clip} className={`tint-${tint}`}>
            <clipPath id={clip}>
              <rect x={x} y={y} width={w} height={h} rx="18" />
            </clipPath>
            <rect x={x} y={y} width={w} height={h} rx="18" className="tile-ground" />
            <g clipPath={`url(#${clip})`} className="tile-person">
              <circle cx={middle} cy={y + h * 0.43} r={head} />
              <ellipse cx={middle} cy={y + h * 1.02} rx={head * 2.1} ry={h * 0.34} />
            </g>
            {ring && <rect x={x - 3} y={y - 3} width={w + 6} height={h + 6} rx="21" className="tile-ring" />}
          </g>
        )
      })}
    </svg>
  )
}
