"""Data blobs: small things participants leave for others to fetch by key (data track schemas, for one). Pure, bounded.

One for a server, kept by the edge; a participant's blobs go with it.
"""

from __future__ import annotations

from livekit.protocol.models import DataBlob, DataBlobKey

from roomful.core.errors import Invalid, LimitExceeded, NotFound

MAX_CONTENTS = 50 * 1024
"""Bytes of one blob, as the protocol says."""
MAX_KEY = 512
MAX_BLOBS = 128
"""Of one participant."""
MAX_TOTAL = 1 << 20
"""Bytes of one participant."""
MAX_ROOM = 16 << 20
"""Bytes of one room."""


class Blobs:
    """Room sid → identity → key → blob."""

    def __init__(self) -> None:
        self._rooms: dict[str, dict[str, dict[bytes, DataBlob]]] = {}

    def store(self, room: str, identity: str, blob: DataBlob) -> None:
        """Replaces what the key held. Raises Invalid, LimitExceeded."""
        key = _key(blob.key)
        if not blob.contents:
            raise Invalid("a data blob has contents")
        if len(blob.contents) > MAX_CONTENTS:
            raise LimitExceeded(f"a data blob has at most {MAX_CONTENTS} bytes")
        people = self._rooms.get(room, {})
        mine = people.get(identity, {})
        old = len(mine[key].contents) if key in mine else 0
        if key not in mine and len(mine) >= MAX_BLOBS:
            raise LimitExceeded(f"at most {MAX_BLOBS} data blobs")
        if _size(mine) - old + len(blob.contents) > MAX_TOTAL:
            raise LimitExceeded(f"a participant's data blobs have at most {MAX_TOTAL} bytes")
        if sum(_size(one) for one in people.values()) - old + len(blob.contents) > MAX_ROOM:
            raise LimitExceeded(f"a room's data blobs have at most {MAX_ROOM} bytes")
        self._rooms.setdefault(room, {}).setdefault(identity, {})[key] = blob

    def get(self, room: str, identity: str, key: DataBlobKey) -> DataBlob:
        """Raises Invalid, NotFound."""
        held = self._rooms.get(room, {}).get(identity, {}).get(_key(key))
        if held is None:
            raise NotFound("no such data blob")
        return held

    def forget(self, room: str, identity: str = "") -> None:
        """Somebody left, or the room ended."""
        if not identity:
            self._rooms.pop(room, None)
        elif people := self._rooms.get(room):
            people.pop(identity, None)
            if not people:
                del self._rooms[room]

    def __len__(self) -> int:
        return sum(len(mine) for people in self._rooms.values() for mine in people.values())


def _key(key: DataBlobKey) -> bytes:
    which = key.WhichOneof("key")
    if which is None or (which == "generic" and not key.generic) or (which == "schema_id" and not key.schema_id.name):
        raise Invalid("a data blob has a key")
    text = key.SerializeToString(deterministic=True)
    if len(text) > MAX_KEY:
        raise LimitExceeded(f"a data blob's key has at most {MAX_KEY} bytes")
    return text


def _size(blobs: dict[bytes, DataBlob]) -> int:
    return sum(len(one.contents) for one in blobs.values())
