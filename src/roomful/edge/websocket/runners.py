"""Tasks that call async functions for many clients: one task serves all whose functions do not wait, and each that waits has one.

A task for each client, woken for each message, costs more than a short function itself. Made by `door`; knows no message.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

MOST_IDLE = 64
"""Tasks that are kept for the next time many functions wait at once."""


class Turn(Protocol):
    """Somebody with something to do."""

    async def work(self) -> None:
        """Until nothing is left to do. Raises nothing."""
        ...


class Runners:
    """`later` starts a task and keeps it. All calls in the event loop's thread."""

    def __init__(self, later: Callable[[Coroutine[Any, Any, None]], None]) -> None:
        self._later = later
        self._ready: deque[Turn] = deque()
        self._idle: list[asyncio.Future[None]] = []
        self._started = False
        """A task has been woken, and `_look` comes after its first step."""
        self._ended = False

    def put(self, turn: Turn) -> None:
        """It works soon; whoever was put before works before, up to its first wait."""
        self._ready.append(turn)
        if not self._started:
            self._start()

    def end(self) -> None:
        """Idle tasks end; those at work finish what they have."""
        self._ended = True
        for idle in self._idle:
            idle.set_result(None)
        self._idle.clear()

    def _start(self) -> None:
        self._started = True
        if self._idle:
            self._idle.pop().set_result(None)
        else:
            self._later(self._run())
        # Comes after the task's step: when turns are left then, that task waits in somebody's function.
        asyncio.get_running_loop().call_soon(self._look)

    def _look(self) -> None:
        self._started = False
        if self._ready:
            self._start()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            while self._ready:
                await self._ready.popleft().work()
            if self._ended or len(self._idle) >= MOST_IDLE:
                return
            idle = loop.create_future()
            self._idle.append(idle)
            await idle
