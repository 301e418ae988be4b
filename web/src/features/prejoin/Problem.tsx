/** Why a device did not start, in words, and a way to try again. */

import type { ReactNode } from 'react'
import { useT } from '../../i18n'
import type { DeviceProblem } from '../../room/snapshot'
import { Button } from '../../ui/Button'
import { Icon } from '../../ui/Icon'

export interface ProblemProps {
  device: 'camera' | 'mic'
  problem: DeviceProblem
  onAgain: () => void
}

export function Problem({ device, problem, onAgain }: ProblemProps): ReactNode {
  const t = useT()
  return (
    <div className="alert" role="status">
      <Icon name={device === 'camera' ? 'cameraOff' : 'micOff'} />
      <div>
        <p>{t.devices[problem][device]}</p>
        <Button look="quiet" onPress={onAgain}>
          {t.devices.again}
        </Button>
      </div>
    </div>
  )
}
