"""The page as a person uses it: by its words and keys, on a desktop and on a phone."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from conftest import Server
from playwright.async_api import Browser, Page, expect

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio]
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}


class Visitor:
    """Opens fresh browser profiles and counts what goes wrong in them."""

    def __init__(self, browser: Browser, server: Server) -> None:
        self._browser = browser
        self._server = server
        self.faults: list[str] = []

    async def visit(self, path: str, size: dict[str, int], *, scheme: str = "light") -> Page:
        context = await self._browser.new_context(
            permissions=["camera", "microphone"],
            locale="en-US",
            viewport={"width": size["width"], "height": size["height"]},
            color_scheme="dark" if scheme == "dark" else "light",
        )
        page = await context.new_page()
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on(
            "console",
            lambda message: self.faults.append(message.text) if "Content Security Policy" in message.text else None,
        )
        await page.goto(f"{self._server.http}{path}")
        return page


@pytest_asyncio.fixture
async def visitor(server: Server, chromium: Browser) -> AsyncIterator[Visitor]:
    one = Visitor(chromium, server)
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
