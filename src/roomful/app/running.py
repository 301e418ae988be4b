"""A server's parts put together and running: engine, directory, hooks, edges. Made by `app.roomful`, once per start."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from roomful.core.effects import Happening
from roomful.core.policy import Policy
from roomful.edge.socket import Socket, StarletteSocket
from roomful.engine.adapter import NativeMedia
from roomful.engine.native import NativeEngine
from roomful.plugins.hooks import UserHooks
from roomful.ports import Clock, Ids, Observer
from roomful.service.directory import Directory


@dataclass(frozen=True, slots=True)
class SocketRoute:
    """A WebSocket at an exact path, whoever took its connection."""

    path: str
    serve: Callable[[Socket], Awaitable[None]]
    """One connection from its handshake to its end."""

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
        edges: Iterable[EdgeMaker],
    ) -> None:
        self._hooks = hooks
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
        self._edges = [make(self.directory) for make in edges]
        self._observers.extend(observer for edge in self._edges for observer in edge.observers)
        sockets = [one.asgi() for edge in self._edges for one in edge.sockets]
        self.asgi: ASGIApp = Starlette(routes=[*sockets, *(route for edge in self._edges for route in edge.routes)])

    def _observe(self, happening: Happening) -> None:
        """Edges are made with the directory, so they listen through this."""
        for observer in self._observers:
            observer(happening)

    def start(self) -> None:
        """In the running event loop."""
        self.engine.start()

    async def stop(self) -> None:
        """Clients are told, then hooks and webhooks finish, then media ends."""
        await self.directory.drain()
        for edge in self._edges:
            if edge.stop is not None:
                await edge.stop()
        await self._hooks.close()
        await self.engine.close()
