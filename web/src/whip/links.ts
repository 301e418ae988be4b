/** The `Link` header (RFC 8288 §3): targets and what they are. Pure. */

export interface Link {
  readonly target: string
  readonly rel: string
}

export function linksOf(header: string): readonly Link[] {
  // Commas and semicolons also stand inside <> and quotes.
  const entries = header.match(/<[^>]*>(?:\s*;\s*[^\s=;,]+\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^",;]*))*/g) ?? []
  return entries.flatMap((entry) => {
    const target = /^<([^>]*)>/.exec(entry)?.[1]
    const rel = /;\s*rel\s*=\s*(?:"([^"]*)"|([^",;\s]+))/i.exec(entry)
    return target === undefined ? [] : [{ target, rel: rel?.[1] ?? rel?.[2] ?? '' }]
  })
}
