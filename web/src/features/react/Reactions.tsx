/** Reactions: the button that sends one, and those that float over the stage, each with its sender's name. */

import type { ReactNode } from 'react'
import { Button as AriaButton, Dialog, DialogTrigger, Popover } from 'react-aria-components'
import { useT } from '../../i18n'
import { useRoom, useSession } from '../../room/hooks'
import { REACTIONS } from '../../room/reactions'
import { Icon } from '../../ui/Icon'
import './react.css'

export function ReactButton(): ReactNode {
  const t = useT()
  return (
    <DialogTrigger>
      <AriaButton className="icon-button plain" aria-label={t.meet.react}>
        <Icon name="smile" />
      </AriaButton>
      <Popover className="popover reaction-popover" placement="top">
        <Dialog aria-label={t.meet.react} className="reaction-row">
          {({ close }) => <ReactionRow onDone={close} />}
        </Dialog>
      </Popover>
    </DialogTrigger>
  )
}

export function ReactionRow({ onDone }: { onDone?: () => void }): ReactNode {
  const t = useT()
  const { meeting } = useSession()
  return REACTIONS.map((one, index) => (
    <AriaButton
      key={one}
      className="reaction"
      aria-label={t.meet.reactions[index] ?? one}
      onPress={() => {
        void meeting?.react(one)
        onDone?.()
      }}
    >
      {one}
    </AriaButton>
  ))
}

export function FloatingReactions(): ReactNode {
  const t = useT()
  const reactions = useRoom((snapshot) => snapshot.meeting?.reactions)
  const last = reactions?.at(-1)
  return (
    <>
      <div className="floating" aria-hidden="true">
        {reactions?.map((one) => (
          <span key={one.id} className="float" style={{ insetInlineStart: `${(one.id * 37) % 78}%` }} data-testid="reaction">
            <span>{one.reaction}</span>
            <bdi>{one.name}</bdi>
          </span>
        ))}
      </div>
      {/* Only the newest: many at once are no reason to read for minutes. */}
      <div role="status" className="visually-hidden">
        {last && t.meet.reacted(last.name, last.reaction)}
      </div>
    </>
  )
}
