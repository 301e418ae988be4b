/** Address and key for OBS and other programs: asked for only when somebody wants them. */

import { useState, type ReactNode } from 'react'
import { ApiError } from '../../room/api'
import { requestKey } from '../../whip/token'
import { Button } from '../../ui/Button'
import { Icon } from '../../ui/Icon'
import { CopyBox } from './CopyBox'
import { useProblem, useWords } from './words'

export function Program({ room, name }: { room: string; name: string }): ReactNode {
  const words = useWords().studio
  const [key, setKey] = useState('')
  const [problem, setProblem] = useState('')
  const told = useProblem(problem)
  const ask = (): void => {
    setProblem('')
    requestKey('broadcaster', room, name).then(setKey, (error: unknown) => setProblem(error instanceof ApiError ? error.code : 'unexpected'))
  }
  return (
    <details className="program">
      <summary>
        <Icon name="live" size={18} /> {words.program}
      </summary>
      <p>{words.programLead}</p>
      {key ? (
        <>
          <CopyBox label={words.address} text={`${location.origin}/whip/${encodeURIComponent(room)}`} />
          <CopyBox label={words.key} text={key} secret />
        </>
      ) : (
        <Button onPress={ask}>{words.show}</Button>
      )}
      <div role="alert">{told && <p className="program-problem">{told}</p>}</div>
    </details>
  )
}
