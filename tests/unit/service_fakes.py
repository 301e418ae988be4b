"""A media engine, a clock and hooks that only take notes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from roomful.core.commands import Join
from roomful.core.effects import Happening, MediaOrder
from roomful.core.errors import Denied
from roomful.core.participant import Participant
from roomful.core.policy import Policy
from roomful.core.room_info import RoomInfo
from roomful.ports import DataPassed, MediaAnswer, MediaReport
from roomful.service.directory import Directory


@dataclass
class Engine:
    """Implements `ports.MediaEngine`; `sinks[room](report)` plays the router."""

    sinks: dict[str, Callable[[MediaReport], None]] = field(default_factory=dict)
    orders: list[MediaOrder] = field(default_factory=list)
    transports: list[tuple[str, str, str]] = field(default_factory=list)
    calls: list[tuple[object, ...]] = field(default_factory=list)

    apart: bool = False

    def open_room(self, room: str, sink: Callable[[MediaReport], None], *, beside: str = "") -> None:
        self.sinks[room] = sink

    def together(self, *rooms: str) -> bool:
        return not self.apart

    def close_room(self, room: str) -> None:
        del self.sinks[room]

    def order(self, room: str, order: MediaOrder) -> None:
        self.orders.append(order)

    received: dict[str, int] = field(default_factory=dict)
    tcp_only: set[str] = field(default_factory=set)

    def open_transport(self, room: str, participant: str, transport: str, role: str, *, tcp_only: bool) -> None:
        self.transports.append((participant, transport, role))
        if tcp_only:
            self.tcp_only.add(transport)

    async def last_received(self, participant: str) -> int:
        return self.received.get(participant, 0)

    async def offer(self, transport: str, sdp: str) -> MediaAnswer:
        return MediaAnswer(transport, "answer to " + sdp, {})

    async def answer(self, transport: str, sdp: str, offer_id: int) -> None:
        self.calls.append(("answer", transport, sdp, offer_id))

    def candidate(self, transport: str, candidate: str) -> None:
        self.calls.append(("candidate", transport, candidate))

    def restart_ice(self, transport: str) -> None:
        self.calls.append(("restart_ice", transport))

    def limit_bandwidth(self, participant: str, bps: int) -> None:
        self.calls.append(("limit_bandwidth", participant, bps))

    def send_data(self, room: str, kind: str, packet: bytes, to: tuple[str, ...]) -> None:
        self.calls.append(("send_data", kind, packet, to))

    def watch_data(self, room: str, on: bool) -> None:
        self.calls.append(("watch_data", on))

    def hold_topics(self, room: str, topics: tuple[str, ...]) -> None:
        self.calls.append(("hold_topics", topics))

    def watch_topics(self, room: str, topics: tuple[str, ...]) -> None:
        self.calls.append(("watch_topics", topics))

    def decide(self, room: str, hold: int, verdict: bytes | bool) -> None:
        self.calls.append(("decide", hold, verdict))

    def replay_data(self, participant: str, seen: tuple[tuple[str, int], ...]) -> None:
        self.calls.append(("replay_data", participant, seen))

    async def stats(self, room: str) -> str:
        return "{}"

    async def close(self) -> None:
        self.calls.append(("close",))


@dataclass
class Clock:
    ms: int = 1_000_000

    def now_ms(self) -> int:
        return self.ms


class Ids:
    """Counts up."""

    def __init__(self) -> None:
        self._count = count(1)

    def _next(self, prefix: str) -> str:
        return f"{prefix}_{next(self._count)}"

    def room(self) -> str:
        return self._next("RM")

    def participant(self) -> str:
        return self._next("PA")

    def track(self) -> str:
        return self._next("TR")

    def data_track(self) -> str:
        return self._next("DTR")

    def transport(self) -> str:
        return self._next("TP")

    def credentials(self) -> tuple[str, str]:
        return self._next("ufrag"), self._next("password")


@dataclass
class Hooks:
    """Refuses the identity `mallory`."""

    wants_data: bool = False
    happenings: list[Happening] = field(default_factory=list)
    messages: list[tuple[str, str, bytes]] = field(default_factory=list)

    async def admit(self, room: str, join: Join) -> Join:
        if join.identity == "mallory":
            raise Denied("not you")
        return join

    def told(self, happening: Happening) -> None:
        self.happenings.append(happening)

    def data(self, room: RoomInfo, participant: Participant, packet: DataPassed) -> None:
        self.messages.append((room.name, participant.identity, packet.packet))


@dataclass
class World:
    """A directory and all it stands on."""

    policy: Policy = field(default_factory=lambda: Policy(coalesce_ms=1))
    engine: Engine = field(default_factory=Engine)
    clock: Clock = field(default_factory=Clock)
    hooks: Hooks = field(default_factory=Hooks)
    observed: list[Happening] = field(default_factory=list)

    def directory(self) -> Directory:
        return Directory(
            engine=self.engine,
            clock=self.clock,
            ids=Ids(),
            policy=self.policy,
            hooks=self.hooks,
            observers=(self.observed.append,),
        )
