/** Text field and select, each with its label, hint and error tied together by React Aria. */

import type { ReactNode } from 'react'
import {
  Button as AriaButton,
  FieldError,
  Input,
  Label,
  ListBox,
  ListBoxItem,
  Popover,
  Select,
  SelectValue,
  Text,
  TextField as AriaTextField,
} from 'react-aria-components'
import { Icon, type IconName } from './Icon'

export interface TextFieldProps {
  label: string
  value: string
  onChange: (value: string) => void
  hint?: string | undefined
  error?: string | null | undefined
  placeholder?: string | undefined
  autoComplete?: string | undefined
  maxLength?: number | undefined
  children?: ReactNode
}

export function TextField({ label, hint, error, placeholder, autoComplete, maxLength, children, ...rest }: TextFieldProps): ReactNode {
  return (
    <AriaTextField {...rest} className="field" isInvalid={Boolean(error)} validationBehavior="aria">
      <Label>{label}</Label>
      <span className="field-row">
        <Input
          className="input"
          placeholder={placeholder ?? ''}
          autoComplete={autoComplete ?? 'off'}
          spellCheck="false"
          {...(maxLength === undefined ? {} : { maxLength })}
        />
        {children}
      </span>
      {hint && !error && <Text slot="description">{hint}</Text>}
      <FieldError>{error}</FieldError>
    </AriaTextField>
  )
}

export interface Choice {
  readonly id: string
  readonly label: string
}

export interface SelectFieldProps {
  label: string
  icon: IconName
  choices: readonly Choice[]
  value: string
  onChange: (id: string) => void
  empty: string
}

export function SelectField({ label, icon, choices, value, onChange, empty }: SelectFieldProps): ReactNode {
  const chosen = choices.find((one) => one.id === value) ?? choices[0]
  return (
    <Select
      className="select"
      aria-label={label}
      value={chosen?.id ?? null}
      onChange={(key) => key !== null && onChange(String(key))}
      isDisabled={choices.length === 0}
    >
      <AriaButton className="select-button">
        <Icon name={icon} size={18} />
        <SelectValue className="select-value">{chosen?.label ?? empty}</SelectValue>
        <Icon name="down" size={16} />
      </AriaButton>
      <Popover className="popover">
        <ListBox className="list-box" items={choices}>
          {(one) => (
            <ListBoxItem id={one.id} textValue={one.label} className="list-item">
              <span>{one.label}</span>
              <Icon name="check" size={16} />
            </ListBoxItem>
          )}
        </ListBox>
      </Popover>
    </Select>
  )
}
