import { expect, it } from 'vitest'
import { browserOf } from './browser'
import { deviceNews } from './devices'

it('tells browsers apart by how they ask', () => {
  const agents = {
    ios: 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/130.0 Mobile/15E148 Safari/604.1',
    android: 'Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Mobile Safari/537.36',
    firefox: 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
    edge: 'Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36 Edg/130.0',
    safari: 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15',
    chrome: 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36',
  }
  for (const [name, agent] of Object.entries(agents)) expect(browserOf(agent)).toBe(name)
  expect(browserOf('')).toBe('chrome')
})

it('tells what was plugged and unplugged, once for a device that is two', () => {
  const mic = { id: 'm', group: 'g', kind: 'audioinput', label: 'Headset' } as const
  const ear = { ...mic, id: 's', kind: 'audiooutput' } as const
  const cam = { id: 'c', group: 'h', kind: 'videoinput', label: 'Camera' } as const
  expect(deviceNews([cam], [cam, mic, ear])).toEqual([{ plugged: true, label: 'Headset' }])
  expect(deviceNews([cam, mic, ear], [cam])).toEqual([{ plugged: false, label: 'Headset' }])
  expect(deviceNews([cam], [cam])).toEqual([])
  expect(deviceNews([], [{ ...cam, label: '' }])).toEqual([])
})
