/** The four stages as cards: what happens in a sentence, how far it is, and the numbers. */

import { useId, type ReactNode } from 'react'
import type { StagesWords } from '../../i18n/stages.en'
import type { Probed } from '../../stages/probe'
import type { Candidate, Flow } from '../../stages/report'
import { signalOf } from '../../stages/signals'
import type { Watch } from '../../stages/watch'
import { Icon } from '../../ui/Icon'
import { Table } from './Table'
import { amount, grouped, hidden, place } from './numbers'

type Progress = 'done' | 'working' | 'failed' | 'waiting'

interface CardProps {
  number: number
  title: string
  what: string
  progress: Progress
  headline: string
  words: StagesWords
  children: ReactNode
}

function Card({ number, title, what, progress, headline, words, children }: CardProps): ReactNode {
  const id = useId()
  return (
    <li className="stage-card" data-stage={number} data-progress={progress} aria-labelledby={id}>
      <header>
        <span className="stage-number" aria-hidden="true">
          {number}
        </span>
        <div>
          <h3 id={id}>{title}</h3>
          <p className="stage-what">{what}</p>
        </div>
        <span className="stage-state">
          {progress === 'done' && <Icon name="check" size={16} />}
          {progress === 'failed' && <Icon name="warning" size={16} />}
          {words.state[progress]}
        </span>
      </header>
      <p className="stage-headline">{headline}</p>
      {children}
    </li>
  )
}

const MOST_ROWS = 60

export function Signaling({ seen, words }: { seen: Watch; words: StagesWords }): ReactNode {
  const text = words.signaling
  const entries = seen.signals.slice(-MOST_ROWS).reverse()
  const why: Readonly<Record<string, string>> = text.why
  return (
    <Card
      number={1}
      title={text.title}
      what={text.what}
      progress={seen.counts.received > 0 ? 'done' : 'waiting'}
      headline={text.count(seen.counts.sent, seen.counts.received)}
      words={words}
    >
      <Table label={text.table} heads={[text.columns.time, text.columns.way, text.columns.message, text.columns.size]} numeric={[0, 3]}>
        {entries.map((entry) => {
          const signal = signalOf(entry.data, entry.sent)
          return (
            <tr key={`${entry.at_ms}-${entry.sent}-${entry.bytes}`}>
              <td className="number">{(entry.at_ms / 1_000).toFixed(2)} s</td>
              <td>
                <span className="way-mark" data-sent={entry.sent}>
                  {entry.sent ? `↑ ${text.sent}` : `↓ ${text.received}`}
                </span>
              </td>
              <td className="wide">
                {signal.preview ? (
                  <details>
                    <summary>{signal.name}</summary>
                    {why[signal.name] && <p>{why[signal.name]}</p>}
                    <pre tabIndex={0}>{signal.preview}</pre>
                  </details>
                ) : (
                  signal.name
                )}
              </td>
              <td className="number">{grouped(entry.bytes)}</td>
            </tr>
          )
        })}
      </Table>
    </Card>
  )
}

export function Connecting({ probed, words }: { probed: Probed; words: StagesWords }): ReactNode {
  const text = words.connecting
  const { report, ice, watched } = probed
  const selected = report.pairs.find((pair) => pair.selected)
  const took = watched.reached.get('ice-connected') ?? watched.reached.get('ice-completed')
  const progress: Progress = ice === 'connected' || ice === 'completed' ? 'done' : ice === 'failed' ? 'failed' : 'working'
  const way = selected?.local && selected.remote ? text.over(where(selected.local, text), where(selected.remote, text)) : '…'
  const roles: Readonly<Record<string, string>> = text.roles
  return (
    <Card
      number={2}
      title={text.title}
      what={text.what}
      progress={progress}
      headline={took === undefined ? way : `${way}, ${words.after(String(Math.round(took - watched.made_ms)))}`}
      words={words}
    >
      {report.role && (
        <p className="stage-fact">
          <b>{text.role}</b> {roles[report.role] ?? report.role}
        </p>
      )}
      <Table
        label={text.pairs}
        heads={[text.columns.own, text.columns.theirs, text.columns.protocol, text.columns.state, text.columns.checks, text.columns.roundTrip]}
        numeric={[5]}
      >
        {report.pairs.slice(0, MOST_ROWS).map((pair) => (
          <tr key={pair.id} data-selected={pair.selected}>
            <td>{pair.local ? where(pair.local, text) : '–'}</td>
            <td>{pair.remote ? where(pair.remote, text) : '–'}</td>
            <td>{pair.local?.protocol ?? ''}</td>
            <td>{pair.selected ? text.chosen : pair.state}</td>
            <td>{text.checks(pair.checksSent, pair.checksAnswered)}</td>
            <td className="number">{pair.roundTrip_ms === null ? '–' : `${amount(pair.roundTrip_ms)} ms`}</td>
          </tr>
        ))}
      </Table>
      <div className="stage-columns">
        <Candidates label={text.locals} candidates={report.locals} words={words} />
        <Candidates label={text.remotes} candidates={report.remotes} words={words} />
      </div>
    </Card>
  )
}

function where(candidate: Candidate, text: StagesWords['connecting']): string {
  return hidden(candidate.address) ? `${text.hidden}:${candidate.port}` : place(candidate.address, candidate.port)
}

function Candidates({ label, candidates, words }: { label: string; candidates: readonly Candidate[]; words: StagesWords }): ReactNode {
  const text = words.connecting
  const kinds: Readonly<Record<string, string>> = text.kinds
  return (
    <section>
      <h4>{label}</h4>
      <ul className="candidates">
        {candidates.slice(0, MOST_ROWS).map((one) => (
          <li key={one.id}>
            <code>{where(one, text)}</code> <small>{one.protocol}</small>
            <br />
            <small>{kinds[one.kind] ?? one.kind}</small>
          </li>
        ))}
      </ul>
    </section>
  )
}

export function Securing({ probed, words }: { probed: Probed; words: StagesWords }): ReactNode {
  const text = words.securing
  const { report, state, watched } = probed
  const facts = report.securing
  const took = watched.reached.get('connected')
  const progress: Progress = state === 'connected' || facts?.state === 'connected' ? 'done' : state === 'failed' ? 'failed' : 'working'
  const roles: Readonly<Record<string, string>> = text.roles
  const rows: readonly (readonly [string, string, boolean])[] = [
    [text.version, facts?.dtls ?? '', false],
    [text.dtlsCipher, facts?.dtlsCipher ?? '', false],
    [text.srtpCipher, facts?.srtpCipher ?? '', false],
    [text.role, facts ? (roles[facts.role] ?? facts.role) : '', false],
    [text.own, facts?.ownFingerprint ?? '', true],
    [text.theirs, facts?.theirFingerprint ?? '', true],
  ]
  const headline = [facts?.dtls, facts?.srtpCipher].filter(Boolean).join(', ') || '…'
  return (
    <Card
      number={3}
      title={text.title}
      what={text.what}
      progress={progress}
      headline={took === undefined ? headline : `${headline}, ${words.after(String(Math.round(took - watched.made_ms)))}`}
      words={words}
    >
      <dl className="stage-facts">
        {rows.map(([name, value, code]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value ? code ? <code>{value}</code> : value : <span className="soft">{text.unknown}</span>}</dd>
          </div>
        ))}
      </dl>
    </Card>
  )
}

export function Communicating({ probed, words }: { probed: Probed; words: StagesWords }): ReactNode {
  const text = words.communicating
  const { report } = probed
  const flowing = report.flows.some((flow) => flow.packets > 0) || report.channels.some((one) => one.sent + one.received > 0)
  const { columns } = text
  return (
    <Card
      number={4}
      title={text.title}
      what={text.what}
      progress={flowing ? 'done' : 'waiting'}
      headline={text.total(bytes(report.sentBytes), bytes(report.receivedBytes))}
      words={words}
    >
      <Table
        label={text.flows}
        heads={[columns.stream, columns.codec, columns.packets, columns.rate, columns.lost, columns.jitter, columns.asked, columns.keyFrames, columns.picture]}
        numeric={[2, 3, 4, 5, 6, 7]}
      >
        {report.flows.map((flow) => (
          <tr key={flow.id} data-flow={`${flow.kind}-${flow.sent ? 'out' : 'in'}`} data-packets={flow.packets}>
            <td>
              {nameOf(flow, text)} {flow.layer && <small>{flow.layer}</small>}
            </td>
            <td>{flow.codec || '–'}</td>
            <td className="number">{grouped(flow.packets)}</td>
            <td className="number">{flow.kbps === null ? '–' : amount(flow.kbps)}</td>
            <td className="number">{grouped(flow.lost)}</td>
            <td className="number">{flow.jitter_ms === null ? '–' : `${amount(flow.jitter_ms)} ms`}</td>
            <td className="number">{grouped(flow.asked)}</td>
            <td className="number">{grouped(flow.keyFramesAsked)}</td>
            <td>{flow.picture || '–'}</td>
          </tr>
        ))}
      </Table>
      {report.channels.length > 0 && (
        <Table
          label={text.channels}
          heads={[text.channelColumns.label, text.channelColumns.state, text.channelColumns.sent, text.channelColumns.received]}
          numeric={[2, 3]}
        >
          {report.channels.map((one) => (
            <tr key={one.id}>
              <td>{one.label}</td>
              <td>{one.state}</td>
              <td className="number">{grouped(one.sent)}</td>
              <td className="number">{grouped(one.received)}</td>
            </tr>
          ))}
        </Table>
      )}
    </Card>
  )
}

function nameOf(flow: Flow, text: StagesWords['communicating']): string {
  const names: Readonly<Record<string, string>> = flow.sent ? text.sends : text.receives
  return names[flow.kind] ?? flow.kind
}

function bytes(count: number): string {
  if (count < 1_000) return `${count} B`
  return count < 1_000_000 ? `${amount(count / 1_000)} kB` : `${amount(count / 1_000_000)} MB`
}
