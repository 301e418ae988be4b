import { describe, expect, it } from 'vitest'
import { fit, TALLEST, TALLEST_UPRIGHT, WIDEST } from './fit'

describe('fit', () => {
  const windows = [
    [1400, 760],
    [374, 640],
    [800, 600],
    [1900, 300],
  ] as const
  it('never overflows, and keeps faces in shape, for 1 to 25 tiles', () => {
    for (const [width, height] of windows)
      for (let count = 1; count <= 25; count++) {
        const { columns, rows, width: w, height: h } = fit(count, width, height, 12)
        expect(columns * rows).toBeGreaterThanOrEqual(count)
        expect(columns * w + (columns - 1) * 12).toBeLessThanOrEqual(width)
        expect(rows * h + (rows - 1) * 12).toBeLessThanOrEqual(height)
        expect((w + 1) / h).toBeGreaterThan((width > height ? TALLEST : TALLEST_UPRIGHT) - 0.05)
        expect(w / (h + 1)).toBeLessThan(WIDEST + 0.05)
      }
  })
  it('puts two side by side in a wide window and one above the other on a phone', () => {
    expect(fit(2, 1400, 760, 12).columns).toBe(2)
    expect(fit(2, 374, 640, 8).columns).toBe(1)
  })
  it('gives nothing where there is no place', () => {
    expect(fit(3, 0, 0, 12).width).toBe(0)
  })
})
