/** A captured stream in a mirrored, silent video element. */

import { useEffect, useRef, type ReactNode } from 'react'

export function StreamVideo({ stream, label }: { stream: MediaStream; label: string }): ReactNode {
  const element = useRef<HTMLVideoElement>(null)
  useEffect(() => {
    const video = element.current
    if (!video) return
    video.srcObject = stream
    return () => {
      video.srcObject = null
    }
  }, [stream])
  return <video ref={element} className="mirrored" autoPlay playsInline muted aria-label={label} />
}
