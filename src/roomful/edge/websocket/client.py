"""Who has connected to a user's WebSocket, as the user's functions meet them. Made by `endpoint`; knows no transport."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from roomful.core.errors import Denied


class Wire(Protocol):
    """Where a client's messages go. Called in the event loop's thread."""

    def send(self, message: str | bytes) -> None:
        """Never waits; who reads too slowly is closed (1013)."""
        ...

    def close(self, code: int, reason: str) -> None: ...

    async def drained(self) -> None:
        """Until little waits to be written."""
        ...


@dataclass(slots=True)
class Sent:
    """What `client.send` gives back. Whoever sends much awaits it: it waits while the other side does not read."""

    _drained: Callable[[], Awaitable[None]]

    def __await__(self) -> Generator[Any, None, None]:
        return self._drained().__await__()


MAX_UNREAD = 256 * 1024
"""Bytes that wait for a function that reads with `async for`."""


@dataclass(slots=True, eq=False)
class Client:
    """One connection. `send` and `close` may be called from anywhere, other threads too."""

    id: str
    """Unguessable, made by the server."""
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """Names in lower case."""
    address: str
    """Of the other side; empty when unknown."""
    state: dict[str, Any] = field(default_factory=dict[str, Any])
    """For whatever belongs to this client."""
    _wire: Wire = field(kw_only=True)
    _loop: asyncio.AbstractEventLoop = field(kw_only=True)
    inbox: Inbox | None = None
    """For the endpoint, where the user's function reads with `async for`."""

    def send(self, message: str | bytes) -> Sent:
        """Text or bytes. Never waits; a client that reads too slowly is closed."""
        if not isinstance(message, (str, bytes)):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"a message is str or bytes, not {type(message).__name__}: use json.dumps")
        self._do(self._wire.send, message)
        return Sent(self._wire.drained)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """After what was sent before."""
        self._do(self._wire.close, code, reason)

    def refuse(self, reason: str) -> Denied:
        """To be raised while connecting: `raise client.refuse("members only")`."""
        return Denied(reason)

    def _do(self, call: Callable[..., None], *args: Any) -> None:
        try:
            here = asyncio.get_running_loop() is self._loop
        except RuntimeError:
            here = False
        if here:
            call(*args)
        else:
            self._loop.call_soon_threadsafe(call, *args)

    # Reading with `async for`

    def __aiter__(self) -> Client:
        return self

    async def __anext__(self) -> str | bytes:
        if self.inbox is None:
            raise TypeError("only `async def f(client)` reads with `async for`")
        return await self.inbox.take()


class Inbox:
    """Messages that wait for a function that reads with `async for`. Filled by the endpoint."""

    def __init__(self) -> None:
        self._unread: deque[str | bytes] = deque()
        self._size = 0
        self._changed = asyncio.Event()
        self._over = False

    async def take(self) -> str | bytes:
        """Raises StopAsyncIteration at the end."""
        while not self._unread:
            if self._over:
                raise StopAsyncIteration
            await self._change()
        message = self._unread.popleft()
        self._size -= len(message)
        self._changed.set()
        return message

    def put(self, message: str | bytes) -> bool:
        """False, and not put, when too much waits."""
        if self._size + len(message) > MAX_UNREAD:
            return False
        self._unread.append(message)
        self._size += len(message)
        self._changed.set()
        return True

    async def put_when_read(self, message: str | bytes) -> None:
        """Waits while much waits."""
        while self._unread and not self._over and self._size + len(message) > MAX_UNREAD:
            await self._change()
        self._unread.append(message)
        self._size += len(message)
        self._changed.set()

    def end(self) -> None:
        """Nothing more will come."""
        self._over = True
        self._changed.set()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()
