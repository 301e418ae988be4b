"""uvicorn's part in serving: listening sockets, a bound on how long a request's head may take, and a quiet end.

Called by `app.roomful`. Behind the front door it listens on a Unix socket, and `app.spliced` says whose each connection is.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import ssl
from collections.abc import Generator, Iterable
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from roomful.app.spliced import SplicedProtocol
from roomful.config.holders import holder
from roomful.core.errors import ConfigError

HEAD_S = 10.0
"""How long the head of a request may take to arrive."""
KEEP_ALIVE_S = 30
BACKLOG = 1_024


class _BoundedHead(H11Protocol):
    """Closes connections that dawdle over a request's head; uvicorn alone waits for ever."""

    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._arm()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        self._disarm()
        super().handle_websocket_upgrade(event)

    def _watch(self) -> None:
        """A head that began must end; a whole one is the application's affair."""
        if self.transport.get_protocol() is not self or self.conn.their_state is not h11.IDLE:
            self._disarm()
        elif self._head_timer is None:
            self._arm()

    def _arm(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_S, self._late)

    def _disarm(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _late(self) -> None:
        self._head_timer = None
        if not self.transport.is_closing():
            self.transport.abort()


class _BehindDoor(SplicedProtocol):
    """`_BoundedHead` after the preamble."""

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        loop = _loop or asyncio.get_running_loop()
        super().__init__(lambda: _BoundedHead(config, server_state, app_state, loop), loop)


class _Discreet(logging.Filter):
    """uvicorn writes each WebSocket's query, which holds tokens (at debug level all that passes), and takes a refused
    handshake for a mistake.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        message = str(record.msg)
        return (
            record.levelno > logging.DEBUG
            and "WebSocket %s" not in message
            and "without completing handshake" not in message
        )


_DISCREET = _Discreet()


class _Server(uvicorn.Server):
    """Leaves signals to the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def without_missing_ipv6(addresses: Iterable[str]) -> tuple[str, ...]:
    """Leaves out `::` where the system has no IPv6; an address somebody named stays, and fails with its reason."""
    given = tuple(addresses)
    if "::" not in given or len(given) == 1:
        return given
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::", 0))
    except OSError:
        return tuple(one for one in given if one != "::")
    return given


def bind(addresses: Iterable[str], port: int, *, flag: str) -> list[socket.socket]:
    """Listening TCP sockets. Raises ConfigError, which names the holder of a taken port and the flag that moves it."""
    bound: list[socket.socket] = []
    try:
        for address in addresses:
            for family, kind, proto, _, where in _resolve(address, port):
                one = socket.socket(family, kind, proto)
                bound.append(one)
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                # Port 0 takes any free port, the same one for every address.
                taken = bound[0].getsockname()[1] if port == 0 and len(bound) > 1 else port
                one.bind((where[0], taken, *where[2:]))
                # Now, not when serving begins: only listening finds out who else has bound the port.
                one.listen(BACKLOG)
                one.setblocking(False)
    except OSError as error:
        for one in bound:
            one.close()
        raise _bind_error(error, port, flag) from None
    return bound


def addresses_of(names: Iterable[str]) -> tuple[str, ...]:
    """IP addresses, each once. Raises ConfigError."""
    return tuple(dict.fromkeys(where[0] for name in names for *_, where in _resolve(name, 0)))


def _resolve(
    address: str, port: int
) -> list[tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[str, int]]]:
    try:
        found = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise ConfigError(f"{address} is no address to listen on: {error.strerror}") from None
    return [(family, kind, proto, name, where) for family, kind, proto, name, where in found]  # type: ignore[misc]


def _bind_error(error: OSError, port: int, flag: str) -> ConfigError:
    if error.errno == errno.EADDRINUSE:
        by = holder(port)
        return ConfigError(
            f"port {port} is taken{f' by {by}' if by else ''}; choose another with {flag}", code="port_taken"
        )
    if error.errno == errno.EACCES:
        return ConfigError(f"port {port} needs more rights than this process has; choose another with {flag}")
    return ConfigError(f"cannot listen on port {port}: {error.strerror} ({flag})")


class Listener:
    """One uvicorn server on some sockets: with TLS or without, or `spliced`, behind the door."""

    def __init__(
        self,
        asgi: ASGIApp,
        sockets: list[socket.socket],
        tls: ssl.SSLContext | None = None,
        *,
        drain_s: int = 5,
        spliced: bool = False,
    ) -> None:
        """`drain_s` is how long connections may take to end when the server does."""
        config = uvicorn.Config(
            asgi,
            http=_BehindDoor if spliced else _BoundedHead,
            ws="websockets-sansio",
            # Signal messages are bounded again, and more tightly, by each edge.
            ws_max_size=1 << 20,
            # Beneath each edge's own pings: finds clients that vanished without a word.
            ws_ping_interval=20.0,
            ws_ping_timeout=20.0,
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            backlog=BACKLOG,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=drain_s,
            h11_max_incomplete_event_size=64 * 1024,
        )
        config.load()
        # Added once, however many listeners there are.
        logging.getLogger("uvicorn.error").addFilter(_DISCREET)
        config.ssl = tls
        self._sockets = sockets
        self._drain_s = drain_s
        self._server = _Server(config)
        self._task: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        return self._sockets[0].getsockname()[1]

    async def start(self) -> None:
        """Returns when connections are taken."""
        self._task = asyncio.create_task(self._server.serve(self._sockets), name=f"listener {self.port}")
        while not self._server.started:
            if self._task.done():
                await self._task
                raise ConfigError(f"the server on port {self.port} did not start")
            await asyncio.sleep(0.005)

    async def stop(self) -> None:
        """No new connections; those that are there have `drain_s` to end."""
        if self._task is None:
            for one in self._sockets:
                one.close()
            return
        self._server.should_exit = True
        done, _ = await asyncio.wait((self._task,), timeout=self._drain_s + 1)
        if not done:
            self._server.force_exit = True
            await asyncio.wait((self._task,), timeout=1)
