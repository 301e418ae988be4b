"""Every WebSocket edge against a real server: whatever one client does, the server stands and others are served.

Parametrised over the edges; a new edge adds one `Edge` to `EDGES`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from roomful import Roomful
from roomful.app.listen import Listener, bind
from roomful.app.parts import for_tests

_NUMBERS = count(1)


async def peerjs_ready(client: ClientConnection) -> None:
    assert json.loads(await client.recv()) == {"type": "OPEN"}


async def peerjs_works(base: str) -> None:
    """Two clients reach each other."""
    a, b = (f"p{next(_NUMBERS)}" for _ in range(2))
    async with connect(f"{base}/peerjs?key=peerjs&id={a}&token=t") as one:
        await peerjs_ready(one)
        async with connect(f"{base}/peerjs?key=peerjs&id={b}&token=t") as two:
            await peerjs_ready(two)
            await one.send(json.dumps({"type": "OFFER", "dst": b, "payload": 1}))
            assert json.loads(await two.recv()) == {"type": "OFFER", "src": a, "dst": b, "payload": 1}


async def socketio_ready(client: ClientConnection) -> None:
    assert str(await client.recv()).startswith("0{")
    await client.send("40")
    assert str(await client.recv()).startswith("40{")


async def socketio_works(base: str) -> None:
    room = f"r{next(_NUMBERS)}"
    async with connect(f"{base}/socket.io/?EIO=4&transport=websocket") as one:
        await socketio_ready(one)
        await one.send(f'420["open-room",{{"sessionid":"{room}"}}]')
        assert await one.recv() == "430[true]"
        await one.send(f'421["check-presence","{room}"]')
        assert str(await one.recv()).startswith(f'431[true,"{room}"')


async def relay_ready(client: ClientConnection) -> None:
    assert json.loads(await client.recv())["type"] == "welcome"


async def relay_works(base: str) -> None:
    channel = f"c{next(_NUMBERS)}"
    async with connect(f"{base}/relay") as one, connect(f"{base}/relay") as two:
        for client in (one, two):
            await relay_ready(client)
            await client.send(json.dumps({"type": "join", "id": 1, "channel": channel}))
            assert json.loads(await client.recv())["type"] == "joined"
        await one.send(json.dumps({"type": "publish", "channel": channel, "data": [1]}))
        while (told := json.loads(await two.recv()))["type"] != "message":
            pass
        assert told["data"] == [1]


async def muaz_works(base: str) -> None:
    channel = f"m{next(_NUMBERS)}"
    async with connect(f"{base}/muaz") as one, connect(f"{base}/muaz") as two:
        for client in (one, two):
            await client.send(json.dumps({"open": True, "channel": channel}))
        # Nothing says that one has joined, so it is asked until it holds.
        while json.loads(await asked(two, {"checkPresence": True, "channel": channel})) != {"isChannelPresent": True}:
            pass
        while True:
            await one.send(json.dumps({"data": {"x": 1}, "channel": channel}))
            try:
                async with asyncio.timeout(0.2):
                    assert json.loads(await two.recv()) == {"x": 1}
                    return
            except TimeoutError:
                continue


async def asked(client: ClientConnection, question: object) -> str | bytes:
    await client.send(json.dumps(question))
    return await client.recv()


async def echo_works(base: str) -> None:
    async with connect(f"{base}/echo") as client:
        await client.send("hello")
        assert await client.recv() == "You said: hello"


BIG = "x" * 60_000
MANY = 390
"""Of `BIG`: more than the kernel holds for a connection, and no flood yet."""


async def pour(slow: ClientConnection, sender: ClientConnection, message: Callable[[int], str]) -> int:
    """`sender` says much that `slow` is told and does not read; how the server ends that."""
    slow.transport.pause_reading()
    # Who sends to itself is not read any more once it is too slow.
    with contextlib.suppress(TimeoutError, ConnectionClosed):
        async with asyncio.timeout(4):
            for number in range(MANY):
                await sender.send(message(number))
                await asyncio.sleep(0)
            await asyncio.sleep(0.5)
    slow.transport.resume_reading()
    return await closed(slow)


async def peerjs_starves(base: str) -> int:
    async with (
        connect(f"{base}/peerjs?key=peerjs&id=slow&token=t") as slow,
        connect(f"{base}/peerjs?key=peerjs&id=quick&token=t") as quick,
    ):
        await peerjs_ready(slow)
        await peerjs_ready(quick)
        return await pour(slow, quick, lambda _: json.dumps({"type": "OFFER", "dst": "slow", "payload": BIG}))


async def socketio_starves(base: str) -> int:
    async with (
        connect(f"{base}/socket.io/?EIO=4&transport=websocket&userid=slow") as slow,
        connect(f"{base}/socket.io/?EIO=4&transport=websocket&userid=quick") as quick,
    ):
        await socketio_ready(slow)
        await socketio_ready(quick)
        said = json.dumps(["RTCMultiConnection-Message", {"remoteUserId": "slow", "message": {"x": BIG}}])
        return await pour(slow, quick, lambda _: f"42{said}")


async def relay_starves(base: str) -> int:
    async with connect(f"{base}/relay") as slow, connect(f"{base}/relay") as quick:
        for client in (slow, quick):
            await relay_ready(client)
            await client.send(json.dumps({"type": "join", "id": 1, "channel": "starve"}))
            assert json.loads(await client.recv())["type"] == "joined"
        return await pour(slow, quick, lambda _: json.dumps({"type": "publish", "channel": "starve", "data": BIG}))


async def muaz_starves(base: str) -> int:
    async with connect(f"{base}/muaz") as slow, connect(f"{base}/muaz") as quick:
        for client in (slow, quick):
            await client.send(json.dumps({"open": True, "channel": "starve"}))
        return await pour(slow, quick, lambda _: json.dumps({"data": BIG, "channel": "starve"}))


async def echo_starves(base: str) -> int:
    async with connect(f"{base}/echo") as slow:
        return await pour(slow, slow, lambda _: BIG)


async def at_once(client: ClientConnection) -> None:
    """Nothing is said first."""


@dataclass(frozen=True)
class Edge:
    name: str
    path: Callable[[], str]
    """Of a new client."""
    ready: Callable[[ClientConnection], Awaitable[None]]
    works: Callable[[str], Awaitable[None]]
    garbage: tuple[str | bytes, ...]
    """Ends the sender, or is passed over."""
    chatter: str
    """A well-formed message that may be sent too often."""
    starves: Callable[[str], Coroutine[None, None, int]]
    """One client does not read what it is sent; the code that it is closed with."""

    def __str__(self) -> str:
        return self.name


NONSENSE: tuple[str | bytes, ...] = (
    "", "{", "null", "[]", '{"type":', "\x00" * 50, b"\xff\xfe", b"", "[" * 20_000, '"' + "x" * 60_000, "9" * 10_000,
    '{"type":{"a":1}}', '{"a":1e999}', '42["open-room",', "99", '451-["x",{"_placeholder":true,"num":0}]',
)  # fmt: skip

EDGES = (
    Edge(
        "peerjs",
        lambda: f"/peerjs?key=peerjs&id=c{next(_NUMBERS)}&token=t",
        peerjs_ready,
        peerjs_works,
        NONSENSE,
        '{"type":"OFFER","dst":"nobody","payload":"' + "x" * 1_000 + '"}',
        peerjs_starves,
    ),
    Edge(
        "socketio",
        lambda: "/socket.io/?EIO=4&transport=websocket",
        socketio_ready,
        socketio_works,
        NONSENSE,
        '42["check-presence","' + "x" * 200 + '"]',
        socketio_starves,
    ),
    Edge(
        "relay",
        lambda: "/relay",
        relay_ready,
        relay_works,
        (*NONSENSE, '{"type":"join","id":1,"channel":7}', '{"type":"publish","channel":"nowhere","data":1}'),
        '{"type":"join","id":1,"channel":"' + "x" * 100 + '"}',
        relay_starves,
    ),
    Edge(
        "muaz",
        lambda: "/muaz",
        at_once,
        muaz_works,
        NONSENSE,
        '{"checkPresence":true,"channel":"flood"}',
        muaz_starves,
    ),
    Edge("own", lambda: "/echo", at_once, echo_works, NONSENSE, "", echo_starves),
)


Serving = Callable[[Callable[[str], Awaitable[None]]], None]


@pytest.fixture(params=["door", "asgi"])
def serving(request: pytest.FixtureRequest, tmp_path: Path) -> Serving:
    """Runs a test against `roomful serve`'s front door, and against `roomful.asgi()` in another server."""
    settings = replace(for_tests(tmp_path), drain_s=0)

    async def door(body: Callable[[str], Awaitable[None]]) -> None:
        server = Roomful(settings)
        await server.start()
        try:
            await body(f"ws://127.0.0.1:{server.port}")
        finally:
            await server.stop()

    async def asgi(body: Callable[[str], Awaitable[None]]) -> None:
        roomful = Roomful(settings)
        listener = Listener(roomful.asgi(), bind(["127.0.0.1"], 0, flag="--port"), drain_s=1)
        await listener.start()
        try:
            await body(f"ws://127.0.0.1:{listener.port}")
        finally:
            await roomful.stop()
            await listener.stop()

    async def timely(body: Callable[[str], Awaitable[None]]) -> None:
        async with asyncio.timeout(60):
            await (door if request.param == "door" else asgi)(body)

    return lambda body: asyncio.run(timely(body))


each_edge = pytest.mark.parametrize("edge", EDGES, ids=str)
flooded = pytest.mark.parametrize("edge", [one for one in EDGES if one.chatter], ids=str)


async def closed(client: ClientConnection) -> int:
    """Reads until the server ends the connection; its code."""
    try:
        while True:
            await client.recv()
    except ConnectionClosed as end:
        return end.rcvd.code if end.rcvd else 1006


@each_edge
def test_two_meet(edge: Edge, serving: Serving) -> None:
    async def body(base: str) -> None:
        await edge.works(base)

    serving(body)


@each_edge
def test_pages_of_other_origins_are_refused(edge: Edge, serving: Serving) -> None:
    async def body(base: str) -> None:
        with pytest.raises(InvalidStatus) as refused:
            async with connect(base + edge.path(), additional_headers={"Origin": "https://evil.example"}):
                pass
        assert refused.value.response.status_code == 403
        own = base.replace("ws://", "http://")
        async with connect(base + edge.path(), additional_headers={"Origin": own}) as client:
            await edge.ready(client)

    serving(body)


@each_edge
def test_nonsense_harms_nobody_else(edge: Edge, serving: Serving) -> None:
    async def body(base: str) -> None:
        for one in edge.garbage:
            async with connect(base + edge.path()) as client:
                await edge.ready(client)
                try:
                    await client.send(one)
                    await client.send(one)
                except ConnectionClosed:
                    continue
        await edge.works(base)

    serving(body)


@each_edge
def test_an_oversized_message_ends_its_sender(edge: Edge, serving: Serving) -> None:
    async def body(base: str) -> None:
        async with connect(base + edge.path()) as client:
            await edge.ready(client)
            await client.send("4" + "x" * 200_000)
            await closed(client)
        await edge.works(base)

    serving(body)


@flooded
def test_a_flood_ends_its_sender_and_others_are_served(edge: Edge, serving: Serving) -> None:
    async def body(base: str) -> None:
        async with connect(base + edge.path()) as client:
            await edge.ready(client)

            async def flood() -> None:
                try:
                    while True:
                        await client.send(edge.chatter)
                except ConnectionClosed:
                    return

            reading = asyncio.create_task(closed(client))
            flooding = asyncio.create_task(flood())
            await edge.works(base)
            await asyncio.gather(reading, flooding)

    serving(body)


@each_edge
def test_who_does_not_read_is_closed_and_others_are_served(edge: Edge, serving: Serving) -> None:
    async def body(base: str) -> None:
        starving = asyncio.create_task(edge.starves(base))
        while not starving.done():
            await edge.works(base)
            await asyncio.sleep(0.2)
        # Nobody else ends it. Who is cut off hears no word, or python-socketio's (1000).
        assert await starving in (1000, 1006, 1008, 1013)

    serving(body)


@each_edge
def test_a_crowd_that_comes_and_goes_leaves_nothing(edge: Edge, serving: Serving) -> None:
    async def body(base: str) -> None:
        for _round in range(3):
            async with AsyncExitStack() as stack:
                for _each in range(40):
                    client = await stack.enter_async_context(connect(base + edge.path()))
                    # Half of them leave before a word was said.
                    client.transport.abort()
                    other = await stack.enter_async_context(connect(base + edge.path()))
                    await edge.ready(other)
        await edge.works(base)

    serving(body)
