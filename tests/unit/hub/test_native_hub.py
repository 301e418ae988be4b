"""Hub and door as Python sees them: what they take, what they refuse, and connections from end to end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import websockets

from roomful._native import hub


@pytest.fixture
def native() -> Iterator[hub.Hub]:
    one = hub.Hub(addresses=["127.0.0.1"], port=0, paths=["/ws/"], rate=(0, 0), hook_deadline_ms=2000)
    yield one
    one.close()


async def connected(url: str, **options: Any) -> websockets.ClientConnection:
    return await websockets.connect(url, **options)


class Python:
    """Reads events as asyncio programs do, and lets tests wait for them."""

    def __init__(self, native: hub.Hub) -> None:
        self.native = native
        self.events: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue()

    async def next(self, name: str) -> dict[str, Any]:
        """The next event of that name; others are forgotten."""
        while True:
            told, fields = await asyncio.wait_for(self.events.get(), 10)
            if told == name:
                return fields

    @asynccontextmanager
    async def client(self, **accept: Any) -> AsyncIterator[tuple[int, websockets.ClientConnection]]:
        port = self.native.ports()[0][2]
        opening = asyncio.create_task(connected(f"ws://127.0.0.1:{port}/ws/x"))
        opened = await self.next("opened")
        self.native.send("accept", {"connection": opened["connection"], **accept})
        socket = await opening
        try:
            yield opened["connection"], socket
        finally:
            await socket.close()


@pytest.fixture
def python(native: hub.Hub) -> Callable[[], Python]:
    """Made inside of a test, where a loop runs."""

    def make() -> Python:
        one = Python(native)

        def drain() -> None:
            for event in native.drain():
                one.events.put_nowait(event)

        asyncio.get_running_loop().add_reader(native.fileno(), drain)
        return one

    return make


def heard(text: str | bytes) -> dict[str, Any]:
    value = json.loads(text)
    assert isinstance(value, dict)
    return value


def test_every_command_is_known_and_wants_fields(native: hub.Hub) -> None:
    for name in hub.COMMANDS:
        with pytest.raises(ValueError, match=f"^{name}: the field \\w+ is missing"):
            native.send(name, {})
    with pytest.raises(ValueError, match="no command"):
        native.send("open_sesame", {})


def test_wrong_values_are_told_by_field(native: hub.Hub) -> None:
    for error, match, command, fields in [
        (ValueError, "one of raw, relay, muaz, echo", "accept", {"connection": 1, "speech": "loud"}),
        (TypeError, "neither str nor bytes", "send", {"to": [], "message": 1}),
        (ValueError, "message is not JSON", "publish", {"channel": "c", "message": "{"}),
        (ValueError, "message is not JSON", "decide", {"ask": 1, "allow": True, "message": "x"}),
        (ValueError, "info is not a JSON object", "join", {"connection": 1, "channel": "c", "info": "[]"}),
        (ValueError, "status is 200", "refuse", {"connection": 1, "status": 200}),
        (ValueError, 'rules have no "histroy"', "channel_rules", {"pattern": "*", "rules": {"histroy": 1}}),
        (ValueError, "max_members", "channel_rules", {"pattern": "*", "rules": {"max_members": -1}}),
        (TypeError, "allow", "decide", {"ask": 1, "allow": "yes"}),
        (TypeError, "speech is None", "accept", {"connection": 1, "speech": None}),
    ]:
        with pytest.raises(error, match=match):
            native.send(command, fields)


def test_a_closed_hub_is_dead() -> None:
    native = hub.Hub()
    assert native.ports() == []
    native.close()
    native.close()
    for call in (native.drain, native.ports, native.reload, lambda: native.send("stats", {"request": 1})):
        with pytest.raises(hub.HubError) as caught:
            call()
        assert caught.value.code == "hub_dead"


def test_what_cannot_start_says_why(tmp_path: Path) -> None:
    def code(**arguments: Any) -> str:
        with pytest.raises(hub.HubError) as caught:
            hub.Hub(addresses=["127.0.0.1"], **arguments)
        return caught.value.code

    with pytest.raises(hub.HubError) as caught:
        hub.Hub(addresses=["localhost"])
    assert caught.value.code == "config"
    assert code(tls_port=0) == "config"
    assert code(tls_port=0, certificate=str(tmp_path / "no"), private_key=str(tmp_path / "no")) == "config"
    first = hub.Hub(addresses=["127.0.0.1"], port=0)
    try:
        assert code(port=first.ports()[0][2]) == "port_taken"
    finally:
        first.close()


@pytest.mark.asyncio
async def test_a_raw_connection(python: Callable[[], Python]) -> None:
    one = python()
    async with one.client(speech="raw") as (number, socket):
        await socket.send("hällo")
        assert await one.next("message") == {"connection": number, "message": "hällo"}
        await socket.send(b"\x00\xff")
        assert (await one.next("message"))["message"] == b"\x00\xff"
        first = ("send", {"to": [number, 12345], "message": "text"})
        one.native.send_all([first, ("send", {"to": [number], "message": b"\x01", "slow": "skip"})])
        with pytest.raises(ValueError, match="no command"):
            one.native.send_all([first, ("sing", {})])
        assert [await socket.recv(), await socket.recv()] == ["text", b"\x01"]
        one.native.send("close", {"connection": number, "code": 4001, "reason": "bye"})
        with pytest.raises(websockets.ConnectionClosed) as caught:
            await socket.recv()
        assert caught.value.rcvd is not None
        assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (4001, "bye")
    assert (await one.next("closed"))["connection"] == number


@pytest.mark.asyncio
async def test_what_a_connection_asks_for(native: hub.Hub, python: Callable[[], Python]) -> None:
    one = python()
    port = native.ports()[0][2]
    opening = asyncio.create_task(connected(f"ws://127.0.0.1:{port}/ws/a%20b?q=1&r", subprotocols=["x", "y"]))
    opened = await one.next("opened")
    assert (opened["path"], opened["query"], opened["secure"], opened["accepted"]) == (
        "/ws/a%20b",
        "q=1&r",
        False,
        False,
    )
    assert opened["peer"].startswith("127.0.0.1")
    assert ("sec-websocket-protocol", "x, y") in opened["headers"] or ("sec-websocket-protocol", "x,y") in opened[
        "headers"
    ]
    native.send(
        "refuse", {"connection": opened["connection"], "status": 418, "headers": [("x-why", "tea")], "body": b"no"}
    )
    with pytest.raises(websockets.InvalidStatus) as caught:
        await opening
    assert (caught.value.response.status_code, caught.value.response.body) == (418, b"no")
    assert caught.value.response.headers["x-why"] == "tea"


@pytest.mark.asyncio
async def test_a_channel(python: Callable[[], Python]) -> None:
    one = python()
    one.native.send(
        "channel_rules", {"pattern": "game-*", "rules": {"history": 10, "on_message": True, "on_request": True}}
    )
    async with one.client(speech="relay", identity="ada") as (ada, a), one.client(speech="muaz", info="{}") as (_, b):
        you = heard(await a.recv())["you"]
        await a.send('{"type":"join","id":1,"channel":"game-1","info":{"n":1}}')
        asked = await one.next("join_asked")
        assert (asked["connection"], asked["channel"], asked["info"]) == (ada, "game-1", '{"n":1}')
        one.native.send("decide", {"ask": asked["ask"], "allow": True, "info": '{"n":2}'})
        joined = heard(await a.recv())
        assert joined["members"] == [{"id": you, "identity": "ada", "info": {"n": 2}}]
        assert (await one.next("joined"))["id"] == you

        await b.send('{"open":true,"channel":"game-1"}')
        one.native.send("decide", {"ask": (await one.next("join_asked"))["ask"], "allow": True})
        assert heard(await a.recv())["type"] == "member_joined"

        await a.send('{"type":"publish","id":2,"channel":"game-1","data":[1, 2]}')
        held = await one.next("message_asked")
        assert (held["connection"], held["message"], held["to"]) == (ada, "[1, 2]", None)
        one.native.send("decide", {"ask": held["ask"], "allow": True, "message": '{"changed":true}'})
        assert await b.recv() == '{"changed":true}'
        assert heard(await a.recv()) == {"type": "ok", "id": 2, "offset": 1}

        await a.send('{"type":"request","id":3,"channel":"game-1","data":"time?"}')
        request = await one.next("request_asked")
        assert request["message"] == '"time?"'
        one.native.send("decide", {"ask": request["ask"], "allow": False, "code": "late", "reason": "too late"})
        assert heard(await a.recv())["code"] == "late"

        one.native.send("publish", {"channel": "game-1", "message": b"\x07", "except": ada})
        assert await b.recv() == b"\x07"
        one.native.send("history", {"request": 5, "channel": "game-1"})
        told = await one.next("history")
        assert (told["request"], told["offset"], told["messages"]) == (
            5, 2, [(1, you, '{"changed":true}'), (2, None, b"\x07")],
        )  # fmt: skip
        one.native.send("presence", {"request": 6, "channel": "game-1"})
        members = (await one.next("presence"))["members"]
        assert members[0] == (ada, you, "ada", '{"n":2}')
        assert [member[2:] for member in members[1:]] == [(None, "{}")]
        one.native.send("leave", {"connection": ada, "channel": "game-1", "code": "out", "reason": "enough"})
        assert heard(await a.recv()) == {"type": "left", "channel": "game-1", "code": "out", "message": "enough"}
        assert await one.next("left") == {"connection": ada, "channel": "game-1"}
        one.native.send("stats", {"request": 7})
        stats = await one.next("stats")
        assert (stats["connections"], stats["channels"], stats["asks"]) == (2, 1, 0)


@pytest.mark.asyncio
async def test_a_rule_lets_in_and_echoes(python: Callable[[], Python]) -> None:
    one = python()
    one.native.send("accept_rule", {"path": "/ws/echo", "speech": "echo"})
    port = one.native.ports()[0][2]
    async with websockets.connect(f"ws://127.0.0.1:{port}/ws/echo") as socket:
        await socket.send("again")
        assert await socket.recv() == "again"
    assert (await one.next("opened"))["accepted"]


@pytest.mark.asyncio
async def test_foreign_connections(python: Callable[[], Python]) -> None:
    one = python()
    foreign = hub.FOREIGN + 1
    one.native.send("open_foreign", {"connection": foreign, "speech": "relay"})
    welcome = await one.next("deliver")
    assert (welcome["to"], heard(welcome["message"])["type"], welcome["slow"]) == ([foreign], "welcome", "close")
    one.native.send("feed", {"connection": foreign, "message": '{"type":"ping"}'})
    assert heard((await one.next("deliver"))["message"]) == {"type": "pong"}
    one.native.send("close", {"connection": foreign, "code": 4000, "reason": "x"})
    assert await one.next("close") == {"connection": foreign, "code": 4000, "reason": "x"}
    one.native.send("gone", {"connection": foreign, "code": 4000})
    assert (await one.next("closed"))["code"] == 4000
