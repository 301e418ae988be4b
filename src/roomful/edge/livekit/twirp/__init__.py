"""LiveKit's server API: Twirp over HTTP, in JSON or protobuf."""
