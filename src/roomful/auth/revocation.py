"""Tokens that stopped working for a room, because their bearer was removed. Kept by the edge that takes tokens.

LiveKit lets a removed participant walk back in with the token it has; here `revoke_token_ts` is honoured. Pure and
bounded: only who administers a room adds to it, and the oldest entries go first.
"""

from __future__ import annotations

from collections import OrderedDict

from roomful.auth.grant import Grant

LIMIT = 100_000
"""Entries of each kind."""


class Revocations:
    """By room and identity up to a time, and by fingerprint where a token does not say when it was made."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._before: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._digests: OrderedDict[tuple[str, str], None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._before) + len(self._digests)

    def revoke(self, room: str, identity: str, before_s: int, *, fingerprint: str = "") -> None:
        """All of an identity's tokens for a room that were made before `before_s`, and that one token of `fingerprint`.

        A later call never shortens an earlier one. Tokens made in the very second `before_s` stay good, so pass
        `now + 1` for "all that exist"; LiveKit's protocol asks for now and a minute where nothing is said.
        """
        key = (room, identity)
        self._before[key] = max(before_s, self._before.pop(key, before_s))
        if fingerprint:
            self._digests[(room, fingerprint)] = None
            self._digests.move_to_end((room, fingerprint))
        for kept in (self._before, self._digests):
            while len(kept) > self._limit:
                kept.popitem(last=False)

    def refuses(self, room: str, grant: Grant) -> bool:
        """Whether this token no longer opens this room."""
        if grant.fingerprint and (room, grant.fingerprint) in self._digests:
            return True
        before = self._before.get((room, grant.identity))
        return before is not None and grant.not_before_s is not None and grant.not_before_s < before
