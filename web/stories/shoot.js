/**
 * Takes pictures of every screen, wide and phone, light and dark: `CHROMIUM=<path> node stories/shoot.js <folder> [name…]`.
 * Serves the built app (run `npm run build` first) with the server's policy and an invented API, and the stories beside it.
 */

import { mkdirSync } from 'node:fs'
import { chromium } from 'playwright-core'
import { createServer, preview } from 'vite'

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; media-src 'self' blob:; connect-src 'self' ws: wss:; worker-src 'self' blob:; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

const [, , folder = 'test-results/pictures', ...wanted] = process.argv
const here = import.meta.dirname

const app = await preview({ root: `${here}/..`, preview: { port: 5181, allowedHosts: ['rooms.test'], headers: { 'Content-Security-Policy': POLICY } } })
const stories = await createServer({ configFile: `${here}/vite.config.ts`, logLevel: 'error' })
await stories.listen()
const APP = 'http://localhost:5181'
const STORY = 'http://localhost:5180/'

const RECENT = [
  { room: 'Team standup', visited: Date.now() - 2 * 3_600_000 },
  { room: 'amber-willow-otter-482', visited: Date.now() - 26 * 3_600_000 },
]

/** name → how to get there */
const SCREENS = {
  home: { url: `${APP}/`, storage: { name: 'Ada Lovelace', recent: RECENT } },
  'home-error': { url: `${APP}/`, act: async (page) => { await page.getByLabel('Room name').fill(' '); await page.getByRole('button', { name: 'Continue' }).click() } },
  prejoin: { url: `${APP}/r/amber-willow-otter-482`, storage: { name: 'Ada Lovelace' }, settle: 2500 },
  'prejoin-denied': { url: `${APP}/r/amber-willow-otter-482`, storage: { name: 'Ada Lovelace' }, denied: true },
  'prejoin-refused': { url: `${APP}/r/amber-willow-otter-482`, storage: { name: 'Ada' }, settle: 2000, act: async (page) => { await page.getByRole('button', { name: /^Join/ }).click(); await page.waitForTimeout(1500) } },
  'prejoin-insecure': { url: `http://rooms.test:5181/r/amber-willow-otter-482`, storage: { name: 'Ada Lovelace' }, origin: 'http://rooms.test:5181' },
  'prejoin-device': { url: `${APP}/r/x`, settle: 2000, act: async (page) => { await page.getByRole('button', { name: /Microphone/ }).last().click() } },
  missing: { url: `${APP}/r/` },
  ...Object.fromEntries([1, 2, 3, 5, 12, 25, 60].map((n) => [`room-${n}`, { url: `${STORY}?people=${n}` }])),
  'room-speaker': { url: `${STORY}?people=7`, look: { layout: 'speaker' } },
  'room-floating': { url: `${STORY}?people=2`, look: { layout: 'floating' } },
  'room-view': { url: `${STORY}?people=3`, act: (page) => page.keyboard.press('l') },
  'room-tile-menu': { url: `${STORY}?people=3`, act: async (page) => { await page.getByTestId('tile').first().hover(); await page.getByRole('button', { name: /^Options for Ada/ }).click() } },
  'room-host': { url: `${STORY}?people=6&hands&waiting&reactions`, act: (page) => page.keyboard.press('p') },
  'room-host-settings': { url: `${STORY}?people=3`, act: async (page) => { const more = page.getByRole('button', { name: 'More', exact: true }); if (await more.isVisible()) { await more.click(); await page.getByRole('menuitem', { name: 'Room settings' }).click() } else await page.getByRole('button', { name: 'Room settings' }).click() } },
  'room-host-menu': { url: `${STORY}?people=5&hands`, act: async (page) => { await page.getByTestId('tile').nth(3).hover(); await page.getByRole('button', { name: /^Options for Omar/ }).click() } },
  'room-captions': { url: `${STORY}?people=2&captions` },
  'room-react': { url: `${STORY}?people=2&reactions`, act: async (page) => { const more = page.getByRole('button', { name: 'More', exact: true }); await (await more.isVisible() ? more : page.getByRole('button', { name: 'React' })).click() } },
  'room-share': { url: `${STORY}?people=6&share` },
  'room-share-own': { url: `${STORY}?people=3&share=own` },
  'room-reconnecting': { url: `${STORY}?people=3&reconnecting&notices&muted` },
  'room-blocked': { url: `${STORY}?people=2&blocked&listening` },
  'room-chat': { url: `${STORY}?people=4`, act: (page) => page.keyboard.press('c') },
  'room-chat-empty': { url: `${STORY}?people=2&quiet`, act: (page) => page.keyboard.press('c') },
  'room-people': { url: `${STORY}?people=7`, act: (page) => page.keyboard.press('p') },
  'room-invite': { url: `${STORY}?people=2`, act: (page) => page.keyboard.press('i') },
  'room-leave': { url: `${STORY}?people=2`, act: (page) => page.keyboard.press('q') },
  'room-shortcuts': { url: `${STORY}?people=2`, act: (page) => page.keyboard.press('?') },
  'room-devices': { url: `${STORY}?people=2`, act: (page) => page.getByRole('button', { name: 'Microphone and speaker choice' }).click() },
  'room-arabic': { url: `${STORY}?people=5&language=ar&hands&waiting`, act: (page) => page.keyboard.press('p') },
  'room-chinese': { url: `${STORY}?people=3&language=zh`, act: (page) => page.keyboard.press('l') },
  'room-stats': { url: `${STORY}?people=2`, act: (page) => page.keyboard.press('n'), settle: 1500 },
  'room-german': { url: `${STORY}?people=2&language=de`, act: (page) => page.keyboard.press('q') },
}
const SIZES = { wide: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } }

mkdirSync(folder, { recursive: true })
const browser = await chromium.launch({
  ...(process.env.CHROMIUM ? { executablePath: process.env.CHROMIUM } : { channel: 'chromium' }),
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream', '--host-resolver-rules=MAP rooms.test 127.0.0.1'],
})
for (const [size, viewport] of Object.entries(SIZES))
  for (const colorScheme of ['light', 'dark']) {
    const phone = size === 'phone'
    for (const [name, screen] of Object.entries(SCREENS)) {
      const file = `${name}-${size}-${colorScheme}`
      if (wanted.length > 0 && !wanted.some((one) => file.startsWith(one))) continue
      const context = await browser.newContext({ viewport, colorScheme, locale: 'en-GB', reducedMotion: 'reduce', deviceScaleFactor: 1, hasTouch: phone, isMobile: phone })
      const page = await context.newPage()
      page.on('console', (message) => ['error', 'warning'].includes(message.type()) && console.log(file, message.text()))
      page.on('pageerror', (error) => console.log(file, 'PAGE ERROR', error.message))
      await page.route('**/api/info', (route) => route.fulfill({ json: { version: '0.1.0', https_port: 7443, anybody_makes_rooms: true } }))
      await page.route('**/api/join', (route) => route.fulfill({ status: 404, json: { code: 'room_not_found', message: 'no' } }))
      await page.addInitScript((storage) => { for (const [key, value] of Object.entries(storage ?? {})) localStorage.setItem(`roomful.${key}`, JSON.stringify(value)) }, { ...screen.storage, ...(screen.look ? { look: screen.look } : {}) })
      if (screen.denied) await page.addInitScript(() => { navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('denied', 'NotAllowedError')) })
      await page.goto(screen.url)
      await page.waitForTimeout(screen.settle ?? 900)
      if (screen.act) { await screen.act(page); await page.waitForTimeout(500) }
      await page.screenshot({ path: `${folder}/${file}.png` })
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
      if (overflow > 0) console.log(file, `overflows by ${overflow}px`)
      await context.close()
    }
  }
await browser.close()
await stories.close()
await app.close()
