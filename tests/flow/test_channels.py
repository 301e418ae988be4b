"""Rules for channels in Python, over the relay protocol, against a running server."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from roomful import Roomful
from roomful.app.parts import for_tests


def serving(app: Roomful, body: Callable[[str], Awaitable[None]]) -> None:
    async def main() -> None:
        await app.start()
        try:
            async with asyncio.timeout(40):
                await body(f"ws://127.0.0.1:{app.port}/relay")
        finally:
            await app.stop()

    asyncio.run(main())


def server(tmp_path: Path, *, dev: bool = True) -> Roomful:
    return Roomful(replace(for_tests(tmp_path), dev=dev, drain_s=0))


async def say(client: ClientConnection, **message: Any) -> None:
    await client.send(json.dumps(message))


async def heard(client: ClientConnection, *kinds: str) -> dict[str, Any]:
    """The next message of these types."""
    while True:
        told = json.loads(await client.recv())
        if told["type"] in kinds:
            return told


async def join(client: ClientConnection, channel: str, info: Any = None) -> dict[str, Any]:
    await say(client, type="join", id=1, channel=channel, **({} if info is None else {"info": info}))
    return await heard(client, "joined", "error")


def test_hooks_decide_in_their_channels(tmp_path: Path) -> None:
    app = server(tmp_path)
    gone: list[str] = []
    all_gone = asyncio.Event()

    @app.channel("game-*", presence=True)
    class Game:
        async def on_join(self, member: Any, channel: str) -> Any:
            await asyncio.sleep(0)
            if member.info["name"] == "troll":
                raise member.refuse("no trolls", code="no_trolls")
            if member.info["name"] == "nobody":
                return False
            member.state["name"] = member.info["name"]
            return {"name": member.info["name"].title()}

        def on_message(self, member: Any, channel: str, message: Any) -> Any:
            match message:
                case "cheat":
                    return False
                case "score":
                    member.send({"score": 7})
                    return False
                case "rude":
                    raise member.refuse("be kind")
                case "broken":
                    raise RuntimeError("a mistake")
                case str():
                    return message.upper()
                case _:
                    return None

        async def on_request(self, member: Any, channel: str, message: Any) -> Any:
            return [channel, message]

        def on_leave(self, member: Any, channel: str) -> None:
            gone.append(member.state["name"])
            if len(gone) == 2:
                all_gone.set()

    async def body(url: str) -> None:
        async with connect(url) as ada, connect(url) as bob:
            for client, name in ((ada, "troll"), (bob, "nobody")):
                assert (await join(client, "game-1", {"name": name}))["code"] in ("no_trolls", "refused")
            members = (await join(ada, "game-1", {"name": "ada"}))["members"]
            assert [one["info"] for one in members] == [{"name": "Ada"}]
            await join(bob, "game-1", {"name": "bob"})
            for word in ("hello", "cheat", {"x": 1}, "score", "rude", "broken"):
                await say(ada, type="publish", channel="game-1", data=word)
            assert (await heard(bob, "message"))["data"] == "HELLO"
            assert (await heard(bob, "message"))["data"] == {"x": 1}
            answer = await heard(ada, "message")
            assert answer["data"] == {"score": 7}
            assert "from" not in answer
            assert (await heard(ada, "error"))["message"] == "be kind"
            assert (await heard(ada, "error"))["message"] == "the server could not decide"
            await say(ada, type="request", id=9, channel="game-1", data="ready?")
            assert (await heard(ada, "reply"))["data"] == ["game-1", "ready?"]
        await asyncio.wait_for(all_gone.wait(), 10)
        assert sorted(gone) == ["ada", "bob"]

    serving(app, body)


def test_publish_from_anywhere(tmp_path: Path) -> None:
    app = server(tmp_path)
    app.channel("news", publish=False, history=10)(object())

    async def body(url: str) -> None:
        async with connect(url) as reader:
            await join(reader, "news")
            thread = threading.Thread(target=lambda: app.publish("news", {"from": "a thread"}))
            thread.start()
            thread.join()
            app.publish("news", b"\x00bytes")
            assert (await heard(reader, "message"))["data"] == {"from": "a thread"}
            frame = await reader.recv()
            assert isinstance(frame, bytes)
            assert frame.endswith(b"\x00bytes")
            await say(reader, type="publish", id=3, channel="news", data=1)
            assert (await heard(reader, "error"))["code"] == "not_allowed"
            for nonsense in (object(), float("nan")):
                with pytest.raises((TypeError, ValueError)):
                    app.publish("news", nonsense)
        # Who comes back hears what was said.
        async with connect(url) as again:
            joined = await join(again, "news")
            assert joined["offset"] == 2
            await say(again, type="history", id=2, channel="news")
            assert (await heard(again, "history"))["count"] == 2

    serving(app, body)


def test_outside_of_development_only_p2p_is_open(tmp_path: Path) -> None:
    app = server(tmp_path, dev=False)

    @app.channel("open")
    class Open:
        def on_join(self, member: Any, channel: str) -> None:
            assert member.identity == "ada"

    async def body(url: str) -> None:
        async with connect(url) as client:
            assert (await join(client, "lobby"))["code"] == "refused"
            assert (await join(client, "open"))["code"] == "refused"
        async with connect(f"{url}?access_token={app.token(room='r', identity='ada')}") as client:
            assert (await join(client, "open"))["members"][0]["identity"] == "ada"
        with pytest.raises(Exception, match="401"):
            await connect(f"{url}?access_token=nonsense")
        people: list[ClientConnection] = []
        for _ in range(8):
            people.append(await connect(url))
            assert (await join(people[-1], "p2p/tea", {"name": "x"}))["type"] == "joined"
        async with connect(url) as ninth:
            assert (await join(ninth, "p2p/tea"))["code"] == "channel_full"
        # One to one, with the sender's own id.
        two = people[1]
        me = (await heard(two, "member_joined"))["member"]["id"]
        await say(two, type="publish", channel="p2p/tea", to=me, data={"sdp": 1})
        for person in people:
            await person.close()

    serving(app, body)


def test_joins_of_one_address_are_limited(tmp_path: Path) -> None:
    async def body(url: str) -> None:
        codes: set[str] = set()
        for _ in range(4):
            async with connect(url) as client:
                for number in range(60):
                    told = await join(client, f"c{number}")
                    codes.add(told.get("code", ""))
        assert codes >= {"", "rate_limited"}

    serving(server(tmp_path), body)
