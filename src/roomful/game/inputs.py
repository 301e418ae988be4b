"""One player's inputs between the network and the tick: each once, in order, no faster than the world goes. Pure; used by `game.match`."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from roomful.game.wire import Value, unpack

QUEUE = 32
"""Inputs that wait; the oldest go first."""
AHEAD = 3
"""So many may wait before two are used in one tick: a client whose clock is fast, or a burst after a gap."""


class InputLine:
    """Who sends more inputs than there are ticks gains nothing: one is used a tick, two while many wait."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[int, Value]] = deque()
        self._newest = 0
        self.used = 0
        """The number of the last one that was used."""
        self.skipped = 0
        """Inputs that were lost, or too many."""

    def hear(self, first: int, packed: Sequence[bytes]) -> None:
        """Of a packet, whatever is new in it. Raises Malformed, and keeps what came before the fault."""
        for number, one in enumerate(packed, first):
            if number <= self._newest:
                continue
            value = unpack(one)
            if self._newest:
                self.skipped += min(number - self._newest - 1, QUEUE)
            self._newest = number
            if len(self._waiting) >= QUEUE:
                self._waiting.popleft()
                self.skipped += 1
            self._waiting.append((number, value))

    def take(self) -> list[Value]:
        """What this tick uses, oldest first."""
        taken = list[Value]()
        for _ in range(2 if len(self._waiting) > AHEAD else 1):
            if not self._waiting:
                break
            self.used, value = self._waiting.popleft()
            taken.append(value)
        return taken

    def restart(self) -> None:
        """The player came anew and counts from 1."""
        self._waiting.clear()
        self._newest = self.used = 0
