import { afterEach, expect, it, vi } from 'vitest'
import { ApiError, errorFrom, requestInfo, requestJoin, socketUrl } from './api'

afterEach(() => vi.unstubAllGlobals())

const answer = (status: number, body: string): void => {
  vi.stubGlobal('fetch', vi.fn(() => Promise.resolve(new Response(body, { status }))))
}

it('reads error bodies, flat or nested, and survives others', () => {
  expect(errorFrom(404, { code: 'room_not_found', message: 'm' }).code).toBe('room_not_found')
  expect(errorFrom(404, { error: { code: 'room_full', message: 'm' } }).code).toBe('room_full')
  expect(errorFrom(502, null).code).toBe('unexpected')
  expect(errorFrom(502, { code: 5 }).code).toBe('unexpected')
})
it('raises the code of a refusal', async () => {
  answer(403, '{"code":"host_key_invalid","message":"no"}')
  await expect(requestJoin({ room: 'r', name: 'n' })).rejects.toMatchObject({ code: 'host_key_invalid' })
})
it('calls an answer that is not ours unexpected', async () => {
  for (const body of ['<html>', '[]', '{}']) {
    answer(200, body)
    await expect(requestJoin({ room: 'r', name: 'n' })).rejects.toMatchObject({ code: 'unexpected' })
  }
})
it('says when nobody answers', async () => {
  vi.stubGlobal('fetch', vi.fn(() => Promise.reject(new TypeError('failed'))))
  await expect(requestInfo()).rejects.toBeInstanceOf(ApiError)
  await expect(requestInfo()).rejects.toMatchObject({ code: 'unreachable' })
})
it('connects to where the page came from unless told otherwise', () => {
  expect(socketUrl('', { protocol: 'https:', host: 'h:7443' })).toBe('wss://h:7443')
  expect(socketUrl('', { protocol: 'http:', host: 'h:7880' })).toBe('ws://h:7880')
  expect(socketUrl('wss://other', { protocol: 'http:', host: 'h' })).toBe('wss://other')
})
