"""What holds in a match, whatever is played. Given by the program to `Roomful.game`; checked when it is made."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GameRules:
    """Raises ValueError for what cannot be played."""

    ticks: int = 60
    """Steps of the world a second, 1 to 240."""
    snapshots: int = 20
    """Times a second that the world is told, at most `ticks`."""
    seats: int = 8
    """Players at once, 1 to 256; whoever comes later watches."""
    grace_s: float = 30.0
    """How long the seat of somebody who vanished is kept."""
    max_input: int = 256
    """Bytes of one input or message, packed."""
    seed: int | None = None
    """Of `Game.random`; None takes a new one for each match."""

    def __post_init__(self) -> None:
        if not 1 <= self.ticks <= 240:
            raise ValueError(f"ticks is 1 to 240, not {self.ticks}")
        if not 1 <= self.snapshots <= self.ticks:
            raise ValueError(f"snapshots is 1 to {self.ticks} (ticks), not {self.snapshots}")
        if not 1 <= self.seats <= 256:
            raise ValueError(f"seats is 1 to 256, not {self.seats}")
        if self.grace_s < 0 or not 1 <= self.max_input <= 1_000:
            raise ValueError("grace_s is not negative, and max_input 1 to 1000 bytes")

    @property
    def every(self) -> int:
        """A snapshot is told each so many ticks."""
        return self.ticks // self.snapshots
