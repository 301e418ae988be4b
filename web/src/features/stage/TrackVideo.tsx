/** A track in a video element. The track attaches itself, so that adaptive streaming sees the element's size. */

import { useEffect, useRef, type ReactNode } from 'react'
import type { PlayableTrack } from '../../room/snapshot'

export interface TrackVideoProps {
  track: PlayableTrack
  label: string
  mirrored?: boolean
}

export function TrackVideo({ track, label, mirrored = false }: TrackVideoProps): ReactNode {
  const element = useRef<HTMLVideoElement>(null)
  useEffect(() => {
    const video = element.current
    if (!video) return
    track.attach(video)
    return () => {
      track.detach(video)
    }
  }, [track])
  return (
    <video
      ref={element}
      className={mirrored ? 'mirrored' : ''}
      autoPlay
      playsInline
      muted
      aria-label={label}
      onResize={({ currentTarget }) => {
        currentTarget.dataset['upright'] = String(currentTarget.videoHeight > currentTarget.videoWidth)
      }}
    />
  )
}
