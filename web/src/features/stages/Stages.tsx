/** "How this call works": signaling, connecting, securing, communicating, of the call behind it, with live numbers. */

import { useEffect, useMemo, useState, type ReactNode } from 'react'
import { useLanguage } from '../../i18n'
import { stagesDe } from '../../i18n/stages.de'
import { stagesEn, type StagesWords } from '../../i18n/stages.en'
import { Probe, type Probed } from '../../stages/probe'
import { watch } from '../../stages/watch'
import { Button } from '../../ui/Button'
import { SelectField } from '../../ui/Field'
import { Communicating, Connecting, Securing, Signaling } from './Stage'
import { Path } from './Path'
import './stages.css'

const WORDS: Readonly<Record<string, StagesWords>> = { en: stagesEn, de: stagesDe }

/** `direct`: without a server in the media path. */
export function Stages({ direct, onClose }: { direct: boolean; onClose: () => void }): ReactNode {
  const words = WORDS[useLanguage()] ?? stagesEn
  const seen = useMemo(watch, [])
  const [connections, setConnections] = useState<readonly Probed[]>([])
  const [chosen, setChosen] = useState<number | null>(null)

  useEffect(() => {
    const probe = new Probe(seen, setConnections)
    probe.start()
    return () => probe.stop()
  }, [seen])

  const shown = connections.find(({ watched }) => watched.id === chosen) ?? connections[0]
  return (
    <section className="stages" aria-labelledby="stages-title" data-testid="stages" onKeyDown={(event) => event.key === 'Escape' && onClose()}>
      <div className="stages-inner">
        <header className="stages-head">
          <div>
            <h2 id="stages-title">{words.title}</h2>
            <p className="lead">{direct ? words.lead.direct : words.lead.server}</p>
          </div>
          <Button icon="back" onPress={onClose} autoFocus>
            {words.close}
          </Button>
        </header>
        <Path direct={direct} words={words} connected={shown?.state === 'connected'} />
        {connections.length > 1 && (
          <SelectField
            label={words.whichConnection}
            icon="people"
            choices={connections.map(({ watched }, at) => ({ id: String(watched.id), label: words.connection(at + 1) }))}
            value={String(shown?.watched.id ?? '')}
            onChange={(id) => setChosen(Number(id))}
            empty=""
          />
        )}
        <ol className="stages-list">
          <Signaling seen={seen} words={words} />
          {shown ? (
            <>
              <Connecting probed={shown} words={words} />
              <Securing probed={shown} words={words} />
              <Communicating probed={shown} words={words} />
            </>
          ) : (
            <li className="stage-card empty">
              <p>{words.none}</p>
            </li>
          )}
        </ol>
      </div>
    </section>
  )
}
