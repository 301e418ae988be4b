"""A WebSocket that tests hold in their hands, as `edge.socket.Socket`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from roomful.edge.socket import SocketClosed


class FakeSocket:
    """`say` is what the client sends; `said` collects what it is sent. `reads=False` never reads."""

    def __init__(
        self,
        path: str = "/",
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        reads: bool = True,
    ) -> None:
        self.path = path
        self.query: Mapping[str, str] = query or {}
        self.headers: Mapping[str, str] = headers or {}
        self.peer = "192.0.2.7"
        self.reads = reads
        self.said: list[str | bytes] = []
        self.refused: tuple[int, str] | None = None
        self.accepted = False
        self.closed: tuple[int, str] | None = None
        self._inbox: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self.news = asyncio.Event()

    def say(self, *messages: str | bytes) -> None:
        for message in messages:
            self._inbox.put_nowait(message)

    def leave(self) -> None:
        self._inbox.put_nowait(None)

    async def until(self, count: int) -> list[str | bytes]:
        """The first `count` messages it was sent."""
        async with asyncio.timeout(10):
            while len(self.said) < count:
                self.news.clear()
                await self.news.wait()
        return self.said[:count]

    async def refuse(self, status: int, body: str, *, content_type: str = "text/plain") -> None:
        self.refused = (status, body)

    async def accept(self, subprotocol: str | None = None) -> None:
        self.accepted = True

    async def receive(self) -> str | bytes:
        if self.closed is not None:
            raise SocketClosed
        message = await self._inbox.get()
        if message is None:
            raise SocketClosed
        return message

    async def send(self, message: str | bytes) -> None:
        if not self.reads:
            await asyncio.Event().wait()
        self.said.append(message)
        self.news.set()

    def send_now(self, messages: Sequence[str | bytes]) -> bool:
        if not self.reads:
            return False
        self.said += messages
        self.news.set()
        return True

    async def close(self, code: int = 1000, reason: str = "") -> None:
        if self.closed is None:
            self.closed = (code, reason)
        self._inbox.put_nowait(None)
