"""Edges whose messages are understood in Rust: who may connect is decided here, what is said never comes by.

`relay` and `muaz` make one each. Behind the front door a connection is accepted and forgotten; in somebody's own ASGI
server its messages are carried to the same hub and back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Protocol
from urllib.parse import parse_qsl

from roomful.core.errors import RoomfulError
from roomful.core.rates import Rates
from roomful.edge.line import MAX_MESSAGE, Line
from roomful.edge.origins import Origins
from roomful.edge.socket import Socket, SocketClosed
from roomful.ports import Clock, Hub, Opening

log = logging.getLogger("roomful.spoken")

CONNECTS_BURST, CONNECTS_PER_MINUTE = 1_000, 3_000
"""Of one address: a school behind one address connects at once."""

Identify = Callable[[Mapping[str, str], Mapping[str, str]], str]
"""(headers, query) → identity, empty for a stranger. Raises Unauthenticated for a token that does not hold."""


class Arrivals(Protocol):
    """Who is told of connections (`service.channels`)."""

    def arrived(self, connection: int, identity: str, address: str) -> None: ...

    def departed(self, connection: int) -> None: ...


class Refused(Exception):
    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class Spoken:
    """One for a server and speech."""

    def __init__(
        self, speech: str, path: str, hub: Hub, arrivals: Arrivals, clock: Clock, origins: Origins, identify: Identify
    ) -> None:
        self.path = path
        self._speech = speech
        self._hub = hub
        self._arrivals = arrivals
        self._clock = clock
        self._origins = origins
        self._identify = identify
        self._rates = Rates(burst=CONNECTS_BURST, per_minute=CONNECTS_PER_MINUTE)
        self._lines: set[Line] = set()

    def opened(self, opening: Opening) -> None:
        """For `Hub.route`."""
        query = dict(parse_qsl(opening.query, keep_blank_values=True))
        try:
            identity = self._admit(opening.headers, query, opening.peer)
        except Refused as refused:
            self._hub.refuse(opening.connection, refused.status, refused.text)
            return
        self._arrivals.arrived(opening.connection, identity, opening.peer)
        listener = _Accepted(self._arrivals, opening.connection)
        self._hub.accept(opening.connection, listener, speech=self._speech, identity=identity)

    async def serve(self, socket: Socket) -> None:
        """A connection that somebody else's server holds."""
        try:
            identity = self._admit(socket.headers, socket.query, socket.peer)
        except Refused as refused:
            await socket.refuse(refused.status, refused.text)
            return
        try:
            await socket.accept()
        except SocketClosed:
            return
        line = Line(socket, max_message=MAX_MESSAGE)
        connection = self._hub.open_foreign(_Foreign(line), self._speech, identity=identity)
        self._arrivals.arrived(connection, identity, socket.peer)
        self._lines.add(line)
        try:
            await line.run(lambda message: self._hub.feed(connection, message))
        finally:
            self._lines.discard(line)
            self._hub.gone(connection)
            self._arrivals.departed(connection)

    def _admit(self, headers: Mapping[str, str], query: Mapping[str, str], address: str) -> str:
        if not self._origins.allow(headers):
            raise Refused(403, "this page may not connect here")
        if not self._rates.allow(address, self._clock.now_ms()):
            raise Refused(429, "too many connections: wait a little")
        try:
            return self._identify(headers, query)
        except RoomfulError as error:
            raise Refused(401, error.message) from None

    async def stop(self) -> None:
        for line in self._lines:
            line.end(1012, "the server restarts")


class _Accepted:
    """A door's connection: only its end is told."""

    __slots__ = ("_arrivals", "_connection")

    def __init__(self, arrivals: Arrivals, connection: int) -> None:
        self._arrivals = arrivals
        self._connection = connection

    def message(self, message: str | bytes) -> None:
        return

    def closed(self, code: int, reason: str) -> None:
        self._arrivals.departed(self._connection)

    def slow(self, slow: bool) -> None:
        return


class _Foreign:
    """What the hub tells a foreign connection is written to its line, which ends a slow reader itself."""

    __slots__ = ("_line",)

    def __init__(self, line: Line) -> None:
        self._line = line

    def message(self, message: str | bytes) -> None:
        self._line.put(message)

    def closed(self, code: int, reason: str) -> None:
        self._line.end(code, reason)

    def slow(self, slow: bool) -> None:
        return
