"""Broadcasting from a page and from FFmpeg, watched on the page by WHEP and in the room by LiveKit's own client."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from clients import Connect, token
from conftest import Server
from people import until
from playwright.async_api import Browser, Page

pytestmark = pytest.mark.asyncio
PLAYED = """(async () => {
  const video = document.querySelector('.player video');
  const [sound] = video?.srcObject?.getAudioTracks() ?? [];
  return [video?.getVideoPlaybackQuality().totalVideoFrames ?? 0, video?.videoHeight ?? 0, sound?.muted === false];
})()"""


async def open_page(chromium: Browser, url: str) -> Page:
    context = await chromium.new_context(permissions=["camera", "microphone"], locale="en-US")
    page = await context.new_page()
    await page.goto(url)
    return page


async def plays(page: Page, what: str) -> None:
    await page.wait_for_selector("[data-testid=player][data-phase=live]", timeout=30_000)

    async def moving() -> bool:
        frames, _, heard = await page.evaluate(PLAYED)
        return frames > 10 and heard

    await until(what, moving, 30)


async def test_a_page_broadcasts_and_others_watch(server: Server, chromium: Browser, connect: Connect) -> None:
    watch = await open_page(chromium, f"{server.http}/watch/tv")
    await watch.wait_for_selector("[data-testid=player][data-phase=waiting]")
    studio = await open_page(chromium, f"{server.http}/broadcast/tv")
    # The link to watch is the room's address and holds no key.
    link = await studio.get_by_label("Link to watch", exact=True).input_value()
    assert link == f"{server.http}/watch/tv"
    await studio.get_by_role("button", name="Go live").click()
    await studio.wait_for_selector("[data-testid=studio][data-phase=live]")
    await plays(watch, "the page plays sound and picture")

    # Who is in the room by LiveKit's protocol sees the same tracks.
    client = await connect("ada", "tv")

    async def subscribed() -> bool:
        kinds = {track.kind for one in client.remote_participants.values() for track in one.track_publications.values()}
        return len(kinds) == 2 and len(client.remote_participants) == 1

    await until("LiveKit's client is told of two tracks, and of no viewer", subscribed)
    await until("viewers are counted", lambda: has(studio, "1 watching"))
    await until("the delay is told", lambda: has(watch, "ms behind the server"))

    await watch.get_by_role("button", name="Quality").click()
    await watch.get_by_role("menuitemradio", name="Low").click()

    async def small() -> bool:
        return (await watch.evaluate(PLAYED))[1] == 180

    await until("the lowest layer is a quarter as high", small, 30)

    await studio.get_by_role("button", name="End the broadcast").click()
    await watch.wait_for_selector("[data-testid=player][data-phase=waiting]")
    await studio.get_by_role("button", name="Go live").click()
    await plays(watch, "the page begins again by itself")
    await studio.context.close()
    await watch.context.close()


async def has(page: Page, text: str) -> bool:
    return await page.get_by_text(text).count() > 0


async def test_ffmpeg_broadcasts_by_its_own_whip_muxer(server: Server, chromium: Browser, tmp_path: Path) -> None:
    """The program of docs/how-to/broadcast.md, FFmpeg 8 inside PyAV."""
    page = (Path(__file__).parents[2] / "docs/how-to/broadcast.md").read_text()
    program = page.partition("```python whip\n")[2].partition("```")[0]
    (tmp_path / "send.py").write_text(program)
    key = token("studio", "radio", can_subscribe=False)
    command = [sys.executable, str(tmp_path / "send.py"), f"{server.http}/whip/radio", key]
    process = await asyncio.create_subprocess_exec(*command, cwd=tmp_path, stderr=asyncio.subprocess.PIPE)
    try:
        watch = await open_page(chromium, f"{server.http}/watch/radio")
        await plays(watch, "the page plays what FFmpeg sends")
        await watch.context.close()
        assert process.returncode is None
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
