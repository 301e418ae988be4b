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
        """Never waits; who reads too slowly is closed (1008 or 1013)."""
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


MAX_UNREAD = 256
"""Messages that wait for a function that reads with `async for`; then the socket is read no further."""


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
    _unread: deque[str | bytes] = field(default_factory=deque[str | bytes])
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _room: asyncio.Event = field(default_factory=asyncio.Event)
    _over: bool = False

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
        while not self._unread:
            if self._over:
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        self._room.set()
        return self._unread.popleft()

    async def put(self, message: str | bytes) -> None:
        """For the endpoint: a message to be read."""
        while len(self._unread) >= MAX_UNREAD:
            self._room.clear()
            await self._room.wait()
        self._unread.append(message)
        self._news.set()

    def end(self) -> None:
        """For the endpoint: nothing more will be read."""
        self._over = True
        self._news.set()
