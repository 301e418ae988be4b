import { describe, expect, it } from 'vitest'
import { cleanRoom, hostKeyOf, roomPath, roomTooLong, routeOf } from './route'

describe('routeOf', () => {
  it('knows the front page', () => {
    expect(routeOf({ pathname: '/', search: '' })).toEqual({ page: 'home' })
  })
  it('decodes the room of a path', () => {
    expect(routeOf({ pathname: '/r/caf%C3%A9%2Fbar/', search: '' })).toEqual({ page: 'room', room: 'café/bar', direct: null })
  })
  it.each(['/r/', '/r/%E0%A4%A', '/r/%20', '/x', '/r/a/b'])('finds nothing at %s', (pathname) => {
    expect(routeOf({ pathname, search: '' })).toEqual({ page: 'missing' })
  })
  it('knows who sends and who watches', () => {
    expect(routeOf({ pathname: '/broadcast', search: '' })).toEqual({ page: 'broadcasts' })
    expect(routeOf({ pathname: '/broadcast/a%20b', search: '' })).toEqual({ page: 'broadcast', room: 'a b' })
    expect(routeOf({ pathname: '/watch/tv', search: '?join=1' })).toEqual({ page: 'watch', room: 'tv' })
  })
  it('joins straight away when told to', () => {
    expect(routeOf({ pathname: '/', search: '?room=R&name=N&join=1&audio=0' })).toEqual({
      page: 'room',
      room: 'R',
      direct: { name: 'N', audio: false, video: true },
    })
  })
  it('shows pre-join for a room in the query without join=1', () => {
    expect(routeOf({ pathname: '/', search: '?room=R&name=N' })).toEqual({ page: 'room', room: 'R', direct: null })
  })
})

it('a room path leads back to its room', () => {
  for (const room of ['a b', 'ä/ö?#%', '日本', '..', "'\"<>"])
    expect(routeOf({ pathname: roomPath(room), search: '' })).toMatchObject({ room })
})

it('cleans names as the server does, and counts bytes', () => {
  expect(cleanRoom('  a\u0000\u001fb   c ')).toBe('ab c')
  expect(roomTooLong('ä'.repeat(128))).toBe(false)
  expect(roomTooLong('ä'.repeat(129))).toBe(true)
})

it('reads the key of a host link', () => {
  expect(hostKeyOf('#host=abc')).toBe('abc')
  expect(hostKeyOf('')).toBe('')
  expect(hostKeyOf('#other')).toBe('')
})
