"""A player in Python: the client's side of the protocol, without a transport. For bots in their own process, and for tests.

`web/src/game/` is the same for browsers. Pure: the time is an argument, in milliseconds of any steady clock.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from roomful.game.snapshots import KEPT, World, applied
from roomful.game.wire import (
    MAX_INPUTS,
    FromServer,
    Hello,
    Inputs,
    Message,
    Refused,
    SeatInfo,
    SeatsChanged,
    Snapshot,
    Told,
    Value,
    Welcome,
    decode_server,
    encode_player,
    pack,
)


@dataclass(frozen=True, slots=True)
class Frame:
    """A whole snapshot."""

    tick: int
    time_ms: int
    ack: int
    world: World


class Player:
    """Hand it what comes (`hear`), send what it makes (`hello`, `act`, `say`), on topic `roomful.game`."""

    def __init__(self) -> None:
        self.welcome: Welcome | None = None
        self.refused: Refused | None = None
        self.seats: tuple[SeatInfo, ...] = ()
        self.frame: Frame | None = None
        """The newest."""
        self.round_trip_ms: float | None = None
        self.told: deque[Value] = deque(maxlen=100)
        """Messages that have come, oldest first; take them with `popleft`."""
        self._frames: dict[int, World] = {0: {}}
        self._gathering: dict[int, dict[int, bytes]] = {}
        self._number = 0
        self._pending: deque[bytes] = deque(maxlen=MAX_INPUTS)
        self._first = 1

    @property
    def seat(self) -> int | None:
        """Mine; None while there is none."""
        return self.welcome.seat if self.welcome and self.welcome.seat >= 0 else None

    def hello(self, *, spectate: bool = False) -> bytes:
        """To be sent reliably, once connected; anew when the connection was lost."""
        self._number, self._first = 0, 1
        self._pending.clear()
        self._frames, self.frame = {0: {}}, None
        self._gathering.clear()
        return encode_player(Hello(spectate))

    def act(self, data: Value, now_ms: float) -> bytes:
        """The next input, with those that the server has not used yet; to be sent as it is, without repetition."""
        self._number += 1
        if len(self._pending) == MAX_INPUTS:
            self._first += 1
        self._pending.append(pack(data))
        return self.ack(now_ms)

    def ack(self, now_ms: float) -> bytes:
        """For whoever watches, and has no inputs: tells what came."""
        seen = self.frame.tick if self.frame else 0
        return encode_player(Inputs(seen, int(now_ms), self._first, tuple(self._pending)))

    def say(self, data: Value) -> bytes:
        """To be sent reliably."""
        return encode_player(Message(data))

    def hear(self, payload: bytes, now_ms: float) -> FromServer:
        """Raises Malformed."""
        message = decode_server(payload)
        match message:
            case Welcome():
                self.welcome, self.seats = message, message.seats
            case SeatsChanged(seats):
                self.seats = seats
            case Told(data):
                self.told.append(data)
            case Refused():
                self.refused = message
            case Snapshot():
                self._snapshot(message, now_ms)
        return message

    def _snapshot(self, snapshot: Snapshot, now_ms: float) -> None:
        if (self.frame and snapshot.tick <= self.frame.tick) or snapshot.base not in self._frames:
            return
        parts = self._gathering.setdefault(snapshot.tick, {})
        parts[snapshot.part] = snapshot.body
        if len(parts) < snapshot.parts:
            while len(self._gathering) > 8:
                del self._gathering[min(self._gathering)]
            return
        world = applied(self._frames[snapshot.base], [parts[index] for index in sorted(parts)])
        self._gathering = {tick: parts for tick, parts in self._gathering.items() if tick > snapshot.tick}
        self.frame = Frame(snapshot.tick, snapshot.time_ms, snapshot.ack, world)
        self._frames[snapshot.tick] = world
        while len(self._frames) > KEPT:
            del self._frames[min(tick for tick in self._frames if tick)]
        while self._pending and self._first <= snapshot.ack:
            self._pending.popleft()
            self._first += 1
        if snapshot.echo_ms:
            self.round_trip_ms = max(0.0, now_ms - snapshot.echo_ms - snapshot.held_ms)
