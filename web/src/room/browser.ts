/** Which browser this is, as far as its words for permissions differ. Pure; a guess is all it has to be. */

export type Browser = 'ios' | 'android' | 'firefox' | 'safari' | 'edge' | 'chrome'

export function browserOf(agent: string): Browser {
  // Every browser on iOS asks by the system's settings.
  if (/iPhone|iPad|iPod/.test(agent)) return 'ios'
  if (/Android/.test(agent)) return 'android'
  if (/Firefox\//.test(agent)) return 'firefox'
  if (/Edg\//.test(agent)) return 'edge'
  if (/Safari\//.test(agent) && !/Chrom(e|ium)\//.test(agent)) return 'safari'
  return 'chrome'
}
