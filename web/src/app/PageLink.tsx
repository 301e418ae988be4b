/** A link to a page of the app: turned to without loading; another tab or window stays the reader's choice. */

import type { AnchorHTMLAttributes, ReactNode } from 'react'
import { go } from './navigation'

export interface PageLinkProps extends Omit<AnchorHTMLAttributes<HTMLAnchorElement>, 'href' | 'onClick'> {
  path: string
}

export function PageLink({ path, ...rest }: PageLinkProps): ReactNode {
  return (
    <a
      {...rest}
      href={path}
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey) return
        event.preventDefault()
        go(path)
      }}
    />
  )
}
