// @vitest-environment jsdom

import { beforeEach, expect, it, vi } from 'vitest'
import * as device from './device'

beforeEach(() => localStorage.clear())

it('keeps recent rooms newest first, once each, and bounded', () => {
  for (let i = 0; i < 9; i++) device.rememberRoom(`room ${i}`, i)
  device.rememberRoom('room 5', 20)
  const rooms = device.recentRooms()
  expect(rooms[0]).toEqual({ room: 'room 5', visited: 20 })
  expect(rooms).toHaveLength(6)
  device.forgetRoom('room 5')
  expect(device.recentRooms().map((one) => one.room)).not.toContain('room 5')
})
it('uses a host key for its room, and the newest for others', () => {
  device.saveHostKey('a', 'k1')
  device.saveHostKey('b', 'k2')
  expect(device.hostKey('a')).toBe('k1')
  expect(device.hostKey('never')).toBe('k2')
  device.forgetHostKeys()
  expect(device.hostKey('a')).toBe('')
})
it.each(['not json', '[]', '42', 'null', '{"identity":7}'])('survives %s in storage', (text) => {
  for (const key of ['name', 'identity', 'recent', 'hostKeys', 'devices']) localStorage.setItem(`roomful.${key}`, text)
  expect(device.savedName()).toBe('')
  expect(device.savedIdentity(0)).toBeNull()
  expect(device.recentRooms()).toEqual([])
  expect(device.hostKey('a')).toBe('')
  expect(device.deviceChoice().audio).toBe(true)
})
it('goes on without storage', () => {
  const spy = vi.spyOn(Storage.prototype, 'setItem').mockImplementation(() => {
    throw new DOMException('full', 'QuotaExceededError')
  })
  expect(() => device.saveName('A')).not.toThrow()
  spy.mockRestore()
})
