/** The connection in words and numbers, and a file of them for whoever helps. Reads only while it is open. */

import { useEffect, useRef, useState, type ReactNode } from 'react'
import { useT } from '../../i18n'
import { useSession } from '../../room/hooks'
import { healthOf, type Health } from '../../stages/health'
import { Probe, type Probed } from '../../stages/probe'
import { watch } from '../../stages/watch'
import { Button } from '../../ui/Button'
import { Dialog } from '../../ui/Dialog'
import { diagnostics, download } from './diagnostics'
import './stats.css'

export function StatsDialog({ open, onClose }: { open: boolean; onClose: () => void }): ReactNode {
  const t = useT()
  return (
    <Dialog title={t.meet.stats.title} open={open} onClose={onClose}>
      <Numbers />
    </Dialog>
  )
}

function Numbers(): ReactNode {
  const t = useT()
  const session = useSession()
  const [health, setHealth] = useState<Health | null>(null)
  const [connections, setConnections] = useState<readonly Probed[]>([])
  const before = useRef<readonly Probed[] | null>(null)

  useEffect(() => {
    const probe = new Probe(watch(), (now) => {
      setHealth(healthOf(before.current, now))
      setConnections(now)
      before.current = now
    })
    probe.start()
    return () => probe.stop()
  }, [])

  const words = t.meet.stats
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`
  const rows: readonly (readonly [string, string])[] = [
    [words.sending, `${health?.sent_kbps ?? 0} kbit/s`],
    [words.receiving, `${health?.received_kbps ?? 0} kbit/s`],
    [words.roundTrip, health?.roundTrip_ms == null ? '–' : `${Math.round(health.roundTrip_ms)} ms`],
    [words.jitter, health?.jitter_ms == null ? '–' : `${Math.round(health.jitter_ms)} ms`],
    [words.lossUp, percent(health?.lossUp ?? 0)],
    [words.lossDown, percent(health?.lossDown ?? 0)],
  ]
  const flows = connections.flatMap(({ report }) => report.flows)
  return (
    <>
      <p className="stats-reason" data-testid="reason" data-reason={health?.reason ?? 'unknown'}>
        {words.reasons[health?.reason ?? 'unknown']}
      </p>
      <dl className="stats">
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {flows.length > 0 && (
        <div className="stats-flows" tabIndex={0} role="group" aria-label={words.streams}>
          <table>
            <thead>
              <tr>
                <th scope="col">{words.streams}</th>
                <th scope="col">{words.codec}</th>
                <th scope="col">kbit/s</th>
                <th scope="col">{words.picture}</th>
              </tr>
            </thead>
            <tbody>
              {flows.map((one) => (
                <tr key={one.id}>
                  <td>{`${one.sent ? '↑' : '↓'} ${one.kind}`}</td>
                  <td>{one.codec}</td>
                  <td>{one.kbps === null ? '–' : Math.round(one.kbps)}</td>
                  <td>{one.picture}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      <p className="fine">{words.fileHint}</p>
      <div className="dialog-ways">
        <Button icon="download" onPress={() => download(diagnostics(session.snapshot(), connections, health, new Date()))}>
          {words.file}
        </Button>
      </div>
    </>
  )
}
