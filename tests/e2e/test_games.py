"""examples/arena as its players meet it: a browser, and an unmodified LiveKit client with `roomful.game.Player`, in one match."""

from __future__ import annotations

import asyncio
import re
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from clients import token
from livekit import rtc
from people import until
from playwright.async_api import Browser, Page
from programs import Program, serving

from roomful.game import Player
from roomful.game.wire import SERVER, TOPIC

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio]
ARENA = Path(__file__).parents[2] / "examples" / "arena"


@asynccontextmanager
async def arena(folder: Path, chromium: Browser) -> AsyncIterator[tuple[Program, Page]]:
    """The example, served, and a browser in it."""
    shutil.copytree(ARENA / "page", folder / "page")
    with serving((ARENA / "arena.py").read_text(), folder) as program:
        context = await chromium.new_context(permissions=["microphone"])
        page = await context.new_page()
        await page.goto(f"{program.http}/arena/")
        await sit_down(page, "Mia")
        yield program, page
        await context.close()


async def sit_down(page: Page, name: str) -> None:
    await page.get_by_label("Your name").fill(name)
    await page.get_by_role("button", name="Play").click()
    await page.wait_for_function("window.arena?.game.frame?.tick > 0")


class SdkPlayer:
    """A player in Python over LiveKit's own SDK."""

    def __init__(self, room: rtc.Room) -> None:
        self.room = room
        self.player = Player()
        room.on("data_received", self._hear)

    def _hear(self, packet: rtc.DataPacket) -> None:
        if packet.topic == TOPIC and packet.participant is None:
            self.player.hear(packet.data, time.monotonic() * 1_000)

    async def send(self, payload: bytes, *, reliable: bool) -> None:
        await self.room.local_participant.publish_data(
            payload, reliable=reliable, topic=TOPIC, destination_identities=[SERVER]
        )

    async def play(self, wish: dict[str, Any], times: int) -> None:
        for _ in range(times):
            await self.send(self.player.act(wish, time.monotonic() * 1_000), reliable=False)
            await asyncio.sleep(1 / 60)

    def ship(self) -> dict[str, Any]:
        frame = self.player.frame
        assert frame
        return frame.world[f"ship {self.player.seat}"]


async def test_a_browser_and_a_python_player_share_a_match_and_its_voices(tmp_path: Path, chromium: Browser) -> None:
    async with arena(tmp_path, chromium) as (program, page):
        room = rtc.Room()
        await room.connect(program.ws, token("Py", "arena"))
        py = SdkPlayer(room)
        await py.send(py.player.hello(), reliable=True)

        async def seated() -> bool:
            return py.player.seat is not None and py.player.frame is not None

        await until("the Python player has a seat and a world", seated)
        seat = py.player.seat
        assert {one.name for one in py.player.seats} == {"Ada (bot)", "Linus (bot)", "Mia", "Py"}

        before = py.ship()
        await py.play({"turn": 1, "thrust": 1, "fire": True}, 30)

        async def moved() -> bool:
            return (py.ship()["x"], py.ship()["y"]) != (before["x"], before["y"])

        await until("its ship moves by its inputs", moved)
        await page.wait_for_function(
            "([seat, x, y]) => { const ship = arena.game.frame.world.get(`ship ${seat}`); return ship && (ship.x !== x || ship.y !== y) }",
            arg=[seat, before["x"], before["y"]],
        )
        assert py.player.round_trip_ms is not None

        mine = await page.evaluate("arena.game.seat")
        await page.keyboard.down("ArrowUp")
        here = await page.evaluate("arena.game.frame.world.get(`ship ${arena.game.seat}`)")
        await page.wait_for_function(
            "([x, y]) => { const ship = arena.game.frame.world.get(`ship ${arena.game.seat}`); return ship.x !== x || ship.y !== y }",
            arg=[here["x"], here["y"]],
        )
        await page.get_by_role("button", name="Voice off").click()

        async def voice() -> bool:
            return any(
                one.track is not None
                for who in room.remote_participants.values()
                for one in who.track_publications.values()
            )

        await until("the Python player gets Mia's voice", voice)

        # The page is loaded anew: the same seat, and the score that was there.
        await page.reload()
        await sit_down(page, "Mia")
        assert await page.evaluate("arena.game.seat") == mine
        await room.disconnect()

        await page.wait_for_function("arena.game.seats.some(({name, connected}) => name === 'Py' && !connected)")


async def test_strangers_inputs_and_odd_values_harm_nobody(tmp_path: Path, chromium: Browser) -> None:
    async with arena(tmp_path, chromium) as (program, page):
        room = rtc.Room()
        await room.connect(program.ws, token("Eve", "arena"))
        eve = SdkPlayer(room)
        await eve.send(eve.player.hello(), reliable=True)
        for odd in ({"turn": "left"}, {"thrust": 10**12, "turn": float("nan")}, [1, 2], None, "x" * 200):
            await eve.play(odd, 3)  # pyright: ignore[reportArgumentType] - odd on purpose
        for payload in (b"", b"\x99", b"\x02", b"\x03\xc1"):
            await eve.send(payload, reliable=True)

        async def refused() -> bool:
            return eve.player.refused is not None

        await until("she is told", refused)
        tick = await page.evaluate("arena.game.frame.tick")
        await page.wait_for_function("(tick) => arena.game.frame.tick > tick + 30", arg=tick)
        assert program.process.poll() is None
        await room.disconnect()


async def test_the_page_of_the_how_to_plays_its_game(tmp_path: Path, chromium: Browser) -> None:
    text = (ARENA.parents[1] / "docs" / "how-to" / "games.md").read_text()
    server, page_text = (
        next(iter(re.findall(rf"^```{kind}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)))
        for kind in ("python server", "html page")
    )
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "index.html").write_text(page_text)
    served = server.replace("raise SystemExit", 'roomful.files("/tag", "page")\nraise SystemExit')
    with serving(served, tmp_path) as program:
        page = await chromium.new_page()
        await page.goto(f"{program.http}/tag/")
        await page.wait_for_function(r"/^0: [1-9]\d/.test(document.body.textContent)")
        await page.close()
