/**
 * The page's service worker: when a page cannot be loaded at all, it shows one that says so. It keeps nothing else and answers
 * nothing else, so that a newer server is never hidden behind an older page.
 */
const KEPT = 'roomful-offline-1'
const FILES = ['/offline.html', '/offline.css', '/assets/icon.svg']

self.addEventListener('install', (event) => {
  event.waitUntil(caches.open(KEPT).then((cache) => cache.addAll(FILES)).then(() => self.skipWaiting()))
})
self.addEventListener('activate', (event) => {
  event.waitUntil(
    caches.keys().then((names) => Promise.all(names.filter((name) => name.startsWith('roomful-') && name !== KEPT).map((name) => caches.delete(name)))),
  )
})
self.addEventListener('fetch', (event) => {
  const { pathname } = new URL(event.request.url)
  if (event.request.mode === 'navigate') event.respondWith(fetch(event.request).catch(() => caches.match('/offline.html')))
  else if (FILES.includes(pathname)) event.respondWith(fetch(event.request).catch(() => caches.match(pathname)))
})
