"""A user's WebSocket behind the front door in Rust: messages go from the hub's batch straight to the user's function.

The same as `endpoint` says of a `Socket`, without a task and a queue for each connection where the function is sync.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import deque
from collections.abc import Awaitable
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4

from roomful.core.errors import Denied
from roomful.edge.websocket.client import Client, Inbox
from roomful.edge.websocket.endpoint import FAILED, WebSocketEndpoint, admit, tell_close
from roomful.edge.websocket.handler import OnMessage
from roomful.edge.websocket.runners import Runners
from roomful.ports import Hub, Opening

log = logging.getLogger("roomful.websocket")

MAX_WAITING = 1 << 20
"""Bytes of one client that wait for its async function; one that sends on is closed."""
TOO_FAST = 1008


class DoorEndpoint:
    """One path's. `opened` is for `Hub.route`."""

    def __init__(self, hub: Hub, endpoint: WebSocketEndpoint) -> None:
        self._hub = hub
        self._endpoint = endpoint
        self._waits = endpoint.handler.waits
        self._tasks: set[asyncio.Task[None]] = set()
        self.runners = Runners(self.later)

    def opened(self, opening: Opening) -> None:
        if not self._endpoint.origins.allow(opening.headers):
            self._hub.refuse(opening.connection, 403, "this page may not connect here")
            return
        one = _Conversation(self, self._hub, self._endpoint, opening)
        if self._endpoint.handler.connect is None:
            one.begin(self._waits)
        else:
            self.later(self._admit(one, opening.connection))

    async def _admit(self, one: _Conversation, connection: int) -> None:
        try:
            await admit(self._endpoint.handler, one.client, self._endpoint.deadline_s)
        except Denied as refused:
            self._hub.refuse(connection, 403, refused.message)
        else:
            one.begin(self._waits)

    def later(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """The hub has told every client its end: what is still running may finish."""
        self.runners.end()
        if self._tasks:
            _, late = await asyncio.wait(tuple(self._tasks), timeout=self._endpoint.deadline_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)


class _Conversation:
    """One client: its `Wire`, and the hub's `Listener`."""

    __slots__ = (
        "_early",
        "_endpoint",
        "_hub",
        "_open",
        "_owner",
        "_size",
        "_waiting",
        "_waits",
        "_working",
        "_writable",
        "client",
        "connection",
    )  # fmt: skip

    def __init__(self, owner: DoorEndpoint, hub: Hub, endpoint: WebSocketEndpoint, opening: Opening) -> None:
        self._owner = owner
        self._hub = hub
        self._endpoint = endpoint
        self.connection = opening.connection
        self._open = False
        self._early: list[tuple[Any, ...]] | None = []
        """What `connect` sent, before the handshake is answered."""
        self._waits = False
        self._waiting: deque[str | bytes | Awaitable[Any]] = deque()
        self._size = 0
        self._working = False
        """A task has this client's messages, or is about to."""
        self._writable: asyncio.Event | None = None
        self.client = Client(
            uuid4().hex,
            opening.path,
            dict(parse_qsl(opening.query, keep_blank_values=True)),
            opening.headers,
            opening.peer,
            _wire=self,
            _loop=asyncio.get_running_loop(),
            inbox=None if endpoint.handler.run is None else Inbox(),
        )

    def begin(self, waits: bool) -> None:
        self._waits = waits
        self._open = True
        self._hub.accept(self.connection, self)
        early, self._early = self._early, None
        for call, *arguments in early or ():
            call(*arguments)
        if self._endpoint.handler.run is not None:
            self._owner.later(self._run())

    # Wire

    def send(self, message: str | bytes) -> None:
        if self._early is not None:
            self._early.append((self.send, message))
        elif self._open:
            self._hub.send((self.connection,), message)

    def close(self, code: int, reason: str) -> None:
        if self._early is not None:
            self._early.append((self.close, code, reason))
        elif self._open:
            self._hub.close(self.connection, code, reason)

    async def drained(self) -> None:
        if self._writable is not None:
            await self._writable.wait()

    # Listener

    def message(self, message: str | bytes) -> None:
        handler, inbox = self._endpoint.handler, self.client.inbox
        if inbox is not None:
            if not inbox.put(message):
                self._hub.close(self.connection, TOO_FAST, "too many messages")
        elif handler.message is None:
            return
        elif self._waits or self._working:
            self._queue(message, len(message))
        else:
            self._call(handler.message, message)

    def _call(self, on_message: OnMessage, message: str | bytes) -> None:
        try:
            answer = on_message(self.client, message)
            if answer is None:
                return
            if inspect.isawaitable(answer):
                self._queue(answer, 0)
            else:
                self.client.send(answer)
        except Exception:  # noqa: BLE001 - logged, and its client's end
            self._failed()

    def _failed(self) -> None:
        log.exception("%s failed: its client's connection ends", self._endpoint.handler.name)
        self.close(FAILED, "the server failed")

    def _queue(self, what: str | bytes | Awaitable[Any], size: int) -> None:
        """For the task that handles this client's messages one after the other."""
        self._size += size
        if self._size > MAX_WAITING:
            self._hub.close(self.connection, TOO_FAST, "too many messages")
            return
        self._waiting.append(what)
        if not self._working:
            self._working = True
            self._owner.runners.put(self)

    async def work(self) -> None:
        """One message after the other."""
        on_message = self._endpoint.handler.message
        assert on_message is not None
        while self._waiting:
            what = self._waiting.popleft()
            try:
                answer: Any
                if isinstance(what, (str, bytes)):
                    self._size -= len(what)
                    answer = on_message(self.client, what)
                else:
                    answer = what
                if inspect.isawaitable(answer):
                    answer = await answer
                if answer is not None:
                    self.client.send(answer)
            except Exception:  # noqa: BLE001 - logged, and its client's end
                self._failed()
                self._waiting.clear()
        self._working = False

    async def _run(self) -> None:
        run = self._endpoint.handler.run
        assert run is not None
        try:
            await run(self.client)
        except Exception:  # noqa: BLE001 - logged, and its client's end
            self._failed()
        else:
            self.close(1000, "")

    def closed(self, code: int, reason: str) -> None:
        if not self._open:
            return
        self._open = False
        if self.client.inbox is not None:
            self.client.inbox.end()
        if self._writable is not None:
            self._writable.set()
        self._owner.later(tell_close(self._endpoint.handler, self.client, self._endpoint.deadline_s))

    def slow(self, slow: bool) -> None:
        if self._writable is None:
            self._writable = asyncio.Event()
        if slow:
            self._writable.clear()
        else:
            self._writable.set()
