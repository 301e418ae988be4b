/** Loads the call library once, when a screen says it will be needed. Called by pre-join early and by `join`. */

let loading: Promise<typeof import('livekit-client')> | null = null

export function loadLibrary(): Promise<typeof import('livekit-client')> {
  loading ??= import('livekit-client').catch((error: unknown) => {
    loading = null // a failed download may be tried again
    throw error
  })
  return loading
}
