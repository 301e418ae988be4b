"""Questions put to threads in Rust that wait for their answer: numbered, timed, failed together when those die.

Called by the adapters of the media engine and of the hub.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from roomful.core.errors import RoomfulError, Unavailable

T = TypeVar("T")


class Requests(Generic[T]):
    """Numbers count up and are never used twice. `whom` names who is asked, for people."""

    def __init__(self, whom: str, timeout_s: float) -> None:
        self._whom = whom
        self._timeout_s = timeout_s
        self._next = 0
        self._waiting: dict[int, asyncio.Future[T]] = {}
        self._dead: RoomfulError | None = None

    async def ask(self, send: Callable[[int], None]) -> T:
        """Sends with a fresh number and waits. Raises Unavailable (`timeout`), what `die` was told, and what is refused."""
        if self._dead is not None:
            raise self._dead
        self._next += 1
        number = self._next
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            send(number)
            async with asyncio.timeout(self._timeout_s):
                return await future
        except TimeoutError:
            raise Unavailable(f"{self._whom} did not answer in time", code="timeout") from None
        finally:
            self._waiting.pop(number, None)

    def answer(self, number: int, value: T) -> None:
        """Late answers are dropped."""
        future = self._waiting.get(number)
        if future is not None and not future.done():
            future.set_result(value)

    def fail(self, number: int, error: RoomfulError) -> None:
        future = self._waiting.get(number)
        if future is not None and not future.done():
            future.set_exception(error)

    def die(self, error: RoomfulError) -> None:
        """Nothing is asked any more."""
        self._dead = error
        for number in list(self._waiting):
            self.fail(number, error)
