/** Told on plain http beyond localhost: why there is no camera, and the address where there is one. */

import { useEffect, useState, type ReactNode } from 'react'
import { useT } from '../../i18n'
import { requestInfo } from '../../room/api'
import { Icon } from '../../ui/Icon'
import { secureAddress } from './address'

export function Insecure(): ReactNode {
  const t = useT()
  const [port, setPort] = useState<number | null>(null)
  useEffect(() => {
    let here = true
    requestInfo().then(
      (info) => here && setPort(info.https_port),
      () => undefined, // the words below do without it
    )
    return () => {
      here = false
    }
  }, [])
  return (
    <div className="alert" role="status" data-testid="insecure">
      <Icon name="lock" />
      <div>
        <h2>{t.insecure.title}</h2>
        <p>{t.insecure.why}</p>
        {port === null ? (
          <p>{t.insecure.none}</p>
        ) : (
          <>
            <p>
              <a className="strong-link" href={secureAddress(location, port)}>
                {t.insecure.open}
              </a>
            </p>
            <p>
              {t.insecure.ca} <a href="/ca">{t.insecure.caLink}</a>
            </p>
          </>
        )}
        <p>{t.insecure.still}</p>
      </div>
    </div>
  )
}
