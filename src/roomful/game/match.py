"""One match: seats, who watches, what each is told. Pure: `hear`, `gone` and `tick` gather what `take` gives away.

Run by `plugins.games`, once per room. It knows participants by a name of the room's (`sid`), and no transport.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from random import Random

from roomful.core.bucket import Bucket
from roomful.game.game import Game, Think
from roomful.game.inputs import InputLine
from roomful.game.rules import GameRules
from roomful.game.seat import Seat
from roomful.game.snapshots import History
from roomful.game.wire import (
    MAX_TOLD,
    FromServer,
    Hello,
    Inputs,
    Malformed,
    Message,
    Refused,
    SeatsChanged,
    Snapshot,
    Told,
    Value,
    Welcome,
    decode_player,
    encode_server,
)

MAX_OUT = 10_000
"""Packets that one tick may send."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    to: tuple[str, ...]
    payload: bytes
    reliable: bool


@dataclass(slots=True)
class _Viewer:
    sid: str
    packets: Bucket
    words: Bucket
    seat: Seat | None = None
    line: InputLine = field(default_factory=InputLine)
    seen: int = 0
    client_ms: int = 0
    heard_ms: float = 0.0
    said_hello: bool = False
    warned: bool = False


class Match:
    """A `Game` at work."""

    def __init__(self, game: Game, rules: GameRules, room: str, seed: int) -> None:
        self.game = game
        self.rules = rules
        self.over = False
        self.number = 0
        """Ticks so far."""
        self._seats: dict[int, Seat] = {}
        self._bots: dict[int, Think] = {}
        self._viewers: dict[str, _Viewer] = {}
        self._away: dict[int, float] = {}
        """When a seat was left, by its number."""
        self._history = History()
        self._told = 0
        """The tick of the newest snapshot; 0 before the first."""
        self._out: list[Outgoing] = []
        self._seats_changed = False
        game.room = room
        game.random = Random(seed)
        game.table = self
        game.start()

    # What a game asks (`game.Table`)

    @property
    def seats(self) -> Sequence[Seat]:
        return tuple(self._seats[number] for number in sorted(self._seats))

    @property
    def time_ms(self) -> int:
        return self.number * 1_000 // self.rules.ticks

    def send(self, data: Value, to: Seat | None) -> None:
        """Raises ValueError for what is too long, TypeError for what cannot be packed."""
        people = [one.sid for one in self._viewers.values() if to is None or one.seat is to]
        self._say(people, Told(data))

    def seat_bot(self, name: str, think: Think) -> Seat:
        seat = self._sit("", name)
        if seat is None:
            raise ValueError("no seat is free")
        self._bots[seat.number] = think
        return seat

    def unseat(self, seat: Seat) -> None:
        if self._seats.get(seat.number) is not seat:
            return
        del self._seats[seat.number]
        self._bots.pop(seat.number, None)
        self._away.pop(seat.number, None)
        self._seats_changed = True
        for viewer in self._viewers.values():
            if viewer.seat is seat:
                viewer.seat = None
                self._welcome(viewer)
        self.game.left(seat)

    def end(self) -> None:
        self.over = True

    # People

    @property
    def empty(self) -> bool:
        """Nobody watches or plays, and no seat is kept for anybody."""
        return not self._viewers and not self._away

    def watch(self, sid: str) -> None:
        """Somebody who may not send: gets whole snapshots."""
        self._viewer(sid)

    def hear(self, sid: str, identity: str, name: str, payload: bytes, now_ms: float) -> None:
        """A packet of a player's; one that cannot be read is refused once, later ones are dropped."""
        viewer = self._viewer(sid)
        try:
            message = decode_player(payload, max_input=self.rules.max_input)
            match message:
                case Hello():
                    if viewer.words.take(int(now_ms), 5):
                        self._hello(viewer, identity, name, message)
                case Inputs():
                    if viewer.packets.take(int(now_ms)):
                        self._inputs(viewer, message, now_ms)
                case Message():
                    if viewer.seat is not None and viewer.words.take(int(now_ms)):
                        self.game.message(viewer.seat, message.data)
        except Malformed as error:
            if not viewer.warned:
                viewer.warned = True
                self._say([sid], Refused("malformed", str(error)))

    def gone(self, sid: str, now_ms: float) -> None:
        """Somebody left the room; the seat waits."""
        viewer = self._viewers.pop(sid, None)
        if viewer is None or viewer.seat is None:
            return
        seat = viewer.seat
        seat.connected, seat.inputs, seat.input = False, (), None
        self._away[seat.number] = now_ms
        self._seats_changed = True

    def _viewer(self, sid: str) -> _Viewer:
        viewer = self._viewers.get(sid)
        if viewer is None:
            # An ack or inputs with each frame of a fast screen, twice over.
            packets = Bucket(burst=2.0 * self.rules.ticks, per_s=max(300.0, 2.0 * self.rules.ticks))
            viewer = self._viewers[sid] = _Viewer(sid, packets, Bucket(burst=20.0, per_s=10.0))
        return viewer

    def _hello(self, viewer: _Viewer, identity: str, name: str, hello: Hello) -> None:
        viewer.said_hello = True
        viewer.seen = 0
        viewer.line.restart()
        if hello.spectate:
            if viewer.seat is not None:
                self.unseat(viewer.seat)
                return
        elif viewer.seat is None:
            viewer.seat = self._kept(identity) or self._sit(identity, name)
        if viewer.seat is not None:
            viewer.seat.name = name
        self._welcome(viewer)

    def _kept(self, identity: str) -> Seat | None:
        for seat in self._seats.values():
            if seat.identity == identity and identity:
                for other in self._viewers.values():
                    if other.seat is seat:
                        other.seat = None
                seat.connected = True
                self._away.pop(seat.number, None)
                self._seats_changed = True
                return seat
        return None

    def _sit(self, identity: str, name: str) -> Seat | None:
        number = next((one for one in range(self.rules.seats) if one not in self._seats), None)
        if number is None and identity and self._bots:
            # Bots give way to people, the last one first.
            number = max(self._bots)
            self.unseat(self._seats[number])
        if number is None:
            return None
        seat = self._seats[number] = Seat(number, identity, name)
        self._seats_changed = True
        self.game.seated(seat)
        return seat

    def _welcome(self, viewer: _Viewer) -> None:
        rules = self.rules
        seats = tuple(seat.info for seat in self.seats)
        number = -1 if viewer.seat is None else viewer.seat.number
        hello = Welcome(number, rules.ticks, rules.snapshots, rules.max_input, seats, self.game.settings())
        self._say([viewer.sid], hello)

    def _inputs(self, viewer: _Viewer, message: Inputs, now_ms: float) -> None:
        # Packets may overtake each other: an older one brings no older ack.
        if viewer.seen <= message.seen <= self._told:
            viewer.seen = message.seen
            viewer.client_ms, viewer.heard_ms = message.client_ms, now_ms
        if viewer.seat is not None:
            viewer.line.hear(message.first, message.inputs)

    # The world

    def tick(self, now_ms: float) -> None:
        """One step. What the program raises goes through; the match may go on with the next tick."""
        self.number += 1
        for number, since in list(self._away.items()):
            if now_ms - since >= self.rules.grace_s * 1_000:
                self.unseat(self._seats[number])
        for viewer in self._viewers.values():
            if (seat := viewer.seat) is not None:
                seat.inputs = tuple(viewer.line.take())
                if seat.inputs:
                    seat.input = seat.inputs[-1]
        for number, think in list(self._bots.items()):
            seat = self._seats[number]
            seat.input = think(seat)
            seat.inputs = (seat.input,)
        self.game.tick(1 / self.rules.ticks)
        if self._seats_changed:
            self._seats_changed = False
            self._say(self._viewers, SeatsChanged(tuple(seat.info for seat in self.seats)))
        if self.number % self.rules.every == 0 and self._viewers:
            self._snapshot(now_ms)

    def _snapshot(self, now_ms: float) -> None:
        self._history.keep(self.number, self.game.state())
        self._told = self.number
        for viewer in self._viewers.values():
            base, parts = self._history.parts(viewer.seen)
            held = int(now_ms - viewer.heard_ms) if viewer.heard_ms else 0
            for index, body in enumerate(parts):
                snapshot = Snapshot(
                    self.number,
                    base,
                    self.time_ms,
                    viewer.line.used,
                    viewer.client_ms,
                    held,
                    index,
                    len(parts),
                    body,
                )
                self._put(Outgoing((viewer.sid,), encode_server(snapshot), reliable=False))

    def take(self) -> list[Outgoing]:
        """What is to be sent since the last call."""
        out, self._out = self._out, []
        return out

    def _say(self, sids: Iterable[str], message: FromServer) -> None:
        to = tuple(sids)
        if not to:
            return
        payload = encode_server(message)
        if len(payload) > MAX_TOLD:
            raise ValueError(f"a message of {len(payload)} bytes; at most {MAX_TOLD} can be told")
        self._put(Outgoing(to, payload, reliable=True))

    def _put(self, outgoing: Outgoing) -> None:
        if len(self._out) >= MAX_OUT:
            raise ValueError(f"more than {MAX_OUT} packets in one tick")
        self._out.append(outgoing)
