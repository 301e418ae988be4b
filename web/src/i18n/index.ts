/** Words for screens: `useT()` gives the messages of the reader's language, typed. A new language is a file and a line here. */

import { createContext, use } from 'react'
import { ar } from './ar'
import { de } from './de'
import { en, type Messages } from './en'
import { over } from './merge'
import { zh } from './zh'

export type { Messages } from './en'

const LANGUAGES: Readonly<Record<string, Messages>> = { en, de, zh: over<Messages>(en, zh), ar: over<Messages>(en, ar) }

/** Which way its lines run. */
export const directionOf = (language: string): 'ltr' | 'rtl' => (language === 'ar' ? 'rtl' : 'ltr')

/** The first of the reader's languages that we have; English otherwise. */
export function pickLanguage(wanted: readonly string[]): string {
  for (const tag of wanted) {
    const language = tag.toLowerCase().split('-')[0] ?? ''
    if (Object.hasOwn(LANGUAGES, language)) return language
  }
  return 'en'
}

export const messages = (language: string): Messages => LANGUAGES[language] ?? en

export const LanguageContext = createContext('en')

export const useLanguage = (): string => use(LanguageContext)
export const useT = (): Messages => messages(use(LanguageContext))
