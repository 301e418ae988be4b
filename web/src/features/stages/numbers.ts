/** Numbers and addresses as text. Pure. */

/** Three digits that count, at most one after the point. */
export function amount(value: number): string {
  return value >= 100 ? String(Math.round(value)) : value.toFixed(1)
}

/** 12345 → "12 345", with a thin space that does not break. */
export function grouped(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, '\u202f')
}

/** Browsers hide local addresses from pages without a camera as random `.local` names (mDNS candidates). */
export function hidden(address: string): boolean {
  return address === '' || address.endsWith('.local')
}

export function place(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}
