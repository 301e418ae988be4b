"""LiveKit's protocol: signaling at `/rtc` and `/rtc/v1`, Twirp at `/twirp/`, agent workers at `/agent`."""
