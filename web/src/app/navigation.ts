/** The address bar as state: `useRoute` and `go`. Takes a host link's key out of the address as soon as it is seen. */

import { useMemo, useSyncExternalStore } from 'react'
import { saveHostKey } from '../room/device'
import { hostKeyOf, routeOf, type Route } from './route'

const listeners = new Set<() => void>()
const subscribe = (listener: () => void): (() => void) => {
  listeners.add(listener)
  addEventListener('popstate', listener)
  return () => {
    listeners.delete(listener)
    removeEventListener('popstate', listener)
  }
}
const here = (): string => location.pathname + location.search

export function useRoute(): Route {
  const address = useSyncExternalStore(subscribe, here)
  return useMemo(() => {
    const [pathname = '/', search = ''] = address.split(/(?=\?)/)
    return routeOf({ pathname, search })
  }, [address])
}

export function go(path: string): void {
  history.pushState(null, '', path)
  for (const listener of listeners) listener()
  scrollTo(0, 0)
}

/** Call once before rendering. */
export function keepHostKey(): void {
  const key = hostKeyOf(location.hash)
  if (!key) return
  const route = routeOf(location)
  saveHostKey(route.page === 'room' ? route.room : '*', key)
  history.replaceState(null, '', here())
}
