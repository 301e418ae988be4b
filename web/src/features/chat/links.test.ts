import { describe, expect, it } from 'vitest'
import { parts } from './links'

const links = (text: string): string[] => parts(text).flatMap((part) => (part.kind === 'link' ? [part.href] : []))

describe('parts', () => {
  it.each([
    ['see https://a.example/x.', 'https://a.example/x'],
    ['(https://a.example/x_(y))', 'https://a.example/x_(y)'],
    ['https://a.example/?q=1&r=2#z, then', 'https://a.example/?q=1&r=2#z'],
    ['HTTP://A.EXAMPLE', 'http://a.example/'],
  ])('%s', (text, href) => {
    expect(links(text)).toEqual([href])
  })
  it.each(['javascript:alert(1)', 'data:text/html,x', 'file:///etc/passwd', 'https://', 'xhttps://', '<script>'])('makes no link of %s', (text) => {
    expect(links(text)).toEqual([])
  })
  it('loses no character', () => {
    for (const text of ['', 'a https://b.example), https://c.example! d', 'https://', '\nhttp://x\ny'])
      expect(parts(text).map((part) => part.text).join('')).toBe(text)
  })
  it('ends a link at a quote, so that none reaches an attribute', () => {
    expect(links('https://a.example/"onmouseover="x')).toEqual(['https://a.example/'])
  })
})
