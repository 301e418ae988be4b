"""Posts messages to the webhook URLs: in order for each room, again until they arrive, and what waits is bounded.

Fed by an observer of rooms, ended by the composition root. Nothing that was taken is lost while the process lives, save
what a receiver refuses and what exceeds `MAX_WAITING`; both are logged.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx

from roomful.webhooks.message import Message, check_url, try_again, wait_s

log = logging.getLogger("roomful.webhooks")

MAX_WAITING = 100_000
"""Messages to one URL."""
MAX_AT_ONCE = 16
"""Requests to one URL at the same time."""
REQUEST_S = 10.0

Sign = Callable[[bytes], str]
"""The Authorization header for a body."""


@dataclass(slots=True)
class _Target:
    url: str
    gate: asyncio.Semaphore
    waiting: int = 0
    rooms: dict[str, deque[Message]] = field(default_factory=dict[str, deque[Message]])

    @property
    def shown(self) -> str:
        """Without what may be secret: user, path and query."""
        return urlsplit(self.url).hostname or ""


class Delivery:
    """Made and used in the running event loop. Raises ConfigError for a URL that cannot be."""

    def __init__(
        self, urls: Sequence[str], sign: Sign, *, user_agent: str, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._targets = [_Target(check_url(url), asyncio.Semaphore(MAX_AT_ONCE)) for url in dict.fromkeys(urls)]
        self._sign = sign
        self._client = httpx.AsyncClient(
            timeout=REQUEST_S, follow_redirects=False, headers={"User-Agent": user_agent}, transport=transport
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self._hurry = asyncio.Event()

    @property
    def waiting(self) -> int:
        """Messages that have not arrived."""
        return sum(target.waiting for target in self._targets)

    def put(self, message: Message) -> None:
        """To every URL; returns at once."""
        for target in self._targets:
            if target.waiting >= MAX_WAITING:
                log.error("%s: too much waits, %s is not sent", target.shown, message.event)
                continue
            target.waiting += 1
            queue = target.rooms.get(message.room)
            if queue is not None:
                queue.append(message)
                continue
            target.rooms[message.room] = deque([message])
            task = asyncio.create_task(self._send_room(target, message.room), name=f"webhook {message.room}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def stop(self, within_s: float = 10.0) -> None:
        """Nothing more is put. What waits is sent, without long pauses, as far as the time allows."""
        self._hurry.set()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=within_s)
        if self._tasks:
            log.error("%d webhook messages did not arrive before the end", self.waiting)
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.aclose()

    async def _send_room(self, target: _Target, room: str) -> None:
        queue = target.rooms[room]
        try:
            while queue:
                await self._send(target, queue[0])
                queue.popleft()
                target.waiting -= 1
        finally:
            del target.rooms[room]

    async def _send(self, target: _Target, message: Message) -> None:
        """Returns when it has arrived, or was refused for good."""
        attempt = 0
        while True:
            attempt += 1
            async with target.gate:
                trouble = await self._post(target, message)
            if trouble is None:
                return
            log.log(
                logging.WARNING if attempt == 1 else logging.INFO,
                "%s: %s was not taken (attempt %d): %s",
                target.shown,
                message.event,
                attempt,
                trouble,
            )
            await self._pause(attempt)

    async def _pause(self, attempt: int) -> None:
        pause = wait_s(attempt, random.random())
        if self._hurry.is_set():
            await asyncio.sleep(min(pause, 1.0))
            return
        try:
            async with asyncio.timeout(pause):
                await self._hurry.wait()
        except TimeoutError:
            return

    async def _post(self, target: _Target, message: Message) -> str | None:
        """None when there is nothing more to do; otherwise why it shall be tried again."""
        headers = {"Authorization": self._sign(message.body), "Content-Type": message.content_type}
        try:
            async with self._client.stream("POST", target.url, content=message.body, headers=headers) as response:
                status = response.status_code
        except (httpx.HTTPError, OSError) as error:
            return type(error).__name__
        if 200 <= status < 300:
            return None
        if try_again(status):
            return f"status {status}"
        log.error("%s: %s was refused for good: status %d", target.shown, message.event, status)
        return None
