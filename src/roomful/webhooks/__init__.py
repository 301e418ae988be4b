"""News of rooms posted to other servers. What a message says and how it is signed is the protocol's, see `edge.livekit.webhooks`."""
