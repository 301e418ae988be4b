import { expect, it } from 'vitest'
import { secureAddress } from '../features/prejoin/address'
import { initials, tint } from './Avatar'
import { ago } from './time'

it('initials are what a reader sees as letters', () => {
  expect(initials('Ada Lovelace')).toBe('AL')
  expect(initials('ada maria lovelace')).toBe('AL')
  expect(initials('👩‍👩‍👧 x')).toBe('👩‍👩‍👧X')
  expect(initials('   ')).toBe('·')
})
it('a tint stays with its person', () => {
  expect(tint('guest_1')).toBe(tint('guest_1'))
  for (const key of ['', 'a', '日本']) expect([0, 1, 2, 3, 4, 5, 6, 7]).toContain(tint(key))
})
it('says how long ago', () => {
  expect(ago(0, 3 * 3_600_000, 'en')).toBe('3 hours ago')
  expect(ago(10, 0, 'en')).toBe('this minute')
  expect(ago(0, 86_400_000, 'de')).toBe('gestern')
})
it('leads to the same page over https', () => {
  const page = { hostname: '10.0.0.5', pathname: '/r/x', search: '?a=1' }
  expect(secureAddress(page, 7443)).toBe('https://10.0.0.5:7443/r/x?a=1')
  expect(secureAddress(page, 443)).toBe('https://10.0.0.5/r/x?a=1')
})
