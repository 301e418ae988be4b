"""Serves PeerJS under `/peerjs`: an id over HTTP, then a WebSocket for each peer. Wired by `roomful.app`.

`new Peer({path: "/"})` asks at `/peerjs/id` and connects to `/peerjs`; with `path: "/peerjs"` both are one step deeper.
Peers are listed only where the settings say so (`peers_listed`): their ids are how they are called.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from typing import assert_never
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from roomful.edge.line import Line
from roomful.edge.origins import Origins
from roomful.edge.peerjs.session import Bounds, Close, Connection, Output, Realm, Send
from roomful.edge.peerjs.wire import KEY
from roomful.edge.socket import Socket, SocketClosed
from roomful.ports import Clock

log = logging.getLogger("roomful.peerjs")

TICK_S = 1.0
PATHS = ("/peerjs", "/peerjs/peerjs")


class PeerJsEdge:
    """One for a server."""

    def __init__(
        self, clock: Clock, origins: Origins, *, peers_listed: bool = False, bounds: Bounds | None = None
    ) -> None:
        self._clock = clock
        self._origins = origins
        self._listed = peers_listed
        self._realm = Realm(bounds or Bounds())
        self._lines: dict[Connection, Line] = {}
        self._numbers = itertools.count(1)
        self._ticking: asyncio.Task[None] | None = None

    def routes(self) -> list[BaseRoute]:
        """Over HTTP."""
        return [
            Route("/peerjs", self._about),
            Route("/peerjs/", self._about),
            *(
                Route(f"{path}/{name}", ask, methods=["GET"])
                for path in ("/peerjs", "/peerjs/{key}")
                for name, ask in (("id", self._id), ("peers", self._peers))
            ),
        ]

    async def _about(self, request: Request) -> Response:
        return self._json(request, {"name": "Roomful", "description": "PeerJS's protocol", "website": ""})

    async def _id(self, request: Request) -> Response:
        if (refused := self._refused(request)) is not None:
            return refused
        return PlainTextResponse(str(uuid4()), headers=self._cors(request))

    async def _peers(self, request: Request) -> Response:
        if (refused := self._refused(request)) is not None:
            return refused
        if not self._listed:
            return PlainTextResponse("this server does not list its peers", 401, headers=self._cors(request))
        return self._json(request, self._realm.ids())

    def _refused(self, request: Request) -> Response | None:
        if request.path_params.get("key", KEY) != KEY:
            return PlainTextResponse("Invalid key provided", 401, headers=self._cors(request))
        if not self._origins.allow(request.headers):
            return PlainTextResponse("this page may not ask here", 403)
        return None

    def _json(self, request: Request, value: object) -> Response:
        return JSONResponse(value, headers=self._cors(request))

    def _cors(self, request: Request) -> dict[str, str]:
        headers = {"Cache-Control": "no-store", "Vary": "Origin"}
        origin = request.headers.get("origin")
        if origin is not None and self._origins.allow(request.headers):
            headers["Access-Control-Allow-Origin"] = origin
        return headers

    async def serve(self, socket: Socket) -> None:
        """One peer from its handshake to its end."""
        if not self._origins.allow(socket.headers):
            await socket.refuse(403, "this page may not connect here")
            return
        connection, line = Connection(next(self._numbers)), Line(socket)
        try:
            await socket.accept()
        except SocketClosed:
            return
        if self._ticking is None or self._ticking.done():
            self._ticking = asyncio.create_task(self._tick(), name="peerjs")
        self._lines[connection] = line
        query, now_ms = socket.query, self._clock.now_ms()
        try:
            self._do(
                self._realm.open(connection, query.get("id", ""), query.get("token", ""), query.get("key", ""), now_ms)
            )
            await line.run(
                lambda frame: self._do(self._realm.message(connection, frame, self._clock.now_ms())),
            )
        finally:
            del self._lines[connection]
            self._do(self._realm.gone(connection))

    async def stop(self) -> None:
        if self._ticking is not None:
            self._ticking.cancel()
        for line in self._lines.values():
            line.end(1012, "the server restarts")

    async def _tick(self) -> None:
        """Ends with the last peer."""
        while self._lines or self._realm.waiting:
            await asyncio.sleep(TICK_S)
            self._do(self._realm.tick(self._clock.now_ms()))

    def _do(self, outputs: list[Output]) -> None:
        for output in outputs:
            line = self._lines.get(output.connection)
            if line is None:
                continue
            match output:
                case Send(text=text):
                    line.put(text)
                case Close(code=code, reason=reason):
                    line.end(code, reason)
                case _:
                    assert_never(output)
