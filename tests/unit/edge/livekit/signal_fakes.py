"""A session with fixed surroundings, and a socket played by queues."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

from livekit.protocol.rtc import SignalRequest, SignalResponse

from roomful.core.participant import Participant
from roomful.core.permission import Permission
from roomful.edge.livekit.blobs import Blobs
from roomful.edge.livekit.outputs import Output, Send
from roomful.edge.livekit.responses import Responses
from roomful.edge.livekit.session import Bounds, Client, Session
from roomful.edge.livekit.snapshots import Snapshots
from roomful.edge.socket import SocketClosed


def person(sid: str = "PA_me", **changes: object) -> Participant:
    fields: dict[str, object] = {
        "sid": sid, "identity": sid.lower(), "name": "", "state": "active", "metadata": "", "attributes": {},
        "permission": Permission(), "joined_at_ms": 1_000, "version": 1,
    }  # fmt: skip
    return Participant(**(fields | changes))  # type: ignore[arg-type]


def a_session(
    me: Participant | None = None,
    *,
    single: bool = True,
    client: Client | None = None,
    blobs: Blobs | None = None,
    bounds: Bounds | None = None,
) -> Session:
    numbers = count(1)
    return Session(
        me or person(),
        room="RM_1",
        single_transport=single,
        client=client or Client("js", 17),
        responses=Responses(Snapshots()),
        blobs=blobs if blobs is not None else Blobs(),
        new_track=lambda: f"TR_{next(numbers)}",
        new_data_track=lambda: f"DTR_{next(numbers)}",
        now_ms=0,
        bounds=bounds,
    )


def ask(session: Session, now_ms: int = 0, **request: object) -> list[Output]:
    return session.handle(SignalRequest(**request).SerializeToString(), now_ms)  # type: ignore[arg-type]


def sent(outputs: list[Output]) -> list[SignalResponse]:
    """What the client reads."""
    return [read(one.frame) for one in outputs if isinstance(one, Send)]


def read(frame: bytes | str) -> SignalResponse:
    assert isinstance(frame, bytes)
    return SignalResponse.FromString(frame)


@dataclass
class FakeSocket:
    """Implements `Socket`; a test plays the client."""

    query: Mapping[str, str]
    headers: Mapping[str, str] = field(default_factory=dict)
    path: str = "/rtc"
    peer: str = "192.0.2.7"
    refused: tuple[int, str] | None = None
    accepted: bool = False
    closed: bool = False
    slow: bool = False
    inbox: asyncio.Queue[bytes | str | None] = field(default_factory=asyncio.Queue)
    outbox: asyncio.Queue[bytes | str | None] = field(default_factory=asyncio.Queue)

    async def refuse(self, status: int, body: str, *, content_type: str = "text/plain") -> None:
        self.refused = (status, body)

    async def accept(self, subprotocol: str | None = None) -> None:
        self.accepted = True

    async def receive(self) -> str | bytes:
        frame = await self.inbox.get()
        if frame is None:
            raise SocketClosed
        return frame

    async def send(self, message: str | bytes) -> None:
        self.outbox.put_nowait(message)

    def send_now(self, messages: Sequence[str | bytes]) -> bool:
        if self.slow:
            return False
        for one in messages:
            self.outbox.put_nowait(one)
        return True

    async def close(self, code: int = 1000, reason: str = "") -> None:
        if not self.closed:
            self.closed = True
            self.outbox.put_nowait(None)

    # The client's side

    def say(self, **request: object) -> None:
        self.inbox.put_nowait(SignalRequest(**request).SerializeToString())  # type: ignore[arg-type]

    def hang_up(self) -> None:
        self.inbox.put_nowait(None)

    async def hear(self, *kinds: str) -> SignalResponse | None:
        """The next response of these kinds; None when the server closed instead."""
        async with asyncio.timeout(5):
            while (frame := await self.outbox.get()) is not None:
                response = read(frame)
                if not kinds or response.WhichOneof("message") in kinds:
                    return response
            return None
