/** Finds web links in a message. Pure; only http and https ever become links, whatever the text says. */

export type Part = { readonly kind: 'text'; readonly text: string } | { readonly kind: 'link'; readonly text: string; readonly href: string }

const CANDIDATE = /\bhttps?:\/\/[^\s<>"'`]+/gi
const CLOSERS: Readonly<Record<string, string>> = { ')': '(', ']': '[', '}': '{' }

export function parts(text: string): readonly Part[] {
  const found: Part[] = []
  let from = 0
  for (const match of text.matchAll(CANDIDATE)) {
    const link = trimmed(match[0])
    const href = safe(link)
    if (href === null) continue
    if (match.index > from) found.push({ kind: 'text', text: text.slice(from, match.index) })
    found.push({ kind: 'link', text: link, href })
    from = match.index + link.length
  }
  if (from < text.length) found.push({ kind: 'text', text: text.slice(from) })
  return found
}

/** Without the punctuation of the sentence around it; a closing bracket stays when the link opened it. */
function trimmed(link: string): string {
  let end = link.length
  while (end > 0) {
    const last = link[end - 1] ?? ''
    const opener = CLOSERS[last]
    const closes = opener !== undefined && count(link.slice(0, end), last) > count(link.slice(0, end), opener)
    if (!closes && !'.,;:!?…'.includes(last)) break
    end -= 1
  }
  return link.slice(0, end)
}

function count(text: string, char: string): number {
  return text.split(char).length - 1
}

function safe(link: string): string | null {
  try {
    const url = new URL(link)
    return url.protocol === 'http:' || url.protocol === 'https:' ? url.href : null
  } catch {
    return null
  }
}
