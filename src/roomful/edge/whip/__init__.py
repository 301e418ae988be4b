"""WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep): media into a room and out of it by plain HTTP."""
