"""What a program subclasses: the rules and the world of one match. Called by `game.match`, in the event loop's thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Protocol

from roomful.game.seat import Seat
from roomful.game.wire import State, Value

Think = Callable[[Seat], Value]
"""A bot's head: its input for the next tick."""


class Table(Protocol):
    """What a game asks of its match."""

    @property
    def seats(self) -> Sequence[Seat]: ...

    @property
    def time_ms(self) -> int: ...

    def send(self, data: Value, to: Seat | None) -> None: ...

    def seat_bot(self, name: str, think: Think) -> Seat: ...

    def unseat(self, seat: Seat) -> None: ...

    def end(self) -> None: ...


class Game:
    """One match. Override what you need; nothing here may block: a tick has a sixtieth of a second for all players together."""

    room: str
    """Its name."""
    random: Random
    """Chance that a test can repeat (`GameRules.seed`)."""
    table: Table

    # To be overridden

    def start(self) -> None:
        """The first call."""

    def seated(self, seat: Seat) -> None:
        """Somebody sits down: a new player, or a bot. Not called for who comes back to a kept seat."""

    def left(self, seat: Seat) -> None:
        """A seat is given up."""

    def tick(self, dt_s: float) -> None:
        """One step of the world, always of the same length; inputs are in `self.seats`."""

    def state(self) -> State:
        """The world as everybody may see it: things by key, each a map of fields. Small whole numbers are the cheapest.

        What a player must not know does not belong in it: everybody gets all of it.
        """
        return {}

    def message(self, seat: Seat, data: Value) -> None:
        """A player said something that must arrive; it is data of a stranger."""

    def settings(self) -> Value:
        """What every client gets with its welcome, such as the size of the field."""
        return None

    # To be used

    @property
    def seats(self) -> Sequence[Seat]:
        """In the order of their numbers."""
        return self.table.seats

    @property
    def time_ms(self) -> int:
        """Since the match began, in steps of a tick."""
        return self.table.time_ms

    def send(self, data: Value, to: Seat | None = None) -> None:
        """Arrives for certain, and in order; to everybody (those who watch too) or to one player."""
        self.table.send(data, to)

    def seat_bot(self, name: str, think: Think) -> Seat:
        """Sits down a player of the program's own. Raises ValueError when no seat is free."""
        return self.table.seat_bot(name, think)

    def unseat(self, seat: Seat) -> None:
        """Takes somebody's seat away; a person goes on watching."""
        self.table.unseat(seat)

    def end(self) -> None:
        """The match ends after this tick; the next who comes begins a new one."""
        self.table.end()
