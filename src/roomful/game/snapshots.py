"""States of the world and what changed between two of them. Pure; used by `game.match` (to tell) and `game.player` (to learn)."""

from __future__ import annotations

from collections import OrderedDict
from typing import cast

from roomful.game.wire import MAX_PARTS, PART, Key, Malformed, State, Value, pack, unpack

KEPT = 64
"""Snapshots that a player may still refer to: three seconds at 20 a second."""
MAX_DELTAS = 16
"""Bases that one snapshot is told against; whoever is on an older one gets it whole."""

World = dict[Key, dict[str, Value]]


class History:
    """The last snapshots of a match."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, World] = OrderedDict()
        self._told: dict[int, tuple[bytes, ...]] = {}
        self._newest = 0

    def keep(self, tick: int, state: State) -> None:
        """What the program's state is now; it is copied. Raises TypeError for a key that cannot be told."""
        for key in state:
            if not isinstance(key, int | str):
                raise TypeError(f"a thing's key is a number or a text, not {key!r}")
        self._kept[tick] = {key: dict(fields) for key, fields in state.items()}
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        self._newest = tick
        self._told = {}

    def parts(self, base: int) -> tuple[int, tuple[bytes, ...]]:
        """(base used, bodies) of the newest snapshot for somebody who has `base`; unknown ones get it whole (0).

        Raises ValueError when the world is too big to tell, and TypeError for what cannot be packed.
        """
        old = self._kept.get(base)
        if old is None or (base not in self._told and len(self._told) >= MAX_DELTAS):
            base, old = 0, {}
        if base not in self._told:
            self._told[base] = bodies(*delta(self._kept[self._newest], old))
        return base, self._told[base]


def delta(new: World, old: World) -> tuple[World, list[Key]]:
    """(changed, removed). A thing that lost a field is removed and told anew."""
    removed = [key for key in old if key not in new]
    changed: World = {}
    for key, fields in new.items():
        before = old.get(key)
        if before is None:
            changed[key] = fields
        elif before.keys() - fields.keys():
            removed.append(key)
            changed[key] = fields
        elif before != fields:
            changed[key] = {
                name: value for name, value in fields.items() if name not in before or before[name] != value
            }
    return changed, removed


def bodies(changed: World, removed: list[Key]) -> tuple[bytes, ...]:
    """Packed so that each fits a packet; raises ValueError for a thing that fits none, or for too many of them."""
    whole = _packed(removed, changed)
    if len(whole) <= PART:
        return (whole,)
    # MessagePack's heads of the three lists take seven bytes at most.
    room = PART - 7
    parts, keys, things, size = list[bytes](), list[Key](), dict[Key, dict[str, Value]](), 0

    def close() -> None:
        nonlocal keys, things, size
        if keys or things:
            parts.append(_packed(keys, things))
        keys, things, size = [], {}, 0

    for key in removed:
        length = len(pack(key))
        if size + length > room:
            close()
        keys.append(key)
        size += length
    # Removals come in earlier parts or in the same one; players apply all parts' removals first all the same.
    for key, fields in changed.items():
        length = len(pack(key)) + len(pack(fields))
        if length > room:
            raise ValueError(f"the thing {key!r} has {length} bytes; at most {room} can be told")
        if size + length > room:
            close()
        things[key] = fields
        size += length
    close()
    if len(parts) > MAX_PARTS:
        raise ValueError(f"the world takes {len(parts)} packets; at most {MAX_PARTS} can be told")
    return tuple(parts)


def applied(base: World, parts: list[bytes]) -> World:
    """The world that a whole snapshot tells. Raises Malformed."""
    world = dict(base)
    read = [_body(part) for part in parts]
    for removed, _ in read:
        for key in removed:
            world.pop(key, None)
    for _, changed in read:
        for key, fields in changed.items():
            world[key] = {**world.get(key, {}), **fields}
    return world


def _packed(removed: list[Key], changed: World) -> bytes:
    """Keys and fields in turn rather than a map, since a browser's objects know no numbers as keys."""
    return pack([removed, [one for key, fields in changed.items() for one in (key, fields)]])


def _body(part: bytes) -> tuple[list[Key], World]:
    body: Value = unpack(part)
    if not isinstance(body, list) or len(body) != 2:  # pyright: ignore[reportUnknownArgumentType]
        raise Malformed("a snapshot's body is [removed, changed]")
    removed, flat = cast("list[Value]", body)
    if not isinstance(removed, list) or not isinstance(flat, list):
        raise Malformed("a snapshot's body is [removed, changed]")
    gone, turns = cast("list[Value]", removed), cast("list[Value]", flat)
    changed = dict[Key, dict[str, Value]]()
    for key, fields in zip(turns[::2], turns[1::2], strict=False):
        if not isinstance(fields, dict):
            raise Malformed("a thing is a map of fields")
        changed[_key(key)] = cast("dict[str, Value]", fields)
    return [_key(one) for one in gone], changed


def _key(key: Value) -> Key:
    if not isinstance(key, int | str):
        raise Malformed("a thing's key is a number or a text")
    return key
