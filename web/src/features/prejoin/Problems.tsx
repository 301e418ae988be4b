/** Why devices did not start, in words, and a way to try again. One refusal of both is told once. */

import type { ReactNode } from 'react'
import { useT } from '../../i18n'
import type { Preview, PreviewSnapshot } from '../../room/preview'
import { browserOf } from '../../room/browser'
import { Button } from '../../ui/Button'
import { Icon, type IconName } from '../../ui/Icon'

export function Problems({ preview, state }: { preview: Preview; state: PreviewSnapshot }): ReactNode {
  const t = useT()
  const { cameraProblem: camera, microphoneProblem: mic } = state
  const video = (): void => void preview.toggle('video', true)
  const audio = (): void => void preview.toggle('audio', true)
  if (camera === 'denied' && mic === 'denied') {
    const both = (): void => {
      audio()
      video()
    }
    return <Problem icon="cameraOff" text={t.devices.deniedBoth} repair onAgain={both} />
  }
  return (
    <>
      {camera && <Problem icon="cameraOff" text={t.devices[camera].camera} repair={camera === 'denied'} onAgain={video} />}
      {mic && <Problem icon="micOff" text={t.devices[mic].mic} repair={mic === 'denied'} onAgain={audio} />}
    </>
  )
}

function Problem({ icon, text, repair = false, onAgain }: { icon: IconName; text: string; repair?: boolean; onAgain: () => void }): ReactNode {
  const t = useT()
  return (
    <div className="alert" role="status">
      <Icon name={icon} />
      <div>
        <p>{text}</p>
        {repair && <p>{t.meet.repair[browserOf(navigator.userAgent)]}</p>}
        <Button look="quiet" onPress={onAgain}>
          {t.devices.again}
        </Button>
      </div>
    </div>
  )
}
