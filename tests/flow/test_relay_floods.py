"""Floods of channels, joins and presence over real sockets: each is bounded, others are served, nothing stays behind."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

from test_channels import heard, join, say, server, serving
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed


async def flood(client: ClientConnection, messages: list[dict[str, Any]]) -> Counter[str]:
    """Says all of it without waiting; what it was told, and with which code it was closed."""
    told: Counter[str] = Counter()

    async def listen() -> None:
        async for message in client:
            fields = json.loads(message)
            told[fields.get("code", fields["type"])] += 1

    listening = asyncio.create_task(listen())
    with contextlib.suppress(ConnectionClosed):
        for message in messages:
            await client.send(json.dumps(message))
        await say(client, type="ping")
    with contextlib.suppress(TimeoutError, ConnectionClosed):
        await asyncio.wait_for(asyncio.shield(listening), 3)
    told[f"closed {client.close_code}"] += client.close_code is not None
    listening.cancel()
    return told


def test_one_client_cannot_fill_the_server_with_channels(tmp_path: Path) -> None:
    app = server(tmp_path)

    async def body(url: str) -> None:
        async with connect(url) as quiet, connect(url) as loud:
            assert (await join(quiet, "tea"))["type"] == "joined"
            asks = [{"type": "join", "id": at, "channel": f"c{at}"} for at in range(1, 5_000)]
            told = await flood(loud, asks)
            assert told["joined"] <= 64, told
            assert told["rate_limited"] + told["too_many_joined"] + told["busy"] > 0, told
            await say(quiet, type="publish", id=9, channel="tea", data=1)
            assert (await heard(quiet, "ok", "error"))["type"] == "ok"

    serving(app, body)


def test_coming_and_going_does_not_drown_those_who_are_there(tmp_path: Path) -> None:
    app = server(tmp_path)

    @app.channel("hall", presence=True, max_members=50)
    class Hall:
        pass

    async def body(url: str) -> None:
        async with connect(url) as here:
            assert (await join(here, "hall"))["type"] == "joined"

            async def come_and_go() -> Counter[str]:
                async with connect(url) as guest:
                    asks: list[dict[str, Any]] = []
                    for at in range(1, 600):
                        asks += [{"type": "join", "id": at, "channel": "hall"}, {"type": "leave", "channel": "hall"}]
                    return await flood(guest, asks)

            seen = sum(await asyncio.gather(*(come_and_go() for _ in range(8))), Counter[str]())
            assert seen["joined"] < 8 * 600, "the rate of a connection holds"
            await say(here, type="presence", id=7, channel="hall")
            async with asyncio.timeout(20):
                while True:
                    told = await heard(here, "presence")
                    if len(told["members"]) == 1:
                        break
                    await asyncio.sleep(0.2)
                    await say(here, type="presence", id=7, channel="hall")

    serving(app, body)


def test_a_storm_of_reconnects_leaves_nothing(tmp_path: Path) -> None:
    app = server(tmp_path)

    async def body(url: str) -> None:
        async def once(number: int) -> None:
            async with connect(url) as client:
                await join(client, f"storm-{number % 10}")

        for _ in range(10):
            await asyncio.gather(*(once(number) for number in range(40)))
        async with connect(url) as last:
            for number in range(10):
                # An address may join only so often, and this one has.
                while (joined := await join(last, f"storm-{number}"))["type"] == "error":
                    assert joined["code"] == "rate_limited", joined
                    await asyncio.sleep(0.5)
                assert [one["id"] for one in joined["members"]] == [joined["members"][0]["id"]], "only itself"

    serving(app, body)
