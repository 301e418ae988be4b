/** What was plugged in and what is gone, from two lists of devices. Pure; called by `session`. */

export interface Plugged {
  readonly id: string
  readonly group: string
  readonly kind: string
  readonly label: string
}

export interface DeviceNews {
  readonly plugged: boolean
  readonly label: string
}

/** A headset is a microphone and a speaker of one group: told once. What has no name cannot be told. */
export function deviceNews(before: readonly Plugged[], now: readonly Plugged[]): readonly DeviceNews[] {
  const news = (from: readonly Plugged[], to: readonly Plugged[], plugged: boolean): DeviceNews[] => {
    const known = new Set(from.map((one) => one.id))
    const groups = new Set<string>()
    return to.flatMap((one) => {
      if (one.label === '' || known.has(one.id) || one.id === 'default' || one.id === 'communications' || groups.has(one.group)) return []
      groups.add(one.group)
      return [{ plugged, label: one.label }]
    })
  }
  return [...news(now, before, false), ...news(before, now, true)]
}
