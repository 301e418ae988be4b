"""A program's own WebSockets, in each style, against a running server."""

from __future__ import annotations

import asyncio
import importlib.util
import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from roomful import Roomful
from roomful.app.parts import for_tests
from roomful.core.policy import Policy

EXAMPLES = Path(__file__).parents[2] / "examples"


def serving(app: Roomful, body: Callable[[str], Awaitable[None]]) -> None:
    async def main() -> None:
        await app.start()
        try:
            async with asyncio.timeout(30):
                await body(f"ws://127.0.0.1:{app.port}")
        finally:
            await app.stop()

    asyncio.run(main())


async def close_code(client: Any) -> int:
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            await client.recv()
    return closed.value.rcvd.code if closed.value.rcvd else 1006


def test_the_echo_of_the_tutorial(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = importlib.util.spec_from_file_location("echo_example", EXAMPLES / "echo.py")
    assert spec and spec.loader
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    app: Roomful = example.roomful
    assert app.settings.port == 8080
    app.settings = for_tests(tmp_path)

    async def body(base: str) -> None:
        # A page that was opened as a file.
        async with connect(base + "/", additional_headers={"Origin": "null"}) as client:
            await client.send("hello")
            assert await client.recv() == "You said: hello"
            await client.send("again")
            assert await client.recv() == "You said: again"
        async with httpx.AsyncClient(base_url=base.replace("ws:", "http:")) as http:
            assert "<h1>Echo</h1>" in (await http.get("/")).text

    serving(app, body)
    said = capsys.readouterr().out.splitlines()
    assert said == ["Client connected", "Received: hello", "Received: again", "Client disconnected"]


def test_development_mode_has_it_at_echo(tmp_path: Path) -> None:
    async def body(base: str) -> None:
        async with connect(base + "/echo") as client:
            await client.send("hello")
            assert await client.recv() == "You said: hello"
            await client.send(b"\x00\x01")
            assert await client.recv() == b"\x00\x01"
        async with httpx.AsyncClient(base_url=base.replace("ws:", "http:")) as http:
            assert (await http.get("/echo")).text == (EXAMPLES / "echo.html").read_text()

    serving(Roomful(for_tests(tmp_path)), body)
    closed = Roomful(replace(for_tests(tmp_path), dev=False))

    async def refused(base: str) -> None:
        with pytest.raises(InvalidStatus):
            async with connect(base + "/echo"):
                pass

    serving(closed, refused)


def test_async_class_with_order_and_state(tmp_path: Path) -> None:
    app = Roomful(for_tests(tmp_path))
    over: list[str] = []

    @app.websocket("/count")
    class Count:
        async def connect(self, client: Any) -> None:
            await asyncio.sleep(0)
            client.state["count"] = 0
            client.send("welcome")

        async def message(self, client: Any, message: str) -> str:
            # The first is the slowest, and still the first.
            await asyncio.sleep(0.05 if client.state["count"] == 0 else 0)
            client.state["count"] += 1
            return f"{client.state['count']} {message}"

        async def close(self, client: Any) -> None:
            over.append(client.state["count"])

    async def body(base: str) -> None:
        async with connect(base + "/count?x=1") as client:
            for word in "abc":
                await client.send(word)
            assert [await client.recv() for _ in range(4)] == ["welcome", "1 a", "2 b", "3 c"]

    serving(app, body)
    assert over == [3]


def test_functions_of_both_styles(tmp_path: Path) -> None:
    app = Roomful(for_tests(tmp_path))
    finished = asyncio.Event()

    @app.websocket("/shout")
    def shout(client: Any, message: str) -> str:
        return message.upper()

    @app.websocket("/read")
    async def read(client: Any) -> None:
        async for message in client:
            if message == "enough":
                await client.send("bye")
                return
            await client.send(f"{client.path} {client.query['who']} {message}")
        finished.set()

    async def body(base: str) -> None:
        async with connect(base + "/shout") as client:
            await client.send("hey")
            assert await client.recv() == "HEY"
        async with connect(base + "/read?who=ada") as client:
            await client.send("one")
            assert await client.recv() == "/read ada one"
            await client.send("enough")
            assert await client.recv() == "bye"
            assert await close_code(client) == 1000
        assert not finished.is_set()
        async with connect(base + "/read?who=bob"):
            pass
        await asyncio.wait_for(finished.wait(), 5)

    serving(app, body)


def test_connect_refuses(tmp_path: Path) -> None:
    app = Roomful(replace(for_tests(tmp_path), policy=Policy(hook_deadline_s=0.2)))

    @app.websocket("/door")
    class Door:
        async def connect(self, client: Any) -> Any:
            match client.query["as"]:
                case "stranger":
                    return False
                case "member":
                    return True
                case "late":
                    await asyncio.sleep(5)
                case "broken":
                    raise RuntimeError("a mistake")
                case other:
                    raise client.refuse(f"no {other} here")
            return None

    async def body(base: str) -> None:
        for who, says in (
            ("stranger", "you may not"),
            ("thief", "no thief here"),
            ("late", "in time"),
            ("broken", "could not decide"),
        ):
            with pytest.raises(InvalidStatus) as refused:
                async with connect(f"{base}/door?as={who}"):
                    pass
            assert refused.value.response.status_code == 403
            assert says in (refused.value.response.body or b"").decode()
        async with connect(f"{base}/door?as=member"):
            pass
        with pytest.raises(InvalidStatus):
            async with connect(f"{base}/door?as=member", additional_headers={"Origin": "https://evil.example"}):
                pass

    serving(app, body)


def test_a_mistake_ends_its_own_client_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    app = Roomful(for_tests(tmp_path))

    @app.websocket("/divide")
    async def divide(client: Any, message: str) -> str:
        return str(1 / int(message))

    async def body(base: str) -> None:
        async with connect(base + "/divide") as one, connect(base + "/divide") as other:
            await one.send("0")
            assert await close_code(one) == 1011
            await other.send("2")
            assert await other.recv() == "0.5"

    serving(app, body)
    assert "divide failed" in caplog.text


def test_sending_from_another_thread_and_to_everybody(tmp_path: Path) -> None:
    app = Roomful(for_tests(tmp_path))
    here: set[Any] = set()

    @app.websocket("/news")
    class News:
        def connect(self, client: Any) -> None:
            here.add(client)

        def close(self, client: Any) -> None:
            here.discard(client)

    async def body(base: str) -> None:
        async with connect(base + "/news") as one, connect(base + "/news") as other:
            thread = threading.Thread(target=lambda: [client.send("hot off the press") for client in tuple(here)])
            thread.start()
            assert await one.recv() == await other.recv() == "hot off the press"
            thread.join()

    serving(app, body)
    assert not here


def test_who_does_not_read_is_ended_and_others_are_served(tmp_path: Path) -> None:
    app = Roomful(for_tests(tmp_path))
    ended = asyncio.Event()

    @app.websocket("/fire")
    class Fire:
        def message(self, client: Any, message: str) -> None:
            for _ in range(2_000):
                client.send("x" * 10_000)

        def close(self, client: Any) -> None:
            ended.set()

    async def body(base: str) -> None:
        async with connect(base + "/fire") as slow:
            slow.transport.pause_reading()
            await slow.send("go")
            async with connect(base + "/echo") as other:
                await other.send("hi")
                assert await other.recv() == "You said: hi"
            slow.transport.resume_reading()
            assert await close_code(slow) in (1006, 1013)
        await asyncio.wait_for(ended.wait(), 20)

    serving(app, body)


def test_what_is_no_handler_is_told() -> None:
    app = Roomful(dev=True)
    with pytest.raises(TypeError, match="none of the methods"):
        app.websocket("/x")(object())
    with pytest.raises(TypeError, match=r"async def sync\(client\)"):

        @app.websocket("/x")
        def sync(client: Any) -> None: ...

    with pytest.raises(ValueError, match="slash"):
        app.websocket("x")
