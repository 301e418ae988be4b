/** A table of numbers that scrolls sideways by itself on a phone. */

import { Children, type ReactNode } from 'react'

export interface TableProps {
  label: string
  heads: readonly string[]
  /** Columns set flush right. */
  numeric?: readonly number[]
  children: ReactNode
}

export function Table({ label, heads, numeric = [], children }: TableProps): ReactNode {
  if (Children.count(children) === 0) return null
  return (
    <div className="table-place" role="region" aria-label={label} tabIndex={0}>
      <table>
        <caption>{label}</caption>
        <thead>
          <tr>
            {heads.map((head, at) => (
              <th key={head} scope="col" data-numeric={numeric.includes(at)}>
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  )
}
