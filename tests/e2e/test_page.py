"""The page as a person uses it: by its words and keys, on a desktop and on a phone."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from conftest import CHROMIUM_FLAGS, Server, own_address
from playwright.async_api import Browser, async_playwright, expect
from visitor import DESKTOP, PHONE, Visitor

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio]


@pytest_asyncio.fixture
async def visitor(server: Server, chromium: Browser) -> AsyncIterator[Visitor]:
    one = Visitor(chromium, server.http)
    yield one
    assert one.faults == []


async def test_from_the_first_page_into_a_room_and_out_again(visitor: Visitor) -> None:
    page = await visitor.visit("/", DESKTOP)
    await page.get_by_label("Room name").fill("garden")
    await page.get_by_label("Your name").fill("Ada")
    await page.get_by_role("button", name="Continue").click()
    await expect(page).to_have_url(re.compile(r"/r/garden$"))
    await page.get_by_role("button", name="Join now").click()
    await expect(page.get_by_test_id("room")).to_be_visible(timeout=20_000)
    await expect(page.get_by_test_id("tile")).to_have_count(1)
    await expect(page.get_by_role("listitem", name="Ada (you), microphone on")).to_be_visible()
    await page.keyboard.press("m")
    await expect(page.get_by_role("button", name="Unmute microphone")).to_be_visible()
    await page.get_by_role("button", name="Leave").click()
    await page.get_by_role("alertdialog").get_by_role("button", name="Leave").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("You left the room")
    await page.get_by_role("button", name="Rejoin").click()
    await expect(page.get_by_test_id("room")).to_be_visible(timeout=20_000)


async def test_a_desktop_and_a_phone_chat(visitor: Visitor) -> None:
    desktop = await visitor.visit("/?room=chat&name=Ada&join=1", DESKTOP)
    phone = await visitor.visit("/?room=chat&name=Bob&join=1", PHONE, scheme="dark")
    await expect(desktop.get_by_test_id("tile")).to_have_count(2, timeout=20_000)
    await expect(phone.get_by_test_id("tile")).to_have_count(2, timeout=20_000)
    await desktop.get_by_role("button", name=re.compile("^Chat")).click()
    await desktop.get_by_label("Message", exact=True).fill("see https://example.org and <b>this</b>")
    await desktop.keyboard.press("Enter")
    await phone.get_by_role("button", name=re.compile("^Chat, 1 unread")).click()
    line = phone.get_by_test_id("chat-line")
    await expect(line).to_contain_text("and <b>this</b>")
    await expect(line.get_by_role("link")).to_have_attribute("href", re.compile(r"^https://example\.org/?$"))
    await phone.get_by_label("Message", exact=True).fill("hello from the phone")
    await phone.get_by_role("button", name="Send message").click()
    await expect(desktop.get_by_test_id("chat-line").last).to_contain_text("hello from the phone")
    width = await phone.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"], "nothing hangs over the edge of a phone"


async def test_two_people_may_share_a_name(visitor: Visitor) -> None:
    first = await visitor.visit("/?room=names&name=Sam&join=1", DESKTOP)
    second = await visitor.visit("/?room=names&name=Sam&join=1", DESKTOP)
    for page in (first, second):
        await expect(page.get_by_test_id("tile")).to_have_count(2, timeout=20_000)


async def test_two_tabs_of_one_device_are_two_people_and_a_reload_is_the_same_one(visitor: Visitor) -> None:
    profile = await visitor.profile()
    first = await visitor.tab(profile, "/?room=tabs&name=Sam&join=1")
    await expect(first.get_by_test_id("room")).to_be_visible(timeout=20_000)
    door = await visitor.tab(profile, "/r/tabs")
    await expect(door.get_by_test_id("elsewhere")).to_contain_text("in another tab")
    await door.goto(f"{door.url}?join=1&name=Sam")
    for page in (first, door):
        await expect(page.get_by_test_id("tile")).to_have_count(2, timeout=20_000)
    mine = "window.__roomful.room.localParticipant.identity"
    identities = [await page.evaluate(mine) for page in (first, door)]
    assert identities[0] != identities[1]
    await first.reload()
    await expect(first.get_by_test_id("tile")).to_have_count(2, timeout=20_000)
    assert await first.evaluate(mine) == identities[0], "the device keeps who it is"
    await door.close()
    await expect(first.get_by_test_id("tile")).to_have_count(1, timeout=20_000)


async def test_where_tabs_cannot_know_of_each_other_the_newest_takes_over(visitor: Visitor) -> None:
    profile = await visitor.profile()
    await profile.add_init_script(
        "Object.defineProperty(Navigator.prototype, 'locks', {value: undefined}); delete Navigator.prototype.locks"
    )
    first = await visitor.tab(profile, "/?room=takeover&name=Sam&join=1")
    await expect(first.get_by_test_id("room")).to_be_visible(timeout=20_000)
    second = await visitor.tab(profile, "/?room=takeover&name=Sam&join=1")
    await expect(second.get_by_test_id("room")).to_be_visible(timeout=20_000)
    await expect(first.get_by_role("heading", level=1)).to_have_text("The call goes on in another tab")
    await first.get_by_role("button", name="Use here").click()
    await expect(first.get_by_test_id("room")).to_be_visible(timeout=20_000)
    await expect(second.get_by_role("heading", level=1)).to_have_text("The call goes on in another tab")


async def test_a_page_over_plain_http_says_why_there_is_no_camera_and_leads_to_https(visitor: Visitor) -> None:
    address = own_address()
    if address is None:
        pytest.skip("this machine has no address but loopback")
    port = visitor.http.rpartition(":")[2]
    page = await visitor.tab(await visitor.profile(), f"http://{address}:{port}/r/plain")
    told = page.get_by_test_id("insecure")
    await expect(told).to_contain_text("No camera or microphone at this address")
    link = told.get_by_role("link", name="Open the https address")
    await expect(link).to_have_attribute("href", re.compile(rf"^https://{re.escape(address)}:\d+/r/plain$"))
    await expect(told.get_by_role("link", name="How to trust it")).to_have_attribute("href", "/ca")
    trust = await visitor.tab(await visitor.profile(), f"http://{address}:{port}/ca")
    await expect(trust.get_by_role("heading", level=1)).to_have_text("Trust this server")
    await page.get_by_label("Your name").fill("Ada")
    await page.get_by_role("button", name="Join and listen").click()
    await expect(page.get_by_role("listitem", name="Ada (you)")).to_be_visible(timeout=20_000)


async def test_without_camera_and_microphone_one_joins_listening(server: Server) -> None:
    flags = [flag for flag in CHROMIUM_FLAGS if "fake-device" not in flag]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        page = await Visitor(browser, server.http).visit("/r/ears")
        await expect(page.get_by_text("No camera was found")).to_be_visible()
        await expect(page.get_by_text("No microphone was found")).to_be_visible()
        await page.get_by_label("Your name").fill("Eva")
        await page.get_by_role("button", name="Join and listen").click()
        await expect(page.get_by_role("listitem", name="Eva (you)")).to_be_visible(timeout=20_000)
        direct = await Visitor(browser, server.http).visit("/?room=ears&name=Ed&join=1")
        await expect(direct.get_by_test_id("tile")).to_have_count(2, timeout=20_000)
        await browser.close()


async def test_where_nothing_loads_the_page_says_so(visitor: Visitor) -> None:
    profile = await visitor.profile()
    page = await visitor.tab(profile, "/")
    await page.evaluate("navigator.serviceWorker.ready.then(() => 0)")
    await page.reload()
    await profile.set_offline(True)
    await page.goto(f"{visitor.http}/r/garden")
    await expect(page.get_by_role("heading", level=1)).to_have_text("The server cannot be reached")
    await profile.set_offline(False)
    await page.get_by_role("link", name="Try again").click()
    await expect(page.get_by_role("button", name="Join now")).to_be_visible(timeout=20_000)


async def test_the_connection_in_words_and_as_a_file(visitor: Visitor) -> None:
    page = await visitor.visit("/?room=numbers&name=Ada&join=1", DESKTOP)
    await expect(page.get_by_test_id("room")).to_be_visible(timeout=20_000)
    await page.keyboard.press("n")
    await expect(page.get_by_test_id("reason")).to_have_attribute(
        "data-reason", re.compile("fine|jitter|slow"), timeout=20_000
    )
    async with page.expect_download() as saved:
        await page.get_by_role("button", name="Save diagnostics").click()
    path = await (await saved.value).path()
    text = path.read_text()
    assert json.loads(text)["connections"][0]["state"] == "connected"
    token = await page.evaluate("window.__roomful.room.engine.token ?? 'no-token'")
    assert token not in text
