/** A person without a picture: initials on a colour that stays theirs. */

import type { ReactNode } from 'react'

/** Up to two letters, by what a reader sees as letters (a family emoji is one). */
export function initials(name: string): string {
  const words = name.trim().split(/\s+/).filter(Boolean)
  const picked = words.length > 1 ? [words[0], words.at(-1)] : words
  const letters = picked.map((word) => firstLetter(word ?? '')).join('')
  return letters.toUpperCase() || '·'
}

function firstLetter(word: string): string {
  for (const { segment } of new Intl.Segmenter(undefined, { granularity: 'grapheme' }).segment(word)) return segment
  return ''
}

/** One of eight, by FNV-1a of the key. */
export function tint(key: string): number {
  let hash = 0x811c9dc5
  for (const char of key) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193)
  return (hash >>> 0) % 8
}

export function Avatar({ name, identity }: { name: string; identity: string }): ReactNode {
  return (
    <span className={`avatar tint-${tint(identity || name)}`} aria-hidden="true">
      {initials(name)}
    </span>
  )
}
