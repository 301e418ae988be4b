"""Direct calls, page to page over the relay, and the page that shows the four stages of any call."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from conftest import Server
from people import until
from playwright.async_api import Browser, Page, expect

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio]

# What this page decodes of each other one, and whether a server carries it: the addresses of the pairs in use.
LINKS = """(async () => {
  const session = window.__roomful?.peers; const out = {};
  for (const peer of session?.peers?.values() ?? []) {
    const found = { state: peer.link.connection.connectionState, frames: 0, screen: 0, energy: 0, remote: '' };
    const stats = await peer.link.connection.getStats();
    const screen = peer.link.tracks.get('screen')?.id;
    for (const one of stats.values()) {
      if (one.type === 'inbound-rtp' && one.kind === 'video') found[one.trackIdentifier === screen ? 'screen' : 'frames'] += one.framesDecoded ?? 0;
      if (one.type === 'inbound-rtp' && one.kind === 'audio') found.energy += one.totalAudioEnergy ?? 0;
      if (one.type === 'candidate-pair' && one.nominated && one.state === 'succeeded')
        found.remote = `${stats.get(one.remoteCandidateId)?.candidateType}:${stats.get(one.remoteCandidateId)?.port}`;
    }
    out[peer.presence.name] = found;
  }
  return out;
})()"""

# A page's WebSockets, so that a test can cut them as a network does.
SOCKETS = """
const made = window.__sockets = [];
window.WebSocket = class extends WebSocket { constructor(...given) { super(...given); made.push(this); } };
"""

Meet = Callable[..., Awaitable[Page]]


@pytest_asyncio.fixture
async def meet(server: Server, chromium: Browser) -> AsyncIterator[Meet]:
    """`await meet("Ada", "room")`: a page inside a direct call."""
    faults: list[str] = []
    async with AsyncExitStack() as stack:

        async def one(name: str, room: str, *, wide: bool = True, query: str = "") -> Page:
            context = await chromium.new_context(
                permissions=["camera", "microphone"],
                locale="en-US",
                viewport={"width": 1280, "height": 860} if wide else {"width": 390, "height": 844},
            )
            stack.push_async_callback(context.close)
            page = await context.new_page()
            page.on("pageerror", lambda error: faults.append(str(error)))
            page.on(
                "console", lambda said: faults.append(said.text) if "Content Security Policy" in said.text else None
            )
            await page.add_init_script(SOCKETS)
            await page.goto(f"{server.http}/p2p/{room}?name={name}&join=1{query}")
            return page

        yield one
    assert faults == []


async def linked(page: Page, *others: str, more_than: int = 5, source: str = "frames") -> None:
    for other in others:

        async def sees(other: str = other) -> bool:
            link = (await page.evaluate(LINKS)).get(other, {})
            return link.get("state") == "connected" and link.get(source, 0) > more_than

        await until(f"{other} is seen ({source})", sees, 30)


async def test_two_pages_talk_without_a_server_in_between(meet: Meet, server: Server) -> None:
    ada = await meet("Ada", "direct")
    bob = await meet("Bob", "direct", wide=False)
    await linked(ada, "Bob")
    await linked(bob, "Ada")
    await linked(ada, "Bob", source="energy", more_than=0)
    links = await ada.evaluate(LINKS)
    # The other end of the path in use is the other browser: the server's media ports are not in it.
    kind, port = links["Bob"]["remote"].split(":")
    assert kind in ("host", "prflx")
    assert int(port) not in (server.port, 7881, 7882)
    await expect(ada.get_by_role("listitem", name="Bob, microphone on")).to_be_visible()

    await ada.keyboard.press("c")
    await ada.get_by_label("Message", exact=True).fill("straight to you, <b>Bob</b>")
    await ada.keyboard.press("Enter")
    await bob.get_by_role("button", name=re.compile("^Chat, 1 unread")).click()
    await expect(bob.get_by_test_id("chat-line")).to_contain_text("straight to you, <b>Bob</b>")

    await ada.get_by_role("button", name="Mute microphone").click()
    await expect(bob.get_by_role("listitem", name="Ada, microphone off")).to_be_attached()
    await ada.get_by_role("button", name="Turn camera off").click()
    await expect(bob.get_by_role("listitem", name="Ada, microphone off").locator("video")).to_have_count(0)
    await ada.get_by_role("button", name="Turn camera on").click()
    await expect(bob.get_by_role("listitem", name="Ada, microphone off").locator("video")).to_have_count(1)

    await ada.get_by_role("button", name="Leave").click()
    await ada.get_by_role("alertdialog").get_by_role("button", name="Leave").click()
    await expect(bob.get_by_test_id("tile")).to_have_count(1)


async def test_a_third_joins_and_a_screen_is_shared(meet: Meet) -> None:
    ada, bob = await meet("Ada", "three"), await meet("Bob", "three")
    await linked(ada, "Bob")
    await ada.get_by_role("button", name="Share screen").click()
    await expect(bob.get_by_test_id("screen")).to_be_visible(timeout=20_000)
    await linked(bob, "Ada", source="screen")
    cyd = await meet("Cyd", "three", query="&video=0&audio=0")
    # Whoever only listens sees the others, and what was shared before.
    await linked(cyd, "Ada", "Bob")
    await linked(cyd, "Ada", source="screen")
    await ada.get_by_test_id("screen").get_by_role("button", name="Stop sharing").click()
    await expect(cyd.get_by_test_id("screen")).to_have_count(0)
    await expect(cyd.get_by_test_id("tile")).to_have_count(3)


async def test_the_call_goes_on_while_the_relay_is_away(meet: Meet) -> None:
    ada = await meet("Ada", "cut")
    await meet("Bob", "cut")
    await linked(ada, "Bob")
    before = (await ada.evaluate(LINKS))["Bob"]["frames"]
    await ada.evaluate("window.__sockets.forEach(one => one.close())")
    await linked(ada, "Bob", more_than=before + 20)
    await expect(ada.get_by_test_id("tile")).to_have_count(2)
    # It came back by itself: somebody new is met.
    cyd = await meet("Cyd", "cut")
    await linked(cyd, "Ada", "Bob")
    await linked(ada, "Cyd")


async def test_whoever_vanishes_is_gone(meet: Meet) -> None:
    ada, bob = await meet("Ada", "vanish"), await meet("Bob", "vanish")
    await linked(ada, "Bob")
    await bob.evaluate("window.__roomful.peers.bye = null")
    await bob.context.set_offline(True)
    await bob.evaluate("window.__sockets.forEach(one => one.close())")
    await bob.evaluate("window.__roomful.peers.peers.forEach(one => one.link.connection.close())")
    await expect(ada.get_by_test_id("tile")).to_have_count(1, timeout=30_000)


async def test_the_ninth_is_told_that_it_is_full(meet: Meet) -> None:
    for at in range(8):
        await meet(f"P{at}", "full", query="&video=0&audio=0")
    ninth = await meet("Late", "full", query="&video=0&audio=0")
    await expect(ninth.get_by_role("alert")).to_contain_text("full", timeout=20_000)


async def test_the_front_page_of_direct_calls(server: Server, chromium: Browser) -> None:
    context = await chromium.new_context(permissions=["camera", "microphone"], locale="en-US")
    page = await context.new_page()
    await page.goto(f"{server.http}/")
    await page.get_by_role("link", name=re.compile("direct call")).click()
    await page.get_by_label("Room name").fill("garden")
    await page.get_by_label("Your name").fill("Ada")
    await page.get_by_role("button", name="Start a direct call").click()
    await page.get_by_role("button", name="Join now").click()
    await expect(page.get_by_test_id("room")).to_be_visible(timeout=20_000)
    await page.get_by_role("button", name="Invite people").first.click()
    await expect(page.get_by_label("Link to this room")).to_have_value(f"{server.http}/p2p/garden")
    await context.close()


async def stages(page: Page) -> None:
    """Every stage is done, with numbers that the browser's own statistics confirm."""
    await page.keyboard.press("w")
    place = page.get_by_test_id("stages")
    for number in (1, 2, 3, 4):
        await expect(place.locator(f"[data-stage='{number}'][data-progress='done']")).to_be_visible(timeout=20_000)
    await expect(place.locator("[data-stage='3']")).to_contain_text(re.compile(r"DTLS 1\.[23]"))
    await expect(place.locator("[data-stage='3']")).to_contain_text(re.compile("AES"))
    fingerprints = await place.locator("[data-stage='3'] code").all_inner_texts()
    remote = await page.evaluate(
        "(async () => { const pick = window.__roomful.peers ? [...window.__roomful.peers.peers.values()][0].link.connection"
        " : window.__roomful.room.engine.pcManager.publisher._pc ?? window.__roomful.room.engine.pcManager.publisher.pc;"
        " return pick.remoteDescription.sdp })()"
    )
    assert fingerprints[1].split()[-1] in remote
    flow = place.locator("tr[data-flow='video-in']").first
    await expect(flow).to_be_visible()
    count = int(await flow.get_attribute("data-packets") or 0)

    async def counts_up() -> bool:
        return int(await flow.get_attribute("data-packets") or 0) > count

    await until("the numbers are live", counts_up)
    await page.keyboard.press("Escape")
    await expect(place).to_have_count(0)


async def test_the_four_stages_of_a_direct_call(meet: Meet) -> None:
    ada, bob = await meet("Ada", "stages"), await meet("Bob", "stages")
    await linked(ada, "Bob")
    await linked(bob, "Ada")
    await stages(ada)


async def test_the_four_stages_of_a_call_through_the_server(server: Server, chromium: Browser) -> None:
    pages: list[Page] = []
    for name in ("Ada", "Bob"):
        context = await chromium.new_context(permissions=["camera", "microphone"], locale="en-US")
        page = await context.new_page()
        await page.goto(f"{server.http}/?room=shown&name={name}&join=1")
        pages.append(page)
    await expect(pages[0].get_by_test_id("tile")).to_have_count(2, timeout=20_000)
    await stages(pages[0])
