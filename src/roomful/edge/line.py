"""What one connection is still to be sent: bounded, and written by a task of its own, so that a reader who does not read
holds up nobody else. Used by edges whose sessions tell each other things.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine

from roomful.edge.socket import Socket, SocketClosed

MAX_WAITING = 1 << 20
"""Bytes."""
END_S = 5.0
"""How long what waits may take to be written once the connection is to end."""
MAX_MESSAGE = 64 * 1024
"""Bytes, as behind the front door."""
TOO_LONG = 1009
"""RFC 6455 §7.4.1."""
TOO_SLOW = 1013
"""Of IANA's registry: try again later. The hub says the same."""


class Line:
    """One for a connection; `run` is its life. All else may be called before, during and after, and never waits."""

    def __init__(self, socket: Socket, *, max_waiting: int = MAX_WAITING, max_message: int | None = None) -> None:
        """In bytes; `max_message` is None where the edge has its own word for what is too long."""
        self._socket = socket
        self._max_message = max_message
        self._max = max_waiting
        self._waiting: deque[str | bytes] = deque()
        self._size = 0
        self._some = asyncio.Event()
        self._less = asyncio.Event()
        self._cut = asyncio.Event()
        self._end: tuple[int, str] | None = None

    async def drained(self, below: int) -> None:
        """Until fewer bytes wait, or the other side is gone."""
        while self._size >= below and self._end is None:
            self._less.clear()
            await self._less.wait()

    def put(self, message: str | bytes) -> bool:
        """False when the other side reads too slowly (it is then closed, 1013) or is gone."""
        if self._end is not None:
            return False
        if self._size + len(message) > self._max:
            self._waiting.clear()
            self._size = 0
            self.end(TOO_SLOW, "too slow")
            self._cut.set()
            return False
        self._waiting.append(message)
        self._size += len(message)
        self._some.set()
        return True

    def end(self, code: int = 1000, reason: str = "") -> None:
        """Closes after what waits has been written. The first reason stands."""
        if self._end is None:
            self._end = (code, reason)
            self._some.set()
            self._less.set()

    async def run(self, handle: Callable[[str | bytes], Awaitable[None] | None]) -> None:
        """Hands each message to `handle`, one after the other, and writes what is put, until either side ends.
        Errors of `handle` pass through.
        """
        await self.beside(self._read(handle))

    async def beside(self, reading: Coroutine[None, None, None]) -> None:
        """Writes what is put while `reading` reads the socket. Where that returns, what waits is still written; where the
        connection ends, it may finish.
        """
        tasks = [asyncio.create_task(one) for one in (reading, self._write(), self._cut.wait())]
        read, written, _ = tasks
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            self.end()
            if read.done() and not read.cancelled() and not isinstance(read.exception(), SocketClosed):
                await asyncio.wait((written,), timeout=END_S)
            written.cancel()
            await self._close()
            await asyncio.wait((read,), timeout=END_S)
        finally:
            self.end()
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(read, written, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, SocketClosed | TimeoutError):
                raise result

    async def _close(self) -> None:
        code, reason = self._end or (1000, "")
        # Who does not read does not read this either.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_S):
                await self._socket.close(code, reason)

    async def receive(self) -> str | bytes:
        """The next message. Raises SocketClosed; a message that is too long ends the connection (1009)."""
        message = await self._socket.receive()
        if self._max_message is not None and len(message) > self._max_message:
            self.end(TOO_LONG, "too long")
            raise SocketClosed
        return message

    async def _read(self, handle: Callable[[str | bytes], Awaitable[None] | None]) -> None:
        while self._end is None:
            handled = handle(await self.receive())
            if handled is not None:
                await handled

    async def _write(self) -> None:
        while True:
            while self._waiting:
                message = self._waiting.popleft()
                self._size -= len(message)
                self._less.set()
                async with asyncio.timeout(END_S if self._end is not None else None):
                    await self._socket.send(message)
            if self._end is not None:
                return
            self._some.clear()
            await self._some.wait()
