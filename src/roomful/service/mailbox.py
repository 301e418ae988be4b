"""What waits to be told to one session: a bounded queue between a room's task and an edge's writer.

Filled by `service.actor`, emptied by the session's endpoint. A reader that falls behind is closed as slow;
nothing is ever dropped silently or queued without bound.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from roomful.core.events import Event, LeaveReason, Left
from roomful.ports import MediaOffer, SectionsWanted

if TYPE_CHECKING:
    from roomful.service.actor import RoomActor

Item = Event | MediaOffer | SectionsWanted


class Mailbox:
    """`async for item in mailbox` ends after `Left` (or `close`); `take_ready` never waits."""

    __slots__ = ("_closed", "_items", "_limit", "_wake", "at_once", "overflowed", "relocate")

    def __init__(self, limit: int = 1_024) -> None:
        self._items: deque[Item] = deque()
        self._limit = limit
        self._wake = asyncio.Event()
        self._closed = False
        self.overflowed = False
        self.at_once: Callable[[Item], bool] | None = None
        """Set by a reader that can take an item in the middle of `put`, when nothing waits before it: no task has to wake for it.
        False when it cannot just now. It must not raise.
        """
        self.relocate: Callable[[RoomActor], None] | None = None
        """Set by a session that can go on in another room: from then on it speaks to that one. It must not raise."""

    @property
    def closed(self) -> bool:
        """Nothing more will be put; what was put may still be read."""
        return self._closed

    def put(self, item: Item) -> bool:
        """False when it did not fit or is closed: then it is closed, and its last word is `Left(SLOW_READER)`."""
        if self._closed:
            return False
        if self.at_once is not None and not self._items and self.at_once(item):
            return True
        if len(self._items) >= self._limit:
            self.overflowed = True
            self._items.clear()
            self.close(Left(LeaveReason.SLOW_READER))
            return False
        self._items.append(item)
        self._wake.set()
        return True

    def close(self, last: Left | None = None) -> None:
        """Ends it, after a last word."""
        if self._closed:
            return
        if last is not None:
            self._items.append(last)
        self._closed = True
        self._wake.set()

    def take_ready(self) -> list[Item]:
        """All that is there now: what must be written before an answer that was asked for."""
        items = list(self._items)
        self._items.clear()
        if not self._closed:
            self._wake.clear()
        return items

    async def ready(self) -> bool:
        """Waits until there is something to take; False when it is closed and empty."""
        while not self._items:
            if self._closed:
                return False
            self._wake.clear()
            await self._wake.wait()
        return True

    async def get(self) -> Item | None:
        """The next item; None when it is closed and empty."""
        return self._items.popleft() if await self.ready() else None

    def __aiter__(self) -> Mailbox:
        return self

    async def __anext__(self) -> Item:
        item = await self.get()
        if item is None:
            raise StopAsyncIteration
        return item
