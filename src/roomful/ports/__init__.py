"""The Protocols that adapters fill and services call. Nothing here does anything.

Implementers: `engine` (MediaEngine), `hub` (Hub), `plugins` (Hooks, ChannelHooks), `service.ids` and `service.clock`
(Ids, Clock).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

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
class DataSeen:
    """A data packet of a watched topic, or what follows in a stream that one opened. It goes on meanwhile."""

    participant: str
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
    Command | MediaOffer | SectionsWanted | TransportChanged | DataPassed | DataSeen | DataHeld | SlowReader | EngineDied
)  # fmt: skip
"""What a room hears of the engine; the commands are Bind, Demand, StreamPaused, FirstPacket, CannotSubscribe, Speaking, MediaQuality."""


class MediaEngine(Protocol):
    """Media. Every method but the coroutines returns at once; trouble comes as a report."""

    def open_room(self, room: str, sink: Callable[[MediaReport], None], *, beside: str = "") -> None:
        """`sink` is called in the event loop's thread, and must not block or raise. `beside` is a room whose thread is wanted."""
        ...

    def together(self, *rooms: str) -> bool:
        """Whether people can go from one of these rooms to the other, and be shown there: they share a thread."""
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

    def limit_bandwidth(self, participant: str, bps: int) -> None:
        """What a participant's videos are sent in, whatever its path carries; 0 for no such limit."""
        ...

    def send_data(self, room: str, kind: str, packet: bytes, to: tuple[str, ...]) -> None:
        """`kind` is `reliable` or `lossy`; `to` holds participants, empty for everybody."""
        ...

    def watch_data(self, room: str, on: bool) -> None: ...

    def hold_topics(self, room: str, topics: tuple[str, ...]) -> None: ...

    def watch_topics(self, room: str, topics: tuple[str, ...]) -> None:
        """Tells `DataSeen` of their packets, except of those that are held."""
        ...

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


# WebSockets and channels. A connection is a number; a message is text or bytes, in channels text is JSON.


@dataclass(frozen=True, slots=True)
class Opening:
    """A handshake at the front door, to be answered with `accept` or `refuse` within the hook deadline."""

    connection: int
    path: str
    query: str
    headers: Mapping[str, str]
    """Names in lower case; of a name that came twice the last."""
    peer: str
    secure: bool


class Listener(Protocol):
    """What one connection tells. Called in the event loop's thread; must not block or raise."""

    def message(self, message: str | bytes) -> None:
        """Of a raw connection what its client sent; of a foreign one what its client is to be sent."""
        ...

    def closed(self, code: int, reason: str) -> None:
        """The last call. A foreign connection's client is to be closed with this."""
        ...

    def slow(self, slow: bool) -> None:
        """Much waits to be written (True), or little again (False)."""
        ...


@dataclass(frozen=True, slots=True)
class ChannelRules:
    """What holds in the channels that a pattern matches (`*` any characters, `?` one); None keeps the hub's own."""

    history: int | None = None
    """Messages that are kept."""
    history_ms: int | None = None
    presence: bool | None = None
    """Members learn who is there."""
    publish: bool | None = None
    """Members may talk; otherwise only the server does."""
    on_message: bool = False
    """Each message asks Python."""
    on_request: bool = False
    rate: tuple[int, int] | None = None
    """Messages per second and at once, of all members together."""
    max_members: int | None = None
    slow: str | None = None
    """`close` or `skip` who reads too slowly."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """An answer to a question of the hub's. Refusing without a code drops silently."""

    allow: bool
    code: str = ""
    reason: str = ""
    message: str | bytes | None = None
    """In place of the message, or the reply to a request."""
    info: str | None = None
    """JSON, in place of what somebody brought to a join."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The hub's question: may it join, may this be said, what is the reply."""

    ask: int
    kind: str
    """`join`, `message` or `request`"""
    connection: int
    channel: str
    message: str | bytes | None
    """Of a join the info, as JSON."""


@dataclass(frozen=True, slots=True)
class Present:
    """A member of a channel. `info` is JSON."""

    connection: int
    id: str
    identity: str
    info: str


class Hub(Protocol):
    """WebSockets and channels in Rust. Every method but the coroutines returns at once, in the event loop's thread."""

    def route(self, path: str, opened: Callable[[Opening], None]) -> None:
        """Handshakes at this exact path. `opened` must not block or raise."""
        ...

    def accept(
        self,
        connection: int,
        listener: Listener,
        *,
        speech: str = "raw",
        subprotocol: str | None = None,
        identity: str = "",
        max_message: int | None = None,
    ) -> None:
        """`raw` tells the listener each message; `relay` and `muaz` are spoken in Rust, and only its end is told."""
        ...

    def refuse(self, connection: int, status: int, body: str, *, content_type: str = "text/plain") -> None: ...

    def send(self, to: Sequence[int], message: str | bytes, *, slow: str = "close") -> None:
        """One call for many receivers; those that are gone are passed over."""
        ...

    def close(self, connection: int, code: int = 1000, reason: str = "") -> None: ...

    def open_foreign(self, listener: Listener, speech: str, *, identity: str = "") -> int:
        """A connection whose WebSocket somebody else holds; its number."""
        ...

    def feed(self, connection: int, message: str | bytes) -> None:
        """What a foreign connection's client sent."""
        ...

    def gone(self, connection: int, code: int = 1005) -> None:
        """A foreign connection's client has gone."""
        ...

    def ask(self, asked: Callable[[Asked], None], left: Callable[[int, str], None]) -> None:
        """Who answers, with `decide`, whether somebody may join a channel, and what the rules ask for; and who is told
        (connection, channel) when a member leaves.
        """
        ...

    def decide(self, ask: int, verdict: Verdict) -> None: ...

    def rules(self, pattern: str, rules: ChannelRules | None) -> None:
        """The first pattern that matches counts; None removes it."""
        ...

    def publish(
        self,
        channel: str,
        message: str | bytes,
        *,
        without: int | None = None,
        to: Sequence[int] | None = None,
    ) -> None:
        """From the server: to all members, to all but one, or to some of them alone. From any thread."""
        ...

    def put_out(self, connection: int, channel: str, code: str = "put_out", reason: str = "") -> None: ...

    async def presence(self, channel: str) -> tuple[Present, ...]: ...

    async def stats(self) -> Mapping[str, int]: ...


@dataclass(slots=True)
class Peer:
    """Whose connection it is, for who decides about channels."""

    connection: int
    identity: str
    """What the server vouches for; empty for a stranger."""
    address: str
    state: dict[str, Any] = field(default_factory=dict[str, Any])
    """For whatever a program keeps of this connection."""


class ChannelHooks(Protocol):
    """Python code of the user's, about channels."""

    def rules(self) -> Sequence[tuple[str, ChannelRules]]:
        """Patterns in the order in which they count."""
        ...

    def decides(self, channel: str) -> bool:
        """Whether a pattern matches."""
        ...

    def decide(self, hub: Hub, asked: Asked, peer: Peer) -> Verdict | Awaitable[Verdict]:
        """Never raises: an error in a hook, or a missed deadline, refuses."""
        ...

    def left(self, hub: Hub, channel: str, peer: Peer) -> None:
        """Somebody who had joined is gone."""
        ...


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
