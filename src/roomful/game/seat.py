"""A player's place in a match, as a program's `Game` sees it. Filled by `game.match`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from roomful.game.wire import SeatInfo, Value


@dataclass(slots=True, eq=False)
class Seat:
    """Kept while its player is away for a moment (`GameRules.grace_s`)."""

    number: int
    identity: str
    """Empty for a bot."""
    name: str
    connected: bool = True
    input: Value = None
    """The newest input that was used; it stays while nothing newer comes."""
    inputs: tuple[Value, ...] = ()
    """What came in for this tick, oldest first: none, one or two."""
    data: dict[str, Any] = field(default_factory=dict[str, Any])
    """For whatever the program keeps of this player."""

    @property
    def bot(self) -> bool:
        return not self.identity

    @property
    def info(self) -> SeatInfo:
        return SeatInfo(self.number, self.identity, self.name, self.connected)
