/** The words of broadcasting and watching in the reader's language. */

import { useLanguage, useT } from '../../i18n'
import { broadcastDe } from '../../i18n/broadcast.de'
import { broadcastEn, type BroadcastWords } from '../../i18n/broadcast.en'

const WORDS: Readonly<Record<string, BroadcastWords>> = { en: broadcastEn, de: broadcastDe }

export const useWords = (): BroadcastWords => WORDS[useLanguage()] ?? broadcastEn

/** For an error's code: this page's words, or the app's. */
export function useProblem(code: string): string {
  const words: Readonly<Record<string, string>> = useWords().errors
  const t: Readonly<Record<string, string>> = useT().errors
  if (!code) return ''
  const found = Object.hasOwn(words, code) ? words[code] : Object.hasOwn(t, code) ? t[code] : undefined
  return found ?? t['unexpected'] ?? code
}
