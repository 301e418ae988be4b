/** How tiles fill a rectangle: the number of columns that leaves the least empty. Pure. */

export interface Fit {
  readonly columns: number
  readonly rows: number
  /** Of one tile, in CSS px. */
  readonly width: number
  readonly height: number
}

/** Width over height that a tile may have: cameras are wide, so a tall tile cuts much; phones held upright send tall ones. */
export const WIDEST = 16 / 9
export const TALLEST = 6 / 5
export const TALLEST_UPRIGHT = 3 / 4

export function fit(count: number, width: number, height: number, gap: number): Fit {
  const tallest = width > height ? TALLEST : TALLEST_UPRIGHT
  let best: Fit = { columns: 1, rows: Math.max(1, count), width: 0, height: 0 }
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns)
    let w = (width - gap * (columns - 1)) / columns
    let h = (height - gap * (rows - 1)) / rows
    if (w <= 0 || h <= 0) continue
    if (w / h > WIDEST) w = h * WIDEST
    if (w / h < tallest) h = w / tallest
    // Fewer empty places decide between sizes that hardly differ.
    const score = w * h * (1 - 0.04 * (columns * rows - count))
    const bestScore = best.width * best.height * (1 - 0.04 * (best.columns * best.rows - count))
    if (score > bestScore) best = { columns, rows, width: Math.floor(w), height: Math.floor(h) }
  }
  return best
}
