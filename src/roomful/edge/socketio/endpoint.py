"""Serves RTCMultiConnection's pages under `/socket.io/` with python-socketio. Wired by `roomful.app`.

That library has no bound on what waits for somebody who does not read, nor on how many come or how fast they talk. Those
bounds are kept here, around it: `_Door` sees each request and WebSocket before the library does.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, assert_never
from urllib.parse import parse_qs
from uuid import uuid4

import socketio  # pyright: ignore[reportMissingTypeStubs]
from socketio.exceptions import ConnectionRefusedError as Refused  # pyright: ignore[reportMissingTypeStubs]
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Message, Receive, Scope, Send

from roomful.core.bucket import Bucket
from roomful.core.errors import RoomfulError
from roomful.edge.origins import Origins
from roomful.edge.socketio import wire
from roomful.edge.socketio.session import Bounds, Done, Drop, Emit, Output, Rooms
from roomful.ports import Clock

log = logging.getLogger("roomful.socketio")
_LIBRARY = logging.getLogger("roomful.socketio.library")
"""It writes down strangers' nonsense as errors with a traceback; what goes wrong here is logged here."""
_LIBRARY.setLevel(logging.CRITICAL)

PATH = "/socket.io/"
MAX_WAITING = 1 << 20
"""Bytes that wait for one connection; beyond it ends."""
FRAMES, FRAMES_PER_S = 600, 100
"""Of one WebSocket, before anything looks into them."""
POSTS_PER_S = 50
"""Of one session without a WebSocket."""
END_S = 1.0


class _Backlog(asyncio.Queue[Any]):
    """The library's queue of packets to one connection, which knows its size in bytes."""

    def _init(self, maxsize: int) -> None:
        super()._init(maxsize)
        self.size = 0

    def _put(self, item: Any) -> None:
        self.size += _bytes(item)
        super()._put(item)

    def _get(self) -> Any:
        item = super()._get()
        self.size -= _bytes(item)
        return item


def _bytes(packet: Any) -> int:
    data = getattr(packet, "data", None)
    return len(data) if isinstance(data, (str, bytes)) else 64


class SocketIoEdge:
    """One for a server."""

    def __init__(self, clock: Clock, origins: Origins, *, bounds: Bounds | None = None) -> None:
        self._clock = clock
        self._origins = origins
        self._bounds = bounds or Bounds()
        self._rooms = Rooms(self._bounds)
        library: Any = socketio
        self._server: Any = library.AsyncServer(
            async_mode="asgi",
            # Asked by `_Door` before.
            cors_allowed_origins="*",
            cors_credentials=False,
            max_http_buffer_size=wire.MAX_MESSAGE,
            http_compression=False,
            # One after the other for each connection: in order, and no faster than they are handled.
            async_handlers=False,
            logger=_LIBRARY,
            engineio_logger=_LIBRARY,
        )
        self._server.eio.create_queue = _Backlog
        self._server.on("connect", self._connect)
        self._server.on("disconnect", self._disconnect)
        self._server.on("*", self._event)
        self._door = _Door(self._server, clock, origins, self._bounds.users)

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/socket.io/", self._door, methods=["GET", "POST", "OPTIONS"]),
            WebSocketRoute("/socket.io/", self._door),
        ]

    async def _connect(self, sid: str, environ: Mapping[str, Any], auth: object = None) -> None:
        query = {name: values[-1] for name, values in parse_qs(environ.get("QUERY_STRING", "")).items()}
        try:
            outputs = self._rooms.connect(sid, wire.entry(query), uuid4().hex)
        except RoomfulError as refused:
            raise Refused(refused.message) from None
        await self._do(outputs)

    async def _disconnect(self, sid: str, reason: object = None) -> None:
        connection = self._connection(sid)
        if connection is not None:
            self._door.forget(connection.sid)
        await self._do(self._rooms.disconnect(sid))

    async def _event(self, event: str, sid: str, *args: object) -> tuple[object, ...]:
        try:
            done = self._rooms.event(sid, event, args, self._clock.now_ms())
        except Exception:
            log.exception("an event failed")
            done = Done()
        await self._do(done.outputs)
        return done.answer

    async def _do(self, outputs: list[Output]) -> None:
        for output in outputs:
            match output:
                case Emit(sid=sid, event=event, args=args):
                    if self._reads(sid):
                        await self._server.emit(event, args, to=sid)
                    else:
                        await self._drop(sid)
                case Drop(sid=sid, reason=reason):
                    log.info("a connection ends: %s", reason)
                    await self._drop(sid)
                case _:
                    assert_never(output)

    def _reads(self, sid: str) -> bool:
        connection = self._connection(sid)
        return connection is None or connection.queue.size < MAX_WAITING

    def _connection(self, sid: str) -> Any:
        engine = self._server.manager.eio_sid_from_sid(sid, "/")
        return self._server.eio.sockets.get(engine)

    async def _drop(self, sid: str) -> None:
        """At once: what waits is forgotten."""
        connection = self._connection(sid)
        if connection is None:
            return
        while not connection.queue.empty():
            connection.queue.get_nowait()
        self._door.cut(connection.sid)
        await connection.close(wait=False, abort=True)

    async def stop(self) -> None:
        for engine in list(self._server.eio.sockets):
            self._door.cut(engine)
        await self._server.shutdown()


@dataclass(slots=True)
class _Life:
    """One WebSocket. `name` is the library's for the connection, once it has one."""

    name: str = ""
    over: asyncio.Event = field(default_factory=asyncio.Event)


_LIFE: ContextVar[_Life | None] = ContextVar("life", default=None)


class _Door:
    """Origins, how many, how fast; and a way to end a WebSocket whose writer is stuck."""

    def __init__(self, server: Any, clock: Clock, origins: Origins, most: int) -> None:
        self._app = socketio.ASGIApp(server, socketio_path=PATH)
        self._sockets: dict[str, Any] = server.eio.sockets
        self._new_name: Callable[[], str] = server.eio.generate_id
        server.eio.generate_id = self._named
        self._clock = clock
        self._origins = origins
        self._most = most
        self._lives: dict[str, _Life] = {}
        self._posts: dict[str, Bucket] = {}

    def cut(self, name: str) -> None:
        """Ends a connection's WebSocket, if it has one."""
        if name in self._lives:
            self._lives[name].over.set()

    def _named(self) -> str:
        """The library asks for a name in the task that serves the connection."""
        name, life = self._new_name(), _LIFE.get()
        if life is not None:
            life.name = name
            self._lives[name] = life
        return name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        known = query.get("sid", [""])[0]
        refusal = self._refusal(scope, known)
        if refusal is not None:
            await _refuse(refusal, scope, receive, send)
        elif scope["type"] == "websocket":
            await self._socket(scope, receive, send, known)
        else:
            await self._app(scope, receive, send)

    def _refusal(self, scope: Scope, known: str) -> tuple[int, str] | None:
        if not self._origins.allow(Headers(scope=scope)):
            return 403, "this page may not connect here"
        if known not in self._sockets and len(self._sockets) >= self._most:
            return 503, "too many connections"
        if scope["type"] == "http" and scope["method"] == "POST" and not self._may_post(known):
            return 429, "too many requests"
        return None

    def _may_post(self, known: str) -> bool:
        if known not in self._sockets:
            # The library refuses it.
            return True
        bucket = self._posts.setdefault(known, Bucket(POSTS_PER_S * 4, POSTS_PER_S))
        return bucket.take(self._clock.now_ms())

    def forget(self, name: str) -> None:
        """A connection is gone."""
        self._posts.pop(name, None)

    async def _socket(self, scope: Scope, receive: Receive, send: Send, known: str) -> None:
        life, bucket = _Life(), Bucket(FRAMES, FRAMES_PER_S)
        if known in self._sockets:
            life.name = known
            self._lives[known] = life

        async def bounded() -> Message:
            message = await receive()
            if message["type"] == "websocket.receive" and not bucket.take(self._clock.now_ms()):
                log.info("a connection ends: too many frames")
                life.over.set()
            return message

        _LIFE.set(life)
        serving = asyncio.ensure_future(self._app(scope, bounded, send))
        ending = asyncio.create_task(life.over.wait())
        try:
            await asyncio.wait((serving, ending), return_when=asyncio.FIRST_COMPLETED)
            if not serving.done():
                with contextlib.suppress(TimeoutError, RuntimeError, OSError):
                    async with asyncio.timeout(END_S):
                        await send({"type": "websocket.close", "code": 1008, "reason": "too slow or too fast"})
        finally:
            if self._lives.get(life.name) is life:
                del self._lives[life.name]
            ending.cancel()
            if not serving.done():
                connection = self._sockets.get(life.name)
                if connection is not None:
                    await connection.close(wait=False, abort=True)
                serving.cancel()
                await asyncio.wait((serving,), timeout=END_S)


async def _refuse(refusal: tuple[int, str], scope: Scope, receive: Receive, send: Send) -> None:
    status, text = refusal
    if scope["type"] == "websocket" and "websocket.http.response" not in scope.get("extensions", {}):
        # Servers without the extension answer 403.
        await send({"type": "websocket.close"})
    else:
        await PlainTextResponse(text, status)(scope, receive, send)
