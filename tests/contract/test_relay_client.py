"""The Python client of the relay protocol against a running server: acks, presence, requests, bytes, and coming back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomful import Roomful
from roomful.app.parts import for_tests
from roomful.client.relay import (
    Event,
    MemberJoined,
    MemberLeft,
    Message,
    PutOut,
    Reconnected,
    Relay,
    RelayError,
)
from roomful.client.relay_wire import decode, encode


def serving(app: Roomful, body: Callable[[str], Awaitable[None]]) -> None:
    async def main() -> None:
        await app.start()
        try:
            async with asyncio.timeout(40):
                await body(f"ws://127.0.0.1:{app.port}/relay")
        finally:
            await app.stop()

    asyncio.run(main())


def server(tmp_path: Path) -> Roomful:
    app = Roomful(replace(for_tests(tmp_path), drain_s=0))

    @app.channel("kept", history=100, presence=True)
    class Kept:
        def on_request(self, member: Any, channel: str, message: Any) -> Any:
            return {"asked": message}

    return app


async def events(channel: Any, count: int) -> list[Event]:
    found: list[Event] = []
    async for event in channel:
        found.append(event)
        if len(found) == count:
            break
    return found


def test_talking_and_presence(tmp_path: Path) -> None:
    app = server(tmp_path)

    async def body(url: str) -> None:
        async with Relay(url, token=app.token(room="r", identity="ada")) as one, Relay(url) as two:
            a = await one.join("kept", info={"name": "Ada"})
            b = await two.join("kept", info={"name": "Bob"})
            assert {one.identity for one in b.members.values()} == {"ada", ""}
            assert await a.publish({"x": [1, None, "ä"]}) == 1
            assert await a.publish(b"\x00\xff") == 2
            assert await a.publish("for you", to=two.you) is None
            await a.publish("no ack", acknowledged=False)
            said = await events(b, 4)
            assert said == [
                Message({"x": [1, None, "ä"]}, one.you, 1),
                Message(b"\x00\xff", one.you, 2),
                Message("for you", one.you, None, two.you),
                Message("no ack", one.you, 3),
            ]
            [joined] = await events(a, 1)
            assert isinstance(joined, MemberJoined)
            assert joined.member.info == {"name": "Bob"}
            assert await a.request("hi") == {"asked": "hi"}
            await b.leave()
            assert [type(event) for event in await events(a, 1)] == [MemberLeft]
            with pytest.raises(RelayError) as refused:
                await a.publish("x", to="nobody")
            assert refused.value.code == "no_such_member"
            assert await a.history(after=1) == 2

    serving(app, body)


def test_members_answer_each_other(tmp_path: Path) -> None:
    async def body(url: str) -> None:
        async with Relay(url) as one, Relay(url) as two:

            async def answer(data: Any, sender: str) -> Any:
                if data == "no":
                    raise RelayError("whatever", "not today")
                return [data, sender]

            a = await one.join("room")
            await two.join("room", on_request=answer)
            assert await a.request("ready?", to=two.you) == ["ready?", one.you]
            with pytest.raises(RelayError, match="not today") as declined:
                await a.request("no", to=two.you)
            assert declined.value.code == "declined"

    serving(server(tmp_path), body)


def test_coming_back_without_a_gap(tmp_path: Path) -> None:
    app = server(tmp_path)

    async def body(url: str) -> None:
        async with Relay(url, jitter=lambda: 0.0) as one, Relay(url) as two:
            a = await one.join("kept")
            b = await two.join("kept")
            await b.publish("before")
            first = one.you
            assert one._socket is not None
            one._socket.transport.abort()
            await b.publish("while away")
            found: list[Event] = []
            async for event in a:
                if not isinstance(event, (MemberJoined, MemberLeft)):
                    found.append(event)
                if len(found) == 3:
                    break
            # It may have been heard before the connection was known to be lost; it comes once.
            assert [event.data for event in found if isinstance(event, Message)] == ["before", "while away"]
            assert [event for event in found if isinstance(event, Reconnected)] == [Reconnected(True)]
            assert one.you != first

    serving(app, body)


def test_put_out_and_refused(tmp_path: Path) -> None:
    app = Roomful(replace(for_tests(tmp_path), drain_s=0))

    @app.channel("strict")
    class Strict:
        def on_join(self, member: Any, channel: str) -> Any:
            return (member.info or {}).get("name") == "ada"

        def on_message(self, member: Any, channel: str, message: Any) -> Any:
            member.put_out("enough", code="enough")
            return False

    async def body(url: str) -> None:
        async with Relay(url) as one:
            with pytest.raises(RelayError) as refused:
                await one.join("strict", info={"name": "bob"})
            assert refused.value.code == "refused"
            channel = await one.join("strict", info={"name": "ada"})
            await channel.publish("x", acknowledged=False)
            assert [event async for event in channel] == [PutOut("enough", "enough")]

    serving(app, body)


@given(st.dictionaries(st.text(max_size=5), st.none() | st.text() | st.integers(), max_size=4), st.binary(max_size=50))
def test_frames_come_back_as_they_went(head: dict[str, Any], data: bytes) -> None:
    head.pop("data", None)
    assert decode(encode(head)) == head
    assert decode(encode({**head, "data": data})) == {**head, "data": data}


@given(st.one_of(st.text(max_size=80), st.binary(max_size=80)))
def test_nonsense_is_a_value_error(frame: str | bytes) -> None:
    try:
        decode(frame)
    except (ValueError, RecursionError):
        return
