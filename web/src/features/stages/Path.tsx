/** Who talks with whom, as a picture: signaling over the server, media directly or through it. */

import type { ReactNode } from 'react'
import type { StagesWords } from '../../i18n/stages.en'

export function Path({ direct, words, connected }: { direct: boolean; words: StagesWords; connected: boolean }): ReactNode {
  const far = direct ? words.path.other : words.path.others
  return (
    <svg className="stages-path" viewBox="0 0 640 190" role="img" aria-label={direct ? words.path.label.direct : words.path.label.server} data-connected={connected}>
      <path className="way signaling" d="M112 132 C 170 40, 220 38, 268 38" />
      <path className="way signaling" d="M528 132 C 470 40, 420 38, 372 38" />
      {direct ? <path className="way media" d="M132 152 H508" /> : <path className="way media" d="M126 146 C 200 118, 240 82, 284 58 M356 58 C 400 82, 440 118, 514 146" />}
      <Node x={70} y={152} label={words.path.you} tint={0} />
      <Node x={320} y={38} label={words.path.server} tint={2} />
      <Node x={570} y={152} label={far} tint={3} />
      <text className="way-name" x={140} y={42} textAnchor="middle">
        {words.path.signaling}
      </text>
      <text className="way-name strong" x={320} y={direct ? 142 : 132} textAnchor="middle">
        {words.path.media}
      </text>
    </svg>
  )
}

function Node({ x, y, label, tint }: { x: number; y: number; label: string; tint: number }): ReactNode {
  return (
    <g className={`tint-${tint}`}>
      <rect className="node" x={x - 62} y={y - 24} width="124" height="48" rx="16" />
      <text className="node-name" x={x} y={y + 5} textAnchor="middle">
        {label}
      </text>
    </g>
  )
}
