/** How many messages of others came since chat was last open. */

import { useState } from 'react'
import { useChat } from '../../room/hooks'

export function useUnread(open: boolean): number {
  const lines = useChat()
  const [seen, setSeen] = useState<string | null>(null)
  const last = lines.at(-1)?.id ?? null
  if (open && seen !== last) setSeen(last)
  if (open) return 0
  // A mark that fell out of the bounded list counts everything after it.
  const from = seen === null ? 0 : lines.findIndex((one) => one.id === seen) + 1
  return lines.slice(from).filter((one) => !one.isLocal).length
}
