"""A WebSocket that the front door in Rust holds, as a `Socket`. Made by the composition root for each handshake at an edge's path."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl

from roomful.edge.socket import SocketClosed
from roomful.ports import Hub, Opening

MAX_UNREAD = 4 << 20
"""Bytes that wait for the edge to read; a client that sends faster than it is read is closed."""
TOO_FAST = 1008


class DoorSocket:
    """Implements `Socket`."""

    def __init__(self, hub: Hub, opening: Opening, *, max_message: int | None = None) -> None:
        """`max_message` in bytes; None for the hub's own."""
        self._hub = hub
        self._opening = opening
        self._max_message = max_message
        self._query: Mapping[str, str] | None = None
        self._unread: deque[str | bytes] = deque()
        self._size = 0
        self._news: asyncio.Future[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._open = True

    @property
    def connection(self) -> int:
        """The hub's number."""
        return self._opening.connection

    @property
    def path(self) -> str:
        return self._opening.path

    @property
    def query(self) -> Mapping[str, str]:
        if self._query is None:
            self._query = dict(parse_qsl(self._opening.query, keep_blank_values=True))
        return self._query

    @property
    def headers(self) -> Mapping[str, str]:
        return self._opening.headers

    @property
    def peer(self) -> str:
        return self._opening.peer

    async def refuse(self, status: int, body: str, *, content_type: str = "text/plain") -> None:
        self._hub.refuse(self.connection, status, body, content_type=content_type)

    async def accept(self, subprotocol: str | None = None) -> None:
        self._hub.accept(self.connection, self, subprotocol=subprotocol, max_message=self._max_message)

    async def receive(self) -> str | bytes:
        while not self._unread:
            if not self._open:
                raise SocketClosed
            self._news = asyncio.get_running_loop().create_future()
            await self._news
        message = self._unread.popleft()
        self._size -= len(message)
        return message

    async def send(self, message: str | bytes) -> None:
        if not self._writable.is_set():
            await self._writable.wait()
        if not self._open:
            raise SocketClosed
        self._hub.send((self.connection,), message)

    def send_now(self, messages: Sequence[str | bytes]) -> bool:
        if not self._open or not self._writable.is_set():
            return False
        for one in messages:
            self._hub.send((self.connection,), one)
        return True

    async def close(self, code: int = 1000, reason: str = "") -> None:
        if self._open:
            self._hub.close(self.connection, code, reason)

    # What the hub tells (`ports.Listener`)

    def message(self, message: str | bytes) -> None:
        self._size += len(message)
        if self._size > MAX_UNREAD:
            self._hub.close(self.connection, TOO_FAST, "too many messages")
            self.closed(TOO_FAST, "")
            return
        self._unread.append(message)
        self._wake()

    def closed(self, code: int, reason: str) -> None:
        self._open = False
        self._writable.set()
        self._wake()

    def slow(self, slow: bool) -> None:
        if slow:
            self._writable.clear()
        else:
            self._writable.set()

    def _wake(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)
