"""Who is here by which id, and what waits for whom. Sans-IO: inputs and the time in, outputs back; run by `endpoint`.

Nothing a stranger sends grows without bound: what waits is bounded for each sender, each receiver and altogether.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import NewType

from roomful.core.bucket import Bucket
from roomful.core.errors import Invalid, LimitExceeded, RoomfulError
from roomful.edge.peerjs.wire import (
    ID_TAKEN,
    KEPT,
    KEY,
    MAX_ID,
    OPEN,
    RELAYED,
    Message,
    error,
    parse,
    relayed,
    valid_id,
)

Connection = NewType("Connection", int)
"""The endpoint's number of one WebSocket."""


@dataclass(frozen=True, slots=True)
class Send:
    connection: Connection
    text: str


@dataclass(frozen=True, slots=True)
class Close:
    """After what was sent before."""

    connection: Connection
    code: int
    reason: str


Output = Send | Close


@dataclass(frozen=True, slots=True)
class Bounds:
    """`alive_ms` and `expire_ms` are PeerServer's own."""

    peers: int = 5_000
    alive_ms: int = 90_000
    """How long a peer may be silent; the client sends a heartbeat every 5 s."""
    expire_ms: int = 5_000
    """How long a message waits for somebody absent."""
    waiting: int = 20_000
    """Messages that wait, altogether; with `waiting_bytes` what a crowd of strangers can make the server hold."""
    waiting_bytes: int = 16 << 20
    per_sender: int = 200
    """Messages of one sender that wait."""
    per_receiver: int = 500
    burst: int = 400
    """Messages of one connection at once: a call with many streams has a hundred candidates."""
    per_s: int = 50


@dataclass(slots=True)
class _Peer:
    id: str
    token: str
    connection: Connection
    heard_ms: int
    bucket: Bucket


@dataclass(frozen=True, slots=True)
class _Kept:
    src: str
    text: str
    at_ms: int


@dataclass(slots=True)
class Realm:
    """All peers of a server."""

    bounds: Bounds = field(default_factory=Bounds)
    _peers: dict[str, _Peer] = field(default_factory=dict[str, _Peer])
    _of: dict[Connection, _Peer] = field(default_factory=dict[Connection, _Peer])
    _kept: OrderedDict[str, deque[_Kept]] = field(default_factory=OrderedDict[str, "deque[_Kept]"])
    _of_sender: dict[str, int] = field(default_factory=dict[str, int])
    _count: int = 0
    _bytes: int = 0

    def ids(self) -> list[str]:
        return list(self._peers)

    def taken(self, peer: str) -> bool:
        return peer in self._peers

    @property
    def waiting(self) -> int:
        """Messages that wait for somebody absent."""
        return self._count

    def open(self, connection: Connection, peer: str, token: str, key: str, now_ms: int) -> list[Output]:
        """A WebSocket's first input. An id belongs to whom holds its token: the same token takes over its connection."""
        try:
            if not peer or not token or not key:
                raise Invalid("No id, token, or key supplied to websocket server")
            if key != KEY:
                raise Invalid("Invalid key provided")
            if not valid_id(peer) or len(token) > MAX_ID:
                raise Invalid(f"an id and a token have at most {MAX_ID} characters, an id letters, digits, - and _")
            held = self._peers.get(peer)
            if held is None and len(self._peers) >= self.bounds.peers:
                raise LimitExceeded("Server has reached its concurrent user limit")
        except RoomfulError as refused:
            return [Send(connection, error(refused.message)), Close(connection, 1008, refused.code)]
        if held is not None and held.token != token:
            return [Send(connection, ID_TAKEN), Close(connection, 1008, "id taken")]
        outputs: list[Output] = []
        if held is not None:
            outputs.append(Close(held.connection, 1000, "connected anew"))
            del self._of[held.connection]
        bucket = held.bucket if held is not None else Bucket(self.bounds.burst, self.bounds.per_s)
        self._peers[peer] = self._of[connection] = _Peer(peer, token, connection, now_ms, bucket)
        outputs.append(Send(connection, OPEN))
        outputs += (Send(connection, one.text) for one in self._take(peer))
        return outputs

    def message(self, connection: Connection, frame: str | bytes, now_ms: int) -> list[Output]:
        """What a connection that was opened sent. What it sends after its end is passed over."""
        peer = self._of.get(connection)
        if peer is None:
            return []
        peer.heard_ms = now_ms
        if not peer.bucket.take(now_ms):
            return [*self._end(connection, "too many messages"), *self.gone(connection)]
        try:
            message = parse(frame)
        except Invalid as wrong:
            return [*self._end(connection, wrong.message), *self.gone(connection)]
        if message.type not in RELAYED:
            # HEARTBEAT has done its work by arriving; the rest PeerServer passes over too.
            return []
        to = self._peers.get(message.dst)
        if to is not None:
            return [Send(to.connection, relayed(message, peer.id))]
        if message.type == "LEAVE" and not message.dst:
            return [Close(connection, 1000, "left"), *self.gone(connection)]
        if message.type in KEPT and message.dst:
            self._keep(peer, message, now_ms)
        return []

    def gone(self, connection: Connection) -> list[Output]:
        """The WebSocket has ended. What it sent to others still waits."""
        peer = self._of.pop(connection, None)
        if peer is not None:
            del self._peers[peer.id]
        return []

    def tick(self, now_ms: int) -> list[Output]:
        """About once a second: ends silent peers, and tells senders whose messages nobody came for."""
        outputs: list[Output] = []
        for peer in [one for one in self._peers.values() if now_ms - one.heard_ms >= self.bounds.alive_ms]:
            outputs.append(Close(peer.connection, 1001, "silent"))
            outputs += self.gone(peer.connection)
        told: set[tuple[str, str]] = set()
        for dst in list(self._kept):
            kept = self._kept[dst]
            while kept and now_ms - kept[0].at_ms >= self.bounds.expire_ms:
                one = kept.popleft()
                self._forget(one)
                src = self._peers.get(one.src)
                if src is not None and (one.src, dst) not in told:
                    told.add((one.src, dst))
                    outputs.append(Send(src.connection, relayed(Message("EXPIRE", one.src), dst)))
            if not kept:
                del self._kept[dst]
        return outputs

    def _end(self, connection: Connection, text: str) -> list[Output]:
        return [Send(connection, error(text)), Close(connection, 1008, "bad message")]

    def _keep(self, peer: _Peer, message: Message, now_ms: int) -> None:
        """Beyond a bound it is dropped: to its sender that is somebody who never came."""
        bounds, text = self.bounds, relayed(message, peer.id)
        kept = self._kept.get(message.dst)
        if (
            self._of_sender.get(peer.id, 0) >= bounds.per_sender
            or self._count >= bounds.waiting
            or self._bytes + len(text) > bounds.waiting_bytes
            or (kept is not None and len(kept) >= bounds.per_receiver)
        ):
            return
        if kept is None:
            kept = self._kept[message.dst] = deque()
        kept.append(_Kept(peer.id, text, now_ms))
        self._of_sender[peer.id] = self._of_sender.get(peer.id, 0) + 1
        self._count += 1
        self._bytes += len(text)

    def _take(self, dst: str) -> list[_Kept]:
        kept = list(self._kept.pop(dst, ()))
        for one in kept:
            self._forget(one)
        return kept

    def _forget(self, one: _Kept) -> None:
        self._count -= 1
        self._bytes -= len(one.text)
        left = self._of_sender[one.src] - 1
        if left:
            self._of_sender[one.src] = left
        else:
            del self._of_sender[one.src]
