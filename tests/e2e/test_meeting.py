"""A meeting with its host: the lobby, hands, reactions, captions, moderation; and that what is not shown does not flow."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio
from clients import Connect, publish_picture
from conftest import Server
from livekit import rtc
from people import until
from playwright.async_api import Browser, Page, expect
from visitor import DESKTOP, PHONE, Visitor

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio]


@pytest_asyncio.fixture
async def visitor(server: Server, chromium: Browser) -> AsyncIterator[Visitor]:
    one = Visitor(chromium, server.http)
    yield one
    assert one.faults == []


def person(page: Page, name: str) -> Any:
    return page.get_by_test_id("person").filter(has_text=name)


async def test_a_host_and_a_guest(visitor: Visitor, connect: Connect) -> None:
    host = await visitor.visit("/?room=meeting&name=Ada&join=1", DESKTOP)
    await expect(host.get_by_test_id("room")).to_be_visible(timeout=20_000)
    await host.get_by_role("button", name="Room settings").click()
    await host.get_by_text("Let guests in one by one").click()
    await expect(host.get_by_role("switch", name="Let guests in one by one")).to_be_checked()
    await host.keyboard.press("Escape")

    # The lobby
    guest = await visitor.visit("/?room=meeting&name=%3Cb%3EBen%3C/b%3E&join=1&video=0", PHONE)
    await expect(guest.get_by_test_id("waiting")).to_be_visible(timeout=20_000)
    lobby = host.get_by_test_id("lobby")
    await expect(lobby).to_contain_text("<b>Ben</b> wants to come in")
    await lobby.get_by_role("button", name="Admit").click()
    await expect(guest.get_by_test_id("room")).to_be_visible(timeout=20_000)
    await expect(host.get_by_test_id("tile")).to_have_count(2, timeout=20_000)

    # Hands and reactions
    await host.keyboard.press("p")
    await guest.get_by_role("button", name="More", exact=True).click()
    await guest.get_by_role("menuitem", name="Raise hand").click()
    await expect(host.get_by_role("heading", name="Raised hands · 1")).to_be_visible()
    await guest.evaluate(
        "for (let n = 0; n < 1000; n++) void window.__roomful.room.localParticipant.publishData("
        "new TextEncoder().encode('👏'), {reliable: true, topic: 'roomful.reaction'})"
    )
    await expect(host.get_by_test_id("reaction").first).to_be_visible()
    assert await host.get_by_test_id("reaction").count() < 15, "a thousand count as a handful"
    await host.get_by_role("button", name="Lower all").click()
    await expect(host.get_by_role("heading", name=re.compile("Raised hands"))).to_be_hidden()

    # Captions, as an agent sends them
    bot = await connect("scribe", "meeting")
    await bot.local_participant.send_text("good morning", topic="lk.transcription", attributes={"lk.segment_id": "1"})
    await expect(host.get_by_test_id("captions")).to_contain_text("scribe: good morning")

    # Moderation
    ben = person(host, "<b>Ben</b>")
    await expect(ben.get_by_role("img", name="microphone on")).to_be_visible()
    await ben.get_by_role("button", name=re.compile("^Options")).click()
    await host.get_by_role("menuitem", name="Mute").click()
    await expect(guest.get_by_text("A host muted your microphone.")).to_be_visible()
    await expect(ben.get_by_role("img", name="microphone off")).to_be_visible()
    forged = await guest.evaluate(
        "fetch('/api/room', {method: 'POST', headers: {Authorization: 'Bearer ' + window.__roomful.room.engine.token},"
        " body: JSON.stringify({act: 'end'})}).then((answer) => answer.status)"
    )
    assert forged in (401, 403)
    assert (
        await guest.evaluate(
            "window.__roomful.room.localParticipant.setAttributes({'roomful.role': 'host'}).then(() => 'host', () => 'refused')"
        )
        == "refused"
    )
    await ben.get_by_role("button", name=re.compile("^Options")).click()
    await host.get_by_role("menuitem", name="Make co-host").click()
    await expect(guest.get_by_text("You are co-host now.")).to_be_visible()
    await ben.get_by_role("button", name=re.compile("^Options")).click()
    await host.get_by_role("menuitem", name="Remove").click()
    await host.get_by_role("alertdialog").get_by_role("button", name="Remove").click()
    await expect(guest.get_by_role("heading", level=1)).to_have_text("You were removed")
    await guest.get_by_role("button", name="Rejoin").click()
    await expect(guest.get_by_role("alert")).to_contain_text("You were removed from this room")


PLAYING = """(async () => {
  const out = {};
  for (const one of window.__roomful.room.remoteParticipants.values())
    for (const publication of one.videoTrackPublications.values()) {
      let frames = 0;
      for (const s of (await publication.track?.receiver?.getStats() ?? new Map()).values())
        if (s.type === 'inbound-rtp') frames = s.framesDecoded ?? 0;
      out[one.identity] = {enabled: publication.isEnabled, frames};
    }
  return out;
})()"""


async def test_only_what_is_on_the_page_flows(visitor: Visitor, connect: Connect) -> None:
    async with AsyncExitStack() as stack:
        for number in range(8):
            bot = await connect(f"bot{number}", "pages")
            feed = await publish_picture(bot, rtc.VideoCodec.VP8, 160, 90, simulcast=False)
            stack.callback(feed.cancel)
        page = await visitor.visit("/?room=pages&name=Ada&join=1&video=0&audio=0", {"width": 390, "height": 480})
        shown = page.locator("[data-testid=tile][data-local=false]")
        await expect(page.get_by_text("1 of 2")).to_be_visible(timeout=30_000)

        async def settled() -> bool:
            names = {await one.get_attribute("data-identity") for one in await shown.all()}
            state = await page.evaluate(PLAYING)
            return len(state) == 8 and {name for name, one in state.items() if one["enabled"]} == names

        await until("exactly the shown ones are asked for", settled, 20)
        before = await page.evaluate(PLAYING)
        await asyncio.sleep(1.5)
        after = await page.evaluate(PLAYING)
        hidden = [name for name, one in after.items() if not one["enabled"]]
        assert hidden, "some are on the other page"
        for name in hidden:
            assert after[name]["frames"] - before[name]["frames"] <= 2, f"{name} is not shown and still decoded"
        await page.get_by_role("button", name="Next page").click()
        await until("after turning the page, too", settled, 20)
        name = hidden[0]

        async def plays() -> bool:
            return (await page.evaluate(PLAYING))[name]["frames"] > after[name]["frames"]

        await until("what is shown now plays", plays, 20)
