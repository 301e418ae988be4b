/** Plays a short tune through the chosen speaker. */

import { useState, type ReactNode } from 'react'
import { useT } from '../../i18n'
import { Button } from '../../ui/Button'

/** Hz */
const TUNE = [523, 659, 784, 1047]
const NOTE_S = 0.22

export function SpeakerTest({ speaker }: { speaker: string }): ReactNode {
  const t = useT()
  const [playing, setPlaying] = useState(false)
  const play = async (): Promise<void> => {
    setPlaying(true)
    try {
      await tune(speaker)
    } catch {
      // No way to play: silence tells as much.
    }
    setPlaying(false)
  }
  return (
    <Button look="quiet" icon="speaker" busy={playing} onPress={() => !playing && void play()}>
      {playing ? t.meet.speakerPlaying : t.meet.speakerTest}
    </Button>
  )
}

async function tune(speaker: string): Promise<void> {
  const context = new AudioContext()
  const out = context.createMediaStreamDestination()
  const element = new Audio()
  element.srcObject = out.stream
  if (speaker && 'setSinkId' in element) await element.setSinkId(speaker)
  await element.play()
  TUNE.forEach((frequency, at) => {
    const start = context.currentTime + 0.05 + at * NOTE_S
    const loud = context.createGain()
    loud.gain.setValueAtTime(0, start)
    loud.gain.linearRampToValueAtTime(0.25, start + 0.02)
    loud.gain.exponentialRampToValueAtTime(0.001, start + NOTE_S)
    const tone = new OscillatorNode(context, { frequency })
    tone.connect(loud).connect(out)
    tone.start(start)
    tone.stop(start + NOTE_S)
  })
  await new Promise((resolve) => setTimeout(resolve, TUNE.length * NOTE_S * 1_000 + 250))
  element.srcObject = null
  await context.close()
}
