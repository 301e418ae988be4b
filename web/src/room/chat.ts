/** The chat list, pure: adds, edits in place, drops duplicates, forgets the oldest beyond a bound. Called by `session`. */

import type { ChatLine } from './snapshot'

export const MOST_LINES = 1_000
/** Characters; a longer message is cut, whoever sent it. */
export const MOST_TEXT = 10_000

export function withLine(lines: readonly ChatLine[], line: ChatLine): readonly ChatLine[] {
  const cut = line.text.length > MOST_TEXT ? { ...line, text: line.text.slice(0, MOST_TEXT) + '…' } : line
  const at = lines.findIndex((one) => one.id === line.id)
  if (at < 0) return [...lines, cut].slice(-MOST_LINES)
  // Only the writer changes a message; a second copy of the same one changes nothing.
  const before = lines[at]
  if (!before || before.identity !== line.identity || before.text === cut.text) return lines
  return lines.with(at, { ...before, text: cut.text, edited: true })
}
