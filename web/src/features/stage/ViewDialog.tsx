/** How one wants to see the room: the layout as small drawings, and switches about one's own picture. */

import type { ReactNode } from 'react'
import { Label, RadioButton, RadioField, RadioGroup } from 'react-aria-components'
import { useT } from '../../i18n'
import { LAYOUTS, type Layout } from '../../room/layout'
import { CAPTION_SIZES, look, useLook } from '../../room/look'
import { Dialog } from '../../ui/Dialog'
import { Toggle } from '../../ui/Toggle'

/** Rectangles in a field of 60 by 38: x, y, width, height. */
const DRAWN: Readonly<Record<Layout, readonly (readonly [number, number, number, number])[]>> = {
  auto: [[4, 4, 35, 30], [42, 4, 14, 8.5], [42, 14.7, 14, 8.5], [42, 25.5, 14, 8.5]],
  grid: [[4, 4, 25, 14], [31, 4, 25, 14], [4, 20, 25, 14], [31, 20, 25, 14]],
  speaker: [[4, 4, 38, 30], [45, 4, 11, 9], [45, 14.5, 11, 9], [45, 25, 11, 9]],
  screen: [[4, 4, 52, 22], [4, 28, 11, 7], [17, 28, 11, 7], [30, 28, 11, 7]],
  floating: [[4, 4, 52, 30], [40, 23, 13, 9]],
}

export function ViewDialog({ open, onClose }: { open: boolean; onClose: () => void }): ReactNode {
  const t = useT()
  const { layout, mirror, hideSelf, captions, captionSize } = useLook()
  return (
    <Dialog title={t.view.title} open={open} onClose={onClose}>
      <RadioGroup
        className="layouts"
        aria-label={t.view.layout}
        value={layout}
        onChange={(value) => {
          const chosen = LAYOUTS.find((one) => one === value)
          if (chosen) look.set({ layout: chosen, pinned: null })
        }}
      >
        {LAYOUTS.map((one) => (
          <RadioField key={one} value={one}>
            <RadioButton className="layout">
              <svg viewBox="0 0 60 38" aria-hidden="true" focusable="false">
                {DRAWN[one].map(([x, y, width, height]) => (
                  <rect key={`${x} ${y}`} x={x} y={y} width={width} height={height} rx="2.500" />
                ))}
              </svg>
              <Label className="layout-name">{t.view[one].name}</Label>
              <small>{t.view[one].text}</small>
            </RadioButton>
          </RadioField>
        ))}
      </RadioGroup>
      <div className="toggles">
        <Toggle on={mirror} onChange={(on) => look.set({ mirror: on })}>
          {t.view.mirror}
        </Toggle>
        <Toggle on={hideSelf} onChange={(on) => look.set({ hideSelf: on })}>
          {t.view.hide}
        </Toggle>
        <Toggle on={captions} onChange={(on) => look.set({ captions: on })}>
          {t.meet.captionsOn}
        </Toggle>
        {captions && (
          <RadioGroup
            className="caption-sizes"
            aria-label={t.meet.captionSize}
            value={String(captionSize)}
            onChange={(value) => look.set({ captionSize: Number(value) })}
          >
            {CAPTION_SIZES.map((one) => (
              <RadioField key={one} value={String(one)}>
                <RadioButton>{one}%</RadioButton>
              </RadioField>
            ))}
          </RadioGroup>
        )}
      </div>
    </Dialog>
  )
}
