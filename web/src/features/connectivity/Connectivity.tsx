/** What the network between this browser and the server lets through, in words, and what to open where. */

import { useEffect, useState, type ReactNode } from 'react'
import { go } from '../../app/navigation'
import { probe, type Report } from '../../connectivity/probe'
import type { WayResult } from '../../connectivity/ways'
import { useLanguage, useT } from '../../i18n'
import { connectivityDe } from '../../i18n/connectivity.de'
import { connectivityEn, type ConnectivityWords } from '../../i18n/connectivity.en'
import { Button } from '../../ui/Button'
import { Icon, type IconName } from '../../ui/Icon'
import { Logo } from '../../ui/Logo'
import './connectivity.css'

const WORDS: Readonly<Record<string, ConnectivityWords>> = { en: connectivityEn, de: connectivityDe }

type Seen = { readonly at: 'running' } | { readonly at: 'done'; readonly report: Report } | { readonly at: 'failed' }

export function Connectivity(): ReactNode {
  const t = useT()
  const words = WORDS[useLanguage()] ?? connectivityEn
  const [seen, setSeen] = useState<Seen>({ at: 'running' })
  const [trial, setTrial] = useState(0)

  useEffect(() => {
    document.title = `${words.title} · ${t.app.name}`
  }, [t, words])

  useEffect(() => {
    let current = true
    const show = (found: Seen): void => {
      if (current) setSeen(found)
    }
    probe().then((report) => show({ at: 'done', report }), () => show({ at: 'failed' }))
    return () => {
      current = false
    }
  }, [trial])

  const again = (): void => {
    setSeen({ at: 'running' })
    setTrial((before) => before + 1)
  }

  const running = seen.at === 'running'
  return (
    <div className="page">
      <header className="page-head">
        <Logo />
        <Button look="quiet" icon="back" onPress={() => go('/')}>
          {words.back}
        </Button>
      </header>
      <main className="reach" aria-busy={running}>
        <div className="reach-head">
          <h1>{words.title}</h1>
          <p className="lead">{words.lead}</p>
        </div>
        <Verdict seen={seen} words={words} />
        {seen.at === 'done' && seen.report.verdict !== 'unserved' && (
          <>
            <section className="reach-part">
              <h2>{words.waysTitle}</h2>
              <ul className="reach-ways">
                {seen.report.ways.map((one) => (
                  <Way key={one.way} one={one} words={words} />
                ))}
              </ul>
            </section>
            <Network report={seen.report} words={words} />
            <Todo report={seen.report} words={words} />
          </>
        )}
        <div>
          <Button icon="refresh" busy={running} onPress={() => !running && again()}>
            {words.again}
          </Button>
        </div>
      </main>
    </div>
  )
}

function Verdict({ seen, words }: { seen: Seen; words: ConnectivityWords }): ReactNode {
  const told = seen.at === 'done' ? words.verdicts[seen.report.verdict] : seen.at === 'failed' ? words.unreachable : null
  const good = seen.at === 'done' && (seen.report.verdict === 'good' || seen.report.verdict === 'slower')
  return (
    <div className="reach-verdict" role="status" data-verdict={seen.at === 'done' ? seen.report.verdict : seen.at} data-testid="verdict">
      {told === null ? <span className="spinner" /> : <Icon name={good ? 'check' : 'warning'} size={26} />}
      <div>
        <p className="reach-word">{told?.title ?? words.running}</p>
        {told && <p>{told.text}</p>}
      </div>
    </div>
  )
}

const MARKS: Readonly<Record<WayResult['state'], IconName>> = { open: 'check', closed: 'close', absent: 'more' }

function Way({ one, words }: { one: WayResult; words: ConnectivityWords }): ReactNode {
  const { way, state, host, port, after_ms, relayed } = one
  const facts = [
    after_ms === null ? '' : words.answered(after_ms.toFixed(0)),
    state !== 'open' ? '' : relayed ? words.relays : words.lendsNone,
  ]
  return (
    <li data-way={way} data-state={state}>
      <span className="reach-mark">
        <Icon name={MARKS[state]} size={20} />
      </span>
      <div>
        <h3>
          {words.ways[way].title} <span className="reach-state">{words.states[state]}</span>
        </h3>
        <p className="soft">{words.ways[way].text}</p>
        {state !== 'absent' && <p className="soft number">{[words.target(host, String(port ?? '')), ...facts].filter(Boolean).join(' · ')}</p>}
      </div>
    </li>
  )
}

function Network({ report, words }: { report: Report; words: ConnectivityWords }): ReactNode {
  const rows: readonly (readonly [string, string])[] = [
    [words.roundTrip, report.roundTrip_ms === null ? words.none : `${report.roundTrip_ms.toFixed(1)} ms`],
    [words.addresses, report.families.map((family) => words.families[family]).join(', ') || words.none],
    [words.seen, report.seen.join(', ') || words.none],
    [words.lent, report.lent.join(', ') || words.none],
    [words.natName, words.nats[report.nat]],
  ]
  return (
    <section className="reach-part" data-nat={report.nat}>
      <h2>{words.networkTitle}</h2>
      <dl className="reach-facts">
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  )
}

function Todo({ report, words }: { report: Report; words: ConnectivityWords }): ReactNode {
  const closed = report.ways.filter(({ state }) => state === 'closed')
  const noTls = report.ways.some(({ way, state }) => way === 'tls' && state === 'absent')
  // Where UDP is open, a way that this server does not offer is nothing to act on.
  const lines = [
    ...closed.map(({ way, host, port }) => words.todo[way](host, String(port ?? ''))),
    ...(closed.length > 0 && noTls ? [words.todo.absentTls] : []),
    ...(closed.some(({ way }) => way === 'udp') ? [words.todo.vpn] : []),
  ]
  if (lines.length === 0) return null
  return (
    <section className="reach-part">
      <h2>{words.todoTitle}</h2>
      <p className="soft">{words.todo.intro}</p>
      <ul className="reach-todo">
        {lines.map((line) => (
          <li key={line}>{line}</li>
        ))}
      </ul>
    </section>
  )
}
