"""Connections that the front door passed on are seen as the client's own."""

from __future__ import annotations

import asyncio
import stat
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send

from roomful.app.listen import Listener
from roomful.app.spliced import SIGNATURE, Preamble, bind_private, read

V4 = (
    SIGNATURE
    + b"\x21\x11"
    + struct.pack("!H", 12)
    + bytes((192, 0, 2, 1, 192, 0, 2, 9))
    + struct.pack("!HH", 5000, 443)
)
SSL = b"\x20\0\5\1\0\0\0\0"
SECURE = V4.replace(struct.pack("!H", 12), struct.pack("!H", 12 + len(SSL)), 1) + SSL


def test_addresses_and_scheme_are_read_however_they_are_cut() -> None:
    for whole, secure in ((V4, False), (SECURE, True)):
        for cut in range(len(whole)):
            assert read(whole[:cut]) is None
        wanted = Preamble(("192.0.2.1", 5000), ("192.0.2.9", 443), secure)
        assert read(whole + b"GET /") == (wanted, len(whole))


def test_ipv6_is_read() -> None:
    body = bytes(15) + b"\1" + bytes(15) + b"\2" + struct.pack("!HH", 1, 2)
    found = read(SIGNATURE + b"\x21\x21" + struct.pack("!H", len(body)) + body)
    assert found is not None
    assert (found[0].client, found[0].server) == (("::1", 1), ("::2", 2))


@pytest.mark.parametrize(
    "bad",
    [
        b"GET / HTTP/1.1\r\n",
        SIGNATURE + b"\x20\x11\0\x0c",
        SIGNATURE + b"\x21\x11\0\x03",
        SIGNATURE + b"\x21\x11\xff\xff",
    ],
)
def test_what_is_none_is_refused(bad: bytes) -> None:
    with pytest.raises(ValueError, match="preamble"):
        read(bad)


@given(st.binary(max_size=80), st.booleans())
def test_any_bytes_are_read_refused_or_waited_for(data: bytes, begun: bool) -> None:
    data = SIGNATURE + data if begun else data
    try:
        found = read(data)
    except ValueError:
        return
    assert found is None or found[1] <= len(data)


async def _app(scope: Scope, receive: Receive, send: Send) -> None:
    body = f"{scope['client']} {scope['server']} {scope['scheme']}".encode()
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "bytes": body})
        await send({"type": "websocket.close"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


async def _ask(path: Path, wire: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(wire)
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


def test_the_application_sees_the_client_and_strangers_are_cut_off(tmp_path: Path) -> None:
    asyncio.run(_behind_a_door(tmp_path))


async def _behind_a_door(tmp_path: Path) -> None:
    path = tmp_path / "http"
    listener = Listener(_app, [bind_private(path)], spliced=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    await listener.start()
    try:
        get = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        assert (await _ask(path, SECURE + get)).endswith(b"('192.0.2.1', 5000) ('192.0.2.9', 443) https")
        assert (await _ask(path, V4 + get)).endswith(b"('192.0.2.1', 5000) ('192.0.2.9', 443) http")
        assert await _ask(path, get) == b""
        upgrade = (
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(SECURE + upgrade)
        answer = await reader.readuntil(b"wss")
        assert answer.endswith(b"('192.0.2.1', 5000) ('192.0.2.9', 443) wss")
        writer.close()
    finally:
        await listener.stop()


def test_what_an_earlier_run_left_is_in_nobodys_way(tmp_path: Path) -> None:
    path = tmp_path / "http"
    bind_private(path).close()
    assert path.exists()
    bind_private(path).close()
    path.unlink()
    path.write_text("somebody's")
    with pytest.raises(OSError):
        bind_private(path)
    assert path.read_text() == "somebody's"
