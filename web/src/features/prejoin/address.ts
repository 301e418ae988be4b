/** The same page over https. Pure. */

export function secureAddress(page: { hostname: string; pathname: string; search: string }, port: number): string {
  const authority = port === 443 ? page.hostname : `${page.hostname}:${port}`
  return `https://${authority}${page.pathname}${page.search}`
}
