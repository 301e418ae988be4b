"""The Protocols that adapters fill and services call. Nothing here does anything.

Implementers: `engine` (MediaEngine), `plugins` (Hooks), `service.ids` and `service.clock` (Ids, Clock).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from roomful.core.commands import Command, Join
from roomful.core.effects import Happening, MediaOrder
from roomful.core.participant import Participant
from roomful.core.room_info import RoomInfo

# What the engine tells that is not a command to the room.


@dataclass(frozen=True, slots=True)
class MediaAnswer:
    """The engine's answer to a client's offer."""

    transport: str
    sdp: str
    mids: dict[str, str]
    """mid → `TR_…` of every section that carries a track to the client."""


@dataclass(frozen=True, slots=True)
class MediaOffer:
    """The subscriber transport offers (v0)."""

    participant: str
    transport: str
    offer_id: int
    sdp: str
    mids: dict[str, str]


@dataclass(frozen=True, slots=True)
class SectionsWanted:
    """A single transport wants this many more receiving sections (v1): the client adds them and offers, also when both are 0."""

    participant: str
    transport: str
    audios: int
    videos: int


@dataclass(frozen=True, slots=True)
class TransportChanged:
    participant: str
    transport: str
    role: str
    """`single`, `publisher` or `subscriber`."""
    state: str
    """`connected`, `disconnected`, `failed` or `closed`"""
    protocol: str
    """`udp` or `tcp`"""
    remote: str
    reason: str


@dataclass(frozen=True, slots=True)
class DataPassed:
    """A data packet was relayed (told only while watched)."""

    participant: str
    kind: str
    """`reliable` or `lossy`"""
    packet: bytes
    """A whole LiveKit DataPacket."""


@dataclass(frozen=True, slots=True)
class DataHeld:
    """A data packet of a held topic waits for `MediaEngine.decide`."""

    hold: int
    participant: str
    topic: str
    packet: bytes


@dataclass(frozen=True, slots=True)
class SlowReader:
    """A participant does not read its reliable data: it must go."""

    participant: str


@dataclass(frozen=True, slots=True)
class EngineDied:
    """Told to every room, once: media is gone for good."""

    reason: str


MediaReport = (
    Command | MediaOffer | SectionsWanted | TransportChanged | DataPassed | DataHeld | SlowReader | EngineDied
)  # fmt: skip
"""What a room hears of the engine; the commands are Bind, Demand, StreamPaused, FirstPacket, CannotSubscribe, Speaking, MediaQuality."""


class MediaEngine(Protocol):
    """Media. Every method but the coroutines returns at once; trouble comes as a report."""

    def open_room(self, room: str, sink: Callable[[MediaReport], None]) -> None:
        """`sink` is called in the event loop's thread, and must not block or raise."""
        ...

    def close_room(self, room: str) -> None: ...

    def order(self, room: str, order: MediaOrder) -> None: ...

    def open_transport(self, room: str, participant: str, transport: str, role: str, *, tcp_only: bool) -> None:
        """`tcp_only` announces TCP addresses only, where there are some."""
        ...

    async def offer(self, transport: str, sdp: str) -> MediaAnswer:
        """Raises Invalid (`sdp_invalid`, `wrong_state`), NotFound, Unavailable (`timeout`, `engine_dead`)."""
        ...

    async def answer(self, transport: str, sdp: str, offer_id: int) -> None: ...

    def candidate(self, transport: str, candidate: str) -> None: ...

    def restart_ice(self, transport: str) -> None: ...

    def send_data(self, room: str, kind: str, packet: bytes, to: tuple[str, ...]) -> None:
        """`kind` is `reliable` or `lossy`; `to` holds participants, empty for everybody."""
        ...

    def watch_data(self, room: str, on: bool) -> None: ...

    def hold_topics(self, room: str, topics: tuple[str, ...]) -> None: ...

    def decide(self, room: str, hold: int, verdict: bytes | bool) -> None:
        """True releases the packet, False drops it, bytes take its place."""
        ...

    def replay_data(self, participant: str, seen: tuple[tuple[str, int], ...]) -> None:
        """Sends what was missed; `seen` is (publisher, last sequence seen)."""
        ...

    async def last_received(self, participant: str) -> int:
        """The count of the last reliable packet that came from a participant; 0 before the first."""
        ...

    async def stats(self, room: str) -> str:
        """JSON text of a room's counters."""
        ...

    async def close(self) -> None: ...


class Clock(Protocol):
    def now_ms(self) -> int:
        """Wall clock, milliseconds since 1970; never steps back."""
        ...


class Ids(Protocol):
    """Unguessable names."""

    def room(self) -> str: ...
    def participant(self) -> str: ...
    def track(self) -> str: ...
    def data_track(self) -> str: ...
    def transport(self) -> str: ...
    def credentials(self) -> tuple[str, str]:
        """ICE ufrag and password (RFC 8445 §5.3)."""
        ...


@dataclass(frozen=True, slots=True)
class DataMessage:
    """A data packet in a hook's words."""

    payload: bytes
    topic: str
    reliable: bool


class Hooks(Protocol):
    """Python code of the user's. Only `admit` is waited for; an error in the rest is logged and goes no further."""

    @property
    def wants_data(self) -> bool:
        """Whether data packets should come to Python at all."""
        ...

    async def admit(self, room: str, join: Join) -> Join:
        """Lets in (perhaps with other rights) or raises Denied. An error or a missed deadline in the hook denies."""
        ...

    def told(self, happening: Happening) -> None: ...

    def data(self, room: RoomInfo, participant: Participant, packet: DataPassed) -> None: ...


Observer = Callable[[Happening], None]
"""Called in the loop's thread, in order per room; must not block or raise."""
