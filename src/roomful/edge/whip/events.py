"""Server-sent events to WHEP players (draft-ietf-wish-whep, events extension): what waits for one player's stream, bounded.

Filled by `endpoint`, read by the response that the player holds open. A player that does not read loses its stream, nobody else.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Mapping

KINDS = ("active", "inactive", "layers", "reconnect", "viewercount")
MAX_WAITING = 64
KEEP_ALIVE_S = 15.0
"""A comment line after so much silence, for whatever stands between."""


def frame(kind: str, data: Mapping[str, object]) -> bytes:
    """As the WHATWG's event stream writes it, on one data line."""
    return f"event: {kind}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode()


class EventStream:
    """`kinds` is what the player asked for."""

    def __init__(self, kinds: frozenset[str]) -> None:
        self.kinds = kinds
        self._waiting: deque[bytes] = deque()
        self._wake = asyncio.Event()
        self.closed = False

    def put(self, kind: str, data: Mapping[str, object]) -> None:
        if self.closed or kind not in self.kinds:
            return
        self._waiting.append(frame(kind, data))
        if len(self._waiting) > MAX_WAITING:
            self.close()
        self._wake.set()

    def close(self) -> None:
        """What waits is still told."""
        self.closed = True
        self._wake.set()

    async def read(self) -> AsyncIterator[bytes]:
        """Until it is closed, or the player goes."""
        yield b": here\n\n"
        while True:
            while self._waiting:
                yield self._waiting.popleft()
            if self.closed:
                return
            self._wake.clear()
            try:
                async with asyncio.timeout(KEEP_ALIVE_S):
                    await self._wake.wait()
            except TimeoutError:
                yield b": here\n\n"
