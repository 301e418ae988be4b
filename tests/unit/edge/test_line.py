"""What waits for one connection is bounded, keeps its order, and ends as it should."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import pytest
from sockets import FakeSocket

from roomful.edge.line import Line


def run(body: Awaitable[None]) -> None:
    async def main() -> None:
        async with asyncio.timeout(20):
            await body

    asyncio.run(main())


def test_in_order_and_ended_after_what_waits() -> None:
    async def body() -> None:
        socket = FakeSocket()
        line = Line(socket)

        def handle(message: str | bytes) -> None:
            line.put(message)
            if message == "bye":
                line.end(1000, "as asked")
                assert not line.put("too late")

        socket.say("a", b"b", "bye", "never read")
        await line.run(handle)
        assert socket.said == ["a", b"b", "bye"]
        assert socket.closed == (1000, "as asked")

    run(body())


def test_who_does_not_read_is_ended_and_others_are_not() -> None:
    async def body() -> None:
        slow, quick = FakeSocket(reads=False), FakeSocket()
        lines = [Line(slow, max_waiting=10_000), Line(quick, max_waiting=10_000)]
        lives = [asyncio.create_task(line.run(lambda _: None)) for line in lines]
        took = [True, True]
        for _ in range(20):
            took = [line.put("x" * 1_000) for line in lines]
            await asyncio.sleep(0)
        await lives[0]
        assert not took[0]
        assert slow.closed == (1013, "too slow")
        await quick.until(20)
        quick.leave()
        await lives[1]
        assert quick.closed == (1000, "")

    run(body())


def test_an_error_passes_through_and_the_socket_is_closed() -> None:
    async def body() -> None:
        socket = FakeSocket()

        def handle(message: str | bytes) -> None:
            raise ValueError(message)

        socket.say("x")
        with pytest.raises(ValueError, match="x"):
            await Line(socket).run(handle)
        assert socket.closed is not None

    run(body())


def test_put_after_the_end_says_no() -> None:
    async def body() -> None:
        socket = FakeSocket()
        line = Line(socket)
        socket.leave()
        await line.run(lambda _: None)
        assert not line.put("x")
        assert socket.said == []

    run(body())
