"""What one connection is still to be sent: bounded, and written by a task of its own, so that a reader who does not read
holds up nobody else. Used by edges whose sessions tell each other things.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable

from roomful.edge.socket import Socket, SocketClosed

MAX_WAITING = 1 << 20
"""Bytes."""
END_S = 5.0
"""How long what waits may take to be written once the connection is to end."""
TOO_SLOW = 1008
"""RFC 6455 §7.4.1: policy."""


class Line:
    """One for a connection; `run` is its life. All else may be called before, during and after, and never waits."""

    def __init__(self, socket: Socket, *, max_waiting: int = MAX_WAITING) -> None:
        self._socket = socket
        self._max = max_waiting
        self._waiting: deque[str | bytes] = deque()
        self._size = 0
        self._some = asyncio.Event()
        self._cut = asyncio.Event()
        self._end: tuple[int, str] | None = None

    def put(self, message: str | bytes) -> bool:
        """False when the other side reads too slowly (it is then closed, 1008) or is gone."""
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

    async def run(self, handle: Callable[[str | bytes], None]) -> None:
        """Hands each message to `handle`, writes what is put, until either side ends. Errors of `handle` pass through."""
        reading = asyncio.create_task(self._read(handle))
        writing = asyncio.create_task(self._write())
        cut = asyncio.create_task(self._cut.wait())
        try:
            await asyncio.wait((reading, writing, cut), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.end()
            for task in (reading, writing, cut):
                task.cancel()
            results = await asyncio.gather(reading, writing, return_exceptions=True)
        code, reason = self._end or (1000, "")
        # Who does not read does not read this either.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_S):
                await self._socket.close(code, reason)
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, SocketClosed | TimeoutError):
                raise result

    async def _read(self, handle: Callable[[str | bytes], None]) -> None:
        while self._end is None:
            handle(await self._socket.receive())
        # What is still to be written is waited for by the writer.
        await self._cut.wait()

    async def _write(self) -> None:
        while True:
            while self._waiting:
                message = self._waiting.popleft()
                self._size -= len(message)
                async with asyncio.timeout(END_S if self._end is not None else None):
                    await self._socket.send(message)
            if self._end is not None:
                return
            self._some.clear()
            await self._some.wait()
