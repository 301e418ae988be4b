"""Signaling clients by the thousand, for `benches.join`: they join, count what they are sent, and leave.

A frame's head is all that is read of it (RFC 6455 §5.2), so that the clients cost little beside the server they measure.
"""

from __future__ import annotations

import asyncio
import base64
import struct
from dataclasses import dataclass
from urllib.parse import quote

from livekit.api import AccessToken, VideoGrants
from livekit.protocol.models import ClientInfo
from livekit.protocol.rtc import ConnectionSettings, JoinRequest, LeaveRequest, SignalRequest, WrappedJoinRequest

_MASK = bytes(4)
"""Masking with zeros leaves the payload as it is."""


@dataclass(frozen=True, slots=True)
class Door:
    host: str
    port: int
    key: str
    secret: str

    async def listening(self) -> None:
        """Waits for the server."""
        async with asyncio.timeout(30):
            while True:
                try:
                    _, writer = await asyncio.open_connection(self.host, self.port)
                except OSError:
                    await asyncio.sleep(0.1)
                else:
                    writer.close()
                    return


@dataclass(slots=True)
class Counts:
    """Of all clients of a run."""

    messages: int = 0
    bytes: int = 0


def paths(room: str, people: int, key: str, secret: str) -> list[str]:
    """Path and query of as many requests to join, tokens included."""
    request = JoinRequest(
        client_info=ClientInfo(sdk=ClientInfo.JS, version="2.15.0", protocol=16),
        connection_settings=ConnectionSettings(auto_subscribe=True),
    )
    wrapped = WrappedJoinRequest(join_request=request.SerializeToString()).SerializeToString()
    asked = quote(base64.urlsafe_b64encode(wrapped).decode())
    grants = VideoGrants(room_join=True, room=room)
    return [
        f"/rtc/v1?join_request={asked}&access_token="
        + AccessToken(key, secret)
        .with_identity(f"{room}-{number}")
        .with_name(f"Guest {number}")
        .with_grants(grants)
        .to_jwt()
        for number in range(people)
    ]


class Client(asyncio.Protocol):
    """`joined` is done when the first message is whole; `join_s` is the time from the handshake's request until then."""

    def __init__(self, door: Door, path: str, counts: Counts) -> None:
        self._door = door
        self._path = path
        self._counts = counts
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray()
        self._skip = 0
        """Bytes of a message that are still to come."""
        self._open = False
        self._transport: asyncio.Transport | None = None
        self._asked = 0.0
        self.joined: asyncio.Future[None] = self._loop.create_future()
        self.join_s = 0.0
        self.heard = 0

    async def open(self) -> None:
        await self._loop.create_connection(lambda: self, self._door.host, self._door.port)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._asked = self._loop.time()
        transport.write(
            f"GET {self._path} HTTP/1.1\r\nHost: {self._door.host}:{self._door.port}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        if not self._open:
            head, found, rest = bytes(buffer).partition(b"\r\n\r\n")
            if not found:
                return
            if b" 101 " not in head.split(b"\r\n", 1)[0]:
                self._fail(head.decode(errors="replace"))
                return
            self._open = True
            self._buffer = buffer = bytearray(rest)
        at = 0
        while at < len(buffer):
            if self._skip:
                step = min(self._skip, len(buffer) - at)
                self._skip -= step
                at += step
                if not self._skip:
                    self._whole()
                continue
            size = _head(buffer, at)
            if size is None:
                break
            head, length = size
            if buffer[at] & 0x0F == 9:
                if len(buffer) - at < head + length:
                    break
                self._frame(10, bytes(buffer[at + head : at + head + length]))
                at += head + length
                continue
            self._counts.bytes += head + length
            self._skip = length
            at += head
            if not length:
                self._whole()
        del buffer[:at]

    def _whole(self) -> None:
        self._counts.messages += 1
        self.heard += 1
        if not self.joined.done():
            self.join_s = self._loop.time() - self._asked
            self.joined.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail("the connection ended")

    def _fail(self, words: str) -> None:
        if not self.joined.done():
            self.joined.set_exception(OSError(words))
        self.close()

    def _frame(self, opcode: int, payload: bytes) -> None:
        assert len(payload) < 126
        if self._transport is not None:
            self._transport.write(bytes((0x80 | opcode, 0x80 | len(payload))) + _MASK + payload)

    def leave(self) -> None:
        """As clients do: a word, then the end."""
        self._frame(2, SignalRequest(leave=LeaveRequest()).SerializeToString())
        self.close()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


def _head(buffer: bytearray, at: int) -> tuple[int, int] | None:
    """Length of the head and of the payload; None when it is not whole."""
    have = len(buffer) - at
    if have < 2:
        return None
    match buffer[at + 1]:
        case 126:
            return (4, struct.unpack_from(">H", buffer, at + 2)[0]) if have >= 4 else None
        case 127:
            return (10, struct.unpack_from(">Q", buffer, at + 2)[0]) if have >= 10 else None
        case length:
            return 2, length
