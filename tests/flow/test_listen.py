"""The front door holds against dawdlers, and taken ports are told."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.asyncio.client import connect

from roomful.app import listen
from roomful.app.gateway import Gateway
from roomful.app.listen import Listener, bind
from roomful.core.errors import ConfigError


async def hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse("hello " + request.url.path)


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(await websocket.receive_text())
    await websocket.receive()


def run(body: Callable[[int], Awaitable[None]]) -> None:
    app = Starlette(routes=[Route("/{path:path}", hello), WebSocketRoute("/ws", echo)])

    async def ready() -> Starlette:
        return app

    async def stop() -> None:
        return None

    async def main() -> None:
        listener = Listener(Gateway(ready, stop), bind(["127.0.0.1"], 0, flag="--port"))
        await listener.start()
        try:
            await body(listener.port)
        finally:
            await listener.stop()

    asyncio.run(asyncio.wait_for(main(), 30))


async def ask(port: int, text: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(text)
    answer = await reader.read(4_096)
    writer.close()
    return answer


def test_answers_and_single_slashes() -> None:
    async def body(port: int) -> None:
        answer = await ask(port, b"GET //rtc///validate HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200")
        assert answer.endswith(b"hello /rtc/validate")
        assert b"server:" not in answer.lower()
        async with connect(f"ws://127.0.0.1:{port}//ws") as client:
            await client.send("x")
            assert await client.recv() == "x"

    run(body)


def test_a_slow_head_is_cut_and_others_are_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listen, "HEAD_S", 0.2)

    async def body(port: int) -> None:
        silent_reader, silent = await asyncio.open_connection("127.0.0.1", port)
        slow_reader, slow = await asyncio.open_connection("127.0.0.1", port)
        slow.write(b"GET / HTTP/1.1\r\nHost:")
        async with connect(f"ws://127.0.0.1:{port}/ws") as client:
            answer = await ask(port, b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 200")
            for reader in (silent_reader, slow_reader):
                with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                    await reader.readexactly(1)
            # What was upgraded in time is not touched.
            await client.send("still here")
            assert await client.recv() == "still here"
        silent.close()
        slow.close()

    run(body)


def test_a_slow_second_head_is_cut_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listen, "HEAD_S", 0.2)

    async def body(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await reader.readuntil(b"hello /a")).startswith(b"HTTP/1.1 200")
        writer.write(b"GET /b HTT")
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        writer.close()

    run(body)


def test_huge_heads_and_garbage_are_refused() -> None:
    async def body(port: int) -> None:
        answer = await ask(port, b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 4") or answer == b""
        assert (await ask(port, b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n")).startswith(b"HTTP/1.1 400")
        assert (await ask(port, b"GET /ok HTTP/1.1\r\nHost: x\r\n\r\n")).endswith(b"hello /ok")

    run(body)


def test_taken_ports_and_odd_addresses_are_told() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port {port} is taken.*--port") as refused:
            bind(["127.0.0.1"], port, flag="--port")
        assert refused.value.code == "port_taken"
    with pytest.raises(ConfigError, match="no address"):
        bind(["not an address"], 0, flag="--port")


def test_one_free_port_for_all_addresses() -> None:
    sockets = bind(["127.0.0.1", "::1"], 0, flag="--port")
    assert len({one.getsockname()[1] for one in sockets}) == 1
    for one in sockets:
        one.close()


def test_a_websockets_query_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def body(port: int) -> None:
        with caplog.at_level("DEBUG", logger="uvicorn.error"):
            async with connect(f"ws://127.0.0.1:{port}/ws?access_token=hush") as socket:
                await socket.send("hi")
                assert await socket.recv() == "hi"
        told = [one.getMessage() for one in caplog.records if one.name == "uvicorn.error"]
        assert not [one for one in told if "hush" in one], told

    run(body)
