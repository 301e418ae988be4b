/** Which room, and as whom: the form of the front page and of the one for direct calls. */

import { useState, type ReactNode } from 'react'
import { go } from '../../app/navigation'
import { cleanRoom, roomTooLong } from '../../app/route'
import { useT } from '../../i18n'
import { savedName, saveName } from '../../room/device'
import { Button, IconButton } from '../../ui/Button'
import { TextField } from '../../ui/Field'
import { randomRoom, secureRandom } from './names'

export interface RoomFormProps {
  label: string
  /** Of the page that leads into a room. */
  pathOf: (room: string) => string
  children?: ReactNode
}

export function RoomForm({ label, pathOf, children }: RoomFormProps): ReactNode {
  const t = useT()
  const [name, setName] = useState(savedName)
  const [room, setRoom] = useState(() => randomRoom(secureRandom))
  const [error, setError] = useState<string | null>(null)

  const submit = (): void => {
    const wanted = cleanRoom(room)
    if (!wanted || roomTooLong(wanted)) {
      setError(wanted ? t.home.roomLong : t.home.roomNeeded)
      return
    }
    if (name.trim()) saveName(name.trim())
    go(pathOf(wanted))
  }

  return (
    <form
      className="card"
      noValidate
      onSubmit={(event) => {
        event.preventDefault()
        submit()
      }}
    >
      <TextField
        label={t.home.roomName}
        value={room}
        onChange={(value) => {
          setRoom(value)
          setError(null)
        }}
        hint={t.home.roomHint}
        error={error}
      >
        <IconButton label={t.home.another} icon="dice" onPress={() => setRoom(randomRoom(secureRandom))} />
      </TextField>
      <TextField
        label={t.home.yourName}
        value={name}
        onChange={setName}
        placeholder={t.prejoin.namePlaceholder}
        autoComplete="name"
        maxLength={60}
      />
      <Button type="submit" look="primary" size="large" icon="arrow">
        {label}
      </Button>
      {children}
    </form>
  )
}
