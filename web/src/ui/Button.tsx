/**
 * Buttons. `IconButton` shows its name as a tooltip, with the key that does the same. A `busy` one keeps the focus and its
 * press, which the owner ignores; React Aria's own `isPending` reads out an element that may be gone by then.
 */

import type { ReactNode } from 'react'
import { Button as AriaButton, Tooltip, TooltipTrigger, type ButtonProps as AriaButtonProps } from 'react-aria-components'
import { Icon, type IconName } from './Icon'

type Look = 'primary' | 'plain' | 'quiet' | 'danger'

export interface ButtonProps extends Omit<AriaButtonProps, 'className' | 'children' | 'isPending'> {
  busy?: boolean
  look?: Look
  icon?: IconName
  size?: 'large' | 'medium'
  children: ReactNode
}

export function Button({ busy = false, look = 'plain', icon, size = 'medium', children, ...rest }: ButtonProps): ReactNode {
  return (
    <AriaButton {...rest} {...busyMark(busy)} className={`button ${look} ${size}`}>
      {icon && <Icon name={icon} size={20} />}
      <span>{children}</span>
    </AriaButton>
  )
}

const busyMark = (busy: boolean): object => (busy ? { 'data-busy': true } : {})

export interface IconButtonProps extends Omit<AriaButtonProps, 'className' | 'children' | 'aria-label' | 'isPending'> {
  busy?: boolean
  label: string
  icon: IconName
  /** Shown in the tooltip; the page handles it. */
  shortcut?: string
  tone?: 'plain' | 'active' | 'off' | 'danger' | 'quiet'
  badge?: ReactNode
  pressed?: boolean
  children?: ReactNode
}

export function IconButton({
  busy = false,
  label,
  icon,
  shortcut,
  tone = 'plain',
  badge,
  pressed,
  children,
  ...rest
}: IconButtonProps): ReactNode {
  return (
    <TooltipTrigger delay={500} closeDelay={0}>
      <AriaButton
        {...rest}
        {...busyMark(busy)}
        aria-label={label}
        {...(pressed === undefined ? {} : { 'aria-pressed': pressed })}
        className={`icon-button ${tone}`}
      >
        <Icon name={icon} />
        {children}
        {badge !== undefined && <span className="badge">{badge}</span>}
      </AriaButton>
      <Tooltip className="tooltip" offset={8}>
        {label}
        {shortcut && <kbd>{shortcut}</kbd>}
      </Tooltip>
    </TooltipTrigger>
  )
}
