/** What is said, as text: LiveKit's transcription packets and streams as lines. Pure; called by `meeting`. */

export interface CaptionLine {
  readonly id: string
  readonly name: string
  readonly text: string
  readonly final: boolean
  /** Of its latest change, by performance.now(). */
  readonly at_ms: number
}

export const SHOWN_MS = 6_000
/** A line whose end never comes goes, too. */
const UNFINISHED_MS = 20_000
export const MOST_LINES = 4
/** Characters kept of one line, its newest. */
export const MOST_TEXT = 300

export function withCaption(lines: readonly CaptionLine[], line: CaptionLine): readonly CaptionLine[] {
  const cut = line.text.length > MOST_TEXT ? { ...line, text: `…${line.text.slice(-MOST_TEXT)}` } : line
  const at = lines.findIndex((one) => one.id === line.id)
  if (at >= 0) return cut.text.trim() === '' ? lines.toSpliced(at, 1) : lines.with(at, cut)
  return cut.text.trim() === '' ? lines : [...lines, cut].slice(-MOST_LINES)
}

export function stillShown(lines: readonly CaptionLine[], now_ms: number): readonly CaptionLine[] {
  const left = lines.filter((one) => now_ms - one.at_ms < (one.final ? SHOWN_MS : UNFINISHED_MS))
  return left.length < lines.length ? left : lines
}
