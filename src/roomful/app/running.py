"""A server's parts put together and running: engine, directory, hooks, edges. Made by `app.roomful`, once per start."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from starlette.applications import Starlette
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from roomful.core.effects import Happening
from roomful.core.policy import Policy
from roomful.edge.door import DoorSocket
from roomful.edge.socket import Socket, StarletteSocket
from roomful.engine.adapter import NativeMedia
from roomful.engine.native import NativeEngine
from roomful.hub.adapter import HubAdapter
from roomful.plugins.hooks import UserHooks
from roomful.ports import Clock, Ids, Observer, Opening
from roomful.service.chat import Chat
from roomful.service.directory import Directory

log = logging.getLogger("roomful")

END_S = 5.0
"""How long an edge may take to end a connection that is closed."""


@dataclass(frozen=True, slots=True)
class SocketRoute:
    """A WebSocket at an exact path, whoever took its connection."""

    path: str
    serve: Callable[[Socket], Awaitable[None]]
    """One connection from its handshake to its end."""
    opened: Callable[[Opening], None] | None = None
    """Takes the front door's handshakes in place of `serve`, without a `Socket` and a task for each."""
    max_message: int | None = None
    """Bytes, behind the front door; None for the hub's own bound."""

    def asgi(self) -> BaseRoute:
        async def endpoint(websocket: WebSocket) -> None:
            await self.serve(StarletteSocket(websocket))

        return WebSocketRoute(self.path, endpoint)


@dataclass(frozen=True, slots=True)
class Edge:
    """What an edge brings: routes, who listens to happenings, and how it ends (webhooks sent, sessions closed)."""

    routes: tuple[BaseRoute, ...] = ()
    sockets: tuple[SocketRoute, ...] = ()
    observers: tuple[Observer, ...] = ()
    stop: Callable[[], Awaitable[None]] | None = None


EdgeMaker = Callable[[Directory], Edge]


class Closing(Protocol):
    """What runs beside the engine and ends after it."""

    def close(self) -> None: ...


class Running:
    """Everything between `start` and `stop`."""

    def __init__(
        self,
        *,
        native: NativeEngine,
        policy: Policy,
        clock: Clock,
        ids: Ids,
        hooks: UserHooks,
        hub: HubAdapter,
        edges: Iterable[EdgeMaker],
        grace_ms: int,
        turn: Closing | None = None,
        stores: Closing | None = None,
    ) -> None:
        """`grace_ms` is how long WebSockets may take to end after clients were told."""
        self._stores = stores
        self._turn = turn
        self._hooks = hooks
        self._grace_ms = grace_ms
        self._serving: set[asyncio.Task[None]] = set()
        self.hub = hub
        self._observers: list[Observer] = []
        self.engine = NativeMedia(native, ids, timeout_s=policy.request_timeout_s)
        self.directory = Directory(
            engine=self.engine,
            clock=clock,
            ids=ids,
            policy=policy,
            hooks=hooks,
            observers=(self._observe,),
        )
        self.chat: Chat | None = None
        self._edges = [make(self.directory) for make in edges]
        self._observers.extend(observer for edge in self._edges for observer in edge.observers)
        for edge in self._edges:
            for one in edge.sockets:
                hub.route(one.path, one.opened or partial(self._opened, one))
        sockets = [one.asgi() for edge in self._edges for one in edge.sockets]
        self.asgi: ASGIApp = Starlette(routes=[*sockets, *(route for edge in self._edges for route in edge.routes)])

    def _observe(self, happening: Happening) -> None:
        """Edges are made with the directory, so they listen through this."""
        for observer in self._observers:
            observer(happening)

    def _opened(self, route: SocketRoute, opening: Opening) -> None:
        """A handshake at the front door: its edge meets it as a `Socket`."""
        task = asyncio.create_task(self._serve(route, DoorSocket(self.hub, opening, max_message=route.max_message)))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, route: SocketRoute, socket: DoorSocket) -> None:
        try:
            await route.serve(socket)
        except Exception:
            log.exception("a WebSocket at %s failed", route.path)
        finally:
            await socket.close(1011, "the server failed")

    def start(self) -> None:
        """In the running event loop."""
        self.engine.start()
        self.hub.start()

    async def stop(self) -> None:
        """Clients are told, then hooks and webhooks finish, then media ends."""
        await self.directory.drain()
        for edge in self._edges:
            if edge.stop is not None:
                await edge.stop()
        await self.hub.shut(self._grace_ms)
        if self._serving:
            _, late = await asyncio.wait(tuple(self._serving), timeout=END_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._hooks.close()
        await self.engine.close()
        if self._turn is not None:
            self._turn.close()
        if self._stores is not None:
            # Last: what ends may still have something to keep.
            await asyncio.to_thread(self._stores.close)
