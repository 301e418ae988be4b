/** Words of a language over the English ones: what a language does not have yet is read in English. Pure. */

/** A language that may be some words behind; lists are whole or absent. */
export type Behind<T> = T extends (...given: never[]) => unknown ? T : T extends readonly unknown[] ? T : T extends object ? { readonly [K in keyof T]?: Behind<T[K]> } : T

export function over<T extends object>(base: T, words: Behind<T>): T {
  const out: Record<string, unknown> = { ...(base as Record<string, unknown>) }
  for (const [key, value] of Object.entries(words as Record<string, unknown>)) {
    const under = out[key]
    const nested = typeof value === 'object' && value !== null && !Array.isArray(value) && typeof under === 'object' && under !== null
    out[key] = nested ? over(under, value) : value
  }
  return out as T
}
