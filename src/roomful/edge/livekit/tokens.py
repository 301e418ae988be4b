"""The tokens of one server: read, refused, made anew. Used by every door of this package; knows the clock and the keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from roomful.auth.grant import Grant
from roomful.auth.revocation import Revocations
from roomful.auth.token import LEEWAY_S, sign, verify
from roomful.core.errors import Unauthenticated
from roomful.core.participant import Participant
from roomful.ports import Clock

REFRESHED_TTL_S = 600
"""Of a refreshed token, unless the first one lasts longer (LiveKit's rule)."""
_BEARER = "Bearer "


class Tokens:
    """`keys` is API key → secret; the first one signs."""

    def __init__(self, keys: Mapping[str, str], clock: Clock) -> None:
        self._keys = keys
        self._clock = clock
        self._revocations = Revocations()
        self._held: dict[str, str] = {}

    def grant(self, headers: Mapping[str, str], query: Mapping[str, str]) -> Grant:
        """By header, or else by query. Raises Unauthenticated."""
        header = headers.get("authorization")
        if header is not None:
            if not header.startswith(_BEARER):
                raise Unauthenticated("invalid authorization header. Must start with Bearer")
            return self.verify(header[len(_BEARER) :])
        if not (token := query.get("access_token", "")):
            raise Unauthenticated("permissions denied: no token was sent")
        return self.verify(token)

    def verify(self, token: str) -> Grant:
        try:
            return verify(token, keys=self._keys, now_s=self._clock.now_ms() / 1000)
        except Unauthenticated as error:
            # LiveKit's words come first, since some SDKs look for them.
            raise Unauthenticated(f"invalid authorization token: {error.message}", code=error.code) from None

    def refuses(self, room: str, grant: Grant) -> bool:
        """Its bearer was removed from this room."""
        return self._revocations.refuses(room, grant)

    def revoke(self, room: str, identity: str, before_s: int = 0, *, fingerprint: str = "") -> None:
        """All of an identity's tokens for a room made before a time, the server's refreshed ones too; 0 is now and a minute."""
        before = before_s or self._clock.now_ms() // 1000 + LEEWAY_S
        self._revocations.revoke(room, identity, before, fingerprint=fingerprint)

    def hold(self, participant: str, grant: Grant) -> None:
        """With this token somebody entered; until `let_go`."""
        self._held[participant] = grant.fingerprint

    def let_go(self, participant: str) -> None:
        self._held.pop(participant, None)

    def removed(self, room: str, participant: Participant) -> None:
        """Somebody was thrown out, by whatever way: the tokens that exist stop working, unless `let_go` came before."""
        if participant.sid in self._held:
            self.revoke_held(room, participant, self._clock.now_ms() // 1000 + 1)

    def revoke_held(self, room: str, participant: Participant, before_s: int = 0) -> None:
        """Also the very token somebody entered with, which may not say when it was made."""
        self.revoke(room, participant.identity, before_s, fingerprint=self._held.get(participant.sid, ""))

    def sign(self, grant: Grant, ttl_s: int, *, api_key: str = "") -> str:
        """By the key named, or else the first."""
        key = api_key if api_key in self._keys else next(iter(self._keys))
        return sign(grant, key=key, secret=self._keys[key], now_s=self._clock.now_ms() // 1000, ttl_s=ttl_s)

    def refresh(self, grant: Grant, participant: Participant, *, room: str = "") -> str:
        """The same bearer as it is now. For another room than its own (`room`) the token makes nobody an administrator there."""
        left_s = grant.expires_s - self._clock.now_ms() // 1000
        if room and grant.video.room not in ("", room):
            grant = replace(grant, video=replace(grant.video, room=room, room_admin=False, destination_room=""))
        now = replace(
            grant,
            name=participant.name,
            metadata=participant.metadata,
            attributes=participant.attributes,
            # As granted: what the room's rules take away they may give back.
            video=grant.video.with_permission(participant.granted or participant.permission),
        )
        return self.sign(now, max(REFRESHED_TTL_S, left_s))
