/** How loud a microphone is, 0 to 1, several times a second. Called by the level meter; the stream stays its owner's. */

/** Root mean square of samples in -1…1, on a scale of decibels from -60 (0) to -12 (1), as speech lies between. */
export function loudness(samples: Float32Array): number {
  let sum = 0
  for (const sample of samples) sum += sample * sample
  const rms = Math.sqrt(sum / Math.max(1, samples.length))
  const decibels = 20 * Math.log10(Math.max(rms, 1e-6))
  return Math.min(1, Math.max(0, (decibels + 60) / 48))
}

export function watchLevel(stream: MediaStream, tell: (level: number) => void): () => void {
  const context = new AudioContext()
  const analyser = context.createAnalyser()
  analyser.fftSize = 1024
  context.createMediaStreamSource(stream).connect(analyser)
  const samples = new Float32Array(analyser.fftSize)
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples)
    tell(loudness(samples))
  }, 80)
  return () => {
    clearInterval(timer)
    void context.close()
  }
}
