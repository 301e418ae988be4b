"""Serves a user's WebSocket over any `Socket`: asks before it accepts, hands over messages in order, tells of the end.

Made by `roomful.app`. What a user's function raises ends its own client's connection (1011) and is logged, nothing else.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from roomful.core.errors import Denied, RoomfulError
from roomful.edge.line import MAX_MESSAGE, MAX_WAITING, Line
from roomful.edge.origins import Origins
from roomful.edge.socket import Socket, SocketClosed
from roomful.edge.websocket.client import Client, Inbox
from roomful.edge.websocket.handler import Handler

log = logging.getLogger("roomful.websocket")

FAILED = 1011
"""RFC 6455 §7.4.1: the server could not go on."""


class _LineWire:
    """`Wire` of a `Line`."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def send(self, message: str | bytes) -> None:
        self._line.put(message)

    def close(self, code: int, reason: str) -> None:
        self._line.end(code, reason)

    async def drained(self) -> None:
        await self._line.drained(MAX_WAITING // 4)


class WebSocketEndpoint:
    """One path's. `deadline_s` is how long connecting and closing may take; a message may take its time."""

    def __init__(
        self, path: str, handler: Handler, origins: Origins, *, deadline_s: float, page: Path | None = None
    ) -> None:
        self.path = path
        self.handler = handler
        self.origins = origins
        self.deadline_s = deadline_s
        self._page = page
        self._lines: set[Line] = set()

    def routes(self) -> list[BaseRoute]:
        """A page for browsers that come to the same path."""
        return [] if self._page is None else [Route(self.path, self._show, methods=["GET"])]

    async def _show(self, request: Request) -> Response:
        assert self._page is not None
        headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}
        return FileResponse(self._page, media_type="text/html", headers=headers)

    async def serve(self, socket: Socket) -> None:
        """One connection from its handshake to its end."""
        if not self.origins.allow(socket.headers):
            await socket.refuse(403, "this page may not connect here")
            return
        line = Line(socket, max_message=MAX_MESSAGE)
        client = Client(
            uuid4().hex,
            socket.path,
            socket.query,
            socket.headers,
            socket.peer,
            _wire=_LineWire(line),
            _loop=asyncio.get_running_loop(),
            inbox=None if self.handler.run is None else Inbox(),
        )
        try:
            await admit(self.handler, client, self.deadline_s)
        except Denied as refused:
            await socket.refuse(403, refused.message)
            return
        self._lines.add(line)
        try:
            try:
                await socket.accept()
            except SocketClosed:
                return
            await self._talk(line, client, socket)
        finally:
            self._lines.discard(line)
            if client.inbox is not None:
                client.inbox.end()
            await tell_close(self.handler, client, self.deadline_s)

    async def _talk(self, line: Line, client: Client, socket: Socket) -> None:
        handler = self.handler
        try:
            if handler.run is not None and client.inbox is not None:
                await line.beside(_running(handler.run, client, client.inbox, line))
            else:
                await line.run(_messages(handler, client))
        except Exception:
            log.exception("%s failed: its client's connection ends", handler.name)

    async def stop(self) -> None:
        for line in self._lines:
            line.end(1012, "the server restarts")


async def admit(handler: Handler, client: Client, deadline_s: float) -> None:
    """Raises Denied: also when the user's function fails, or does not answer in time."""
    if handler.connect is None:
        return
    try:
        async with asyncio.timeout(deadline_s):
            verdict = handler.connect(client)
            if inspect.isawaitable(verdict):
                verdict = await verdict
    except RoomfulError as refused:
        raise Denied(refused.message) from None
    except TimeoutError:
        log.error("connect of %s took longer than %s s", handler.name, deadline_s)
        raise Denied("the server could not decide in time") from None
    except Exception:
        log.exception("connect of %s failed", handler.name)
        raise Denied("the server could not decide") from None
    if verdict is False:
        raise Denied("you may not connect here")


async def tell_close(handler: Handler, client: Client, deadline_s: float) -> None:
    """Of everybody who was admitted."""
    if handler.close is None:
        return
    try:
        async with asyncio.timeout(deadline_s):
            done = handler.close(client)
            if inspect.isawaitable(done):
                await done
    except Exception:
        log.exception("close of %s failed", handler.name)


def _messages(handler: Handler, client: Client) -> Callable[[str | bytes], Awaitable[None] | None]:
    on_message = handler.message

    def handle(message: str | bytes) -> Awaitable[None] | None:
        if on_message is None:
            return None
        try:
            answer = on_message(client, message)
        except Exception:
            client.close(FAILED, "the server failed")
            raise
        if answer is None:
            return None
        if isinstance(answer, (str, bytes)):
            client.send(answer)
            return None
        return _answer(client, answer)

    return handle


async def _answer(client: Client, answer: Awaitable[str | bytes | None]) -> None:
    try:
        said = await answer
    except Exception:
        client.close(FAILED, "the server failed")
        raise
    if said is not None:
        client.send(said)


async def _running(run: Callable[[Client], Awaitable[object]], client: Client, inbox: Inbox, line: Line) -> None:
    """Reads for a function of the `async for` style, until it returns. At the other side's end the loop ends, and the
    function may finish."""

    async def read() -> None:
        try:
            while True:
                await inbox.put_when_read(await line.receive())
        except SocketClosed:
            inbox.end()

    reading = asyncio.create_task(read())
    try:
        await run(client)
    except Exception:
        client.close(FAILED, "the server failed")
        raise
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
