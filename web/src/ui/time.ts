/** Times as words. Pure: now and the language are arguments. */

const STEPS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
]

/** "3 hours ago"; Unix times in ms. */
export function ago(at_ms: number, now_ms: number, language: string): string {
  const passed = Math.max(0, now_ms - at_ms)
  const format = new Intl.RelativeTimeFormat(language, { numeric: 'auto' })
  for (const [unit, length] of STEPS) if (passed >= length) return format.format(-Math.floor(passed / length), unit)
  return format.format(0, 'minute')
}

/** Hours and minutes as the reader's system writes them, which the page's language does not tell (en: 12 or 24 hours). */
export function clock(at_ms: number): string {
  return new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' }).format(at_ms)
}
