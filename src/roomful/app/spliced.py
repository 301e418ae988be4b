"""Connections that the front door passes on: who the client is and whether it came by TLS stand before its first byte.

uvicorn makes one of these for each connection to the Unix socket that only the door's own user may connect to; nothing else may use
it, as what comes first is believed. Reads PROXY protocol, version 2 (the specification in HAProxy's documentation), then steps aside.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
import stat
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_HEAD = struct.Struct("!12sBBH")
_VERSION_PROXY = 0x21
_ADDRESSES = {0x11: (4, 12), 0x21: (16, 36)}
"""Family and TCP → bytes of an address, bytes of all addresses and ports."""
_TYPE_SSL = 0x20
_CLIENT_SSL = 1
_LONGEST = 512
PREAMBLE_S = 10.0
"""The door sends it at once."""


@dataclass(frozen=True, slots=True)
class Preamble:
    """What the door says of a client. Addresses are (host, port)."""

    client: tuple[str, int]
    server: tuple[str, int]
    secure: bool


def read(data: bytes) -> tuple[Preamble, int] | None:
    """The preamble and its length; None while it is not whole. Raises ValueError when it is none."""
    if not data.startswith(SIGNATURE[: len(data)]):
        raise ValueError("no preamble")
    if len(data) < _HEAD.size:
        return None
    _, version, family, length = _HEAD.unpack_from(data)
    if version != _VERSION_PROXY or family not in _ADDRESSES or length > _LONGEST:
        raise ValueError("a preamble of another kind")
    width, fixed = _ADDRESSES[family]
    if length < fixed:
        raise ValueError("a preamble without addresses")
    end = _HEAD.size + length
    if len(data) < end:
        return None
    at = _HEAD.size
    client, server = (str(ipaddress.ip_address(data[at + n * width : at + (n + 1) * width])) for n in (0, 1))
    client_port, server_port = struct.unpack_from("!HH", data, at + 2 * width)
    return Preamble((client, client_port), (server, server_port), _came_by_tls(data[at + fixed : end])), end


def _came_by_tls(rest: bytes) -> bool:
    while len(rest) >= 3:
        kind, length = struct.unpack_from("!BH", rest)
        value, rest = rest[3 : 3 + length], rest[3 + length :]
        if kind == _TYPE_SSL and value and value[0] & _CLIENT_SSL:
            return True
    return False


class SeenTransport(asyncio.Transport):
    """The Unix socket's transport, which says of the other side what the door said."""

    def __init__(self, inner: asyncio.Transport, seen: Preamble) -> None:
        super().__init__()
        self._inner = inner
        self._seen = {
            "socket": None,
            "peername": seen.client,
            "sockname": seen.server,
            # uvicorn only asks whether there is one.
            "sslcontext": True if seen.secure else None,
        }

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._seen[name] if name in self._seen else self._inner.get_extra_info(name, default)

    def is_closing(self) -> bool:
        return self._inner.is_closing()

    def close(self) -> None:
        self._inner.close()

    def abort(self) -> None:
        self._inner.abort()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._inner.set_protocol(protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._inner.get_protocol()

    def is_reading(self) -> bool:
        return self._inner.is_reading()

    def pause_reading(self) -> None:
        self._inner.pause_reading()

    def resume_reading(self) -> None:
        self._inner.resume_reading()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._inner.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        return self._inner.get_write_buffer_size()

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._inner.get_write_buffer_limits()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._inner.write(data)

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self._inner.writelines(list_of_data)

    def write_eof(self) -> None:
        self._inner.write_eof()

    def can_write_eof(self) -> bool:
        return self._inner.can_write_eof()


class SplicedProtocol(asyncio.Protocol):
    """Reads the preamble, then hands the connection to the protocol that `make` makes."""

    def __init__(self, make: Callable[[], asyncio.Protocol], loop: asyncio.AbstractEventLoop) -> None:
        self._make = make
        self._loop = loop
        self._come = b""
        self._transport: asyncio.Transport | None = None
        self._late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._late = self._loop.call_later(PREAMBLE_S, transport.abort)

    def data_received(self, data: bytes) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        self._come += data
        try:
            found = read(self._come)
        except ValueError:
            transport.abort()
            return
        if found is None:
            return
        self._stop()
        seen, length = found
        inner = self._make()
        transport.set_protocol(inner)
        inner.connection_made(SeenTransport(transport, seen))
        if rest := self._come[length:]:
            inner.data_received(rest)
        self._come = b""

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


def bind_private(path: Path) -> socket.socket:
    """A listening Unix socket that only this user may connect to; what an earlier run left there is removed."""
    one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.exists() and stat.S_ISSOCK(path.lstat().st_mode):
            path.unlink()
        # From the beginning, not only after a chmod.
        before = os.umask(0o177)
        try:
            one.bind(str(path))
        finally:
            os.umask(before)
        one.listen(1024)
        one.setblocking(False)
    except OSError:
        one.close()
        raise
    return one
