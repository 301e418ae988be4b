"""The page for everybody: no rule of WCAG 2.2 AA that axe can check is broken, and the keyboard alone is enough.

axe-core is the npm package of the web app's development, injected by the test; the page itself never carries it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal

import pytest
import pytest_asyncio
from conftest import Server
from people import until
from playwright.async_api import Browser, Page, expect
from visitor import DESKTOP, PHONE, Visitor

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio]
AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
RUN = """async () => {
  const found = await axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']});
  return found.violations.map((one) => ({rule: one.id, help: one.help, where: one.nodes.map((node) => node.html.slice(0, 160))}));
}"""


async def faults(page: Page) -> list[Any]:
    """What axe finds on the page as it stands."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE.read_text())
    return await page.evaluate(RUN)


@pytest_asyncio.fixture
async def visitor(server: Server, chromium: Browser) -> AsyncIterator[Visitor]:
    one = Visitor(chromium, server.http)
    yield one
    assert one.faults == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
async def test_axe_finds_nothing(visitor: Visitor, size: dict[str, int], scheme: str) -> None:
    home = await visitor.visit("/", size, scheme=scheme)
    assert await faults(home) == []
    await home.get_by_label("Room name").fill(" ")
    await home.get_by_role("button", name="Continue").click()
    assert await faults(home) == [], "with a mistake told"
    for path in ("/r/", "/ca", "/p2p", "/connectivity"):
        page = await visitor.visit(path, size, scheme=scheme)
        await expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert await faults(page) == [], path

    room = f"axe {size['width']} {scheme}"
    door = await visitor.visit(f"/r/{room}", size, scheme=scheme)
    await expect(door.get_by_role("button", name="Join now")).to_be_visible()
    assert await faults(door) == []
    await door.get_by_label("Your name").fill("Ada")
    await door.get_by_role("button", name="Join now").click()
    page = door
    await expect(page.get_by_test_id("room")).to_be_visible(timeout=20_000)
    assert await faults(page) == [], "alone"
    other = await visitor.visit(f"/?room={room}&name=Bob&join=1", size, scheme=scheme)
    await expect(page.get_by_test_id("tile")).to_have_count(2, timeout=20_000)
    dialogs: tuple[tuple[str, Literal["dialog", "alertdialog"]], ...] = (
        ("i", "dialog"),
        ("l", "dialog"),
        ("n", "dialog"),
        ("?", "dialog"),
        ("q", "alertdialog"),
    )
    for key, role in dialogs:
        await page.keyboard.press(key)
        await expect(page.get_by_role(role)).to_be_visible()
        assert await faults(page) == [], f"the dialog of {key}"
        await page.keyboard.press("Escape")
        await expect(page.get_by_role(role)).to_be_hidden()
    await page.keyboard.press("w")
    await expect(page.get_by_role("heading", name="How this call works")).to_be_visible(timeout=20_000)
    assert await faults(page) == [], "how this call works"
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("heading", name="How this call works")).to_be_hidden()
    await page.keyboard.press("p")
    await expect(page.get_by_role("complementary", name="People")).to_be_visible()
    assert await faults(page) == [], "people"
    await page.keyboard.press("p")
    await page.keyboard.press("c")
    await page.get_by_label("Message", exact=True).fill("see https://example.org")
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("chat-line")).to_be_visible()
    assert await faults(page) == [], "chat"
    await other.get_by_role("button", name="Leave").click()
    await other.get_by_role("alertdialog").get_by_role("button", name="Leave").click()
    await expect(other.get_by_role("heading", level=1)).to_have_text("You left the room")
    assert await faults(other) == [], "goodbye"


async def focused(page: Page) -> str:
    """The name of what has the focus."""
    return await page.evaluate(
        "(document.activeElement?.getAttribute('aria-label') || document.activeElement?.labels?.[0]?.textContent"
        " || document.activeElement?.textContent || '').trim()"
    )


async def focus_returns(page: Page, name: str) -> None:
    """What closes gives the focus back, and a new page is read from its heading: in one of the next frames, not in the same."""

    async def there() -> bool:
        return (await focused(page)).startswith(name)

    await until(f"the focus is on {name}", there)


async def tab_to(page: Page, name: str) -> None:
    """Presses Tab until the focus is there, and sees that it is shown."""
    for _ in range(30):
        await page.keyboard.press("Tab")
        if (await focused(page)).startswith(name):
            ring = await page.evaluate(
                "(() => { const of = (e) => e && (getComputedStyle(e).outlineStyle !== 'none' || getComputedStyle(e).boxShadow !== 'none');"
                " const e = document.activeElement; return of(e) || of(e.parentElement) })()"
            )
            assert ring, f"the focus on {name} is not shown"
            return
    raise AssertionError(f"Tab never comes to {name}")


async def test_the_keyboard_alone_is_enough(visitor: Visitor) -> None:
    page = await visitor.visit("/")
    await tab_to(page, "Room name")
    await page.keyboard.press("Control+A")
    await page.keyboard.type("keys")
    await tab_to(page, "Your name")
    await page.keyboard.type("Ada")
    await tab_to(page, "Continue")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Ready to join keys?")
    await tab_to(page, "Mute microphone")
    await page.keyboard.press("Space")
    await expect(page.get_by_role("button", name="Unmute microphone")).to_be_focused()
    await tab_to(page, "Join now")
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("room")).to_be_visible(timeout=20_000)
    await tab_to(page, "Chat")
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("Message", exact=True)).to_be_focused()
    await page.keyboard.type("typed")
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("chat-line")).to_contain_text("typed")
    await page.keyboard.press("Escape")
    await focus_returns(page, "Chat")
    await tab_to(page, "Leave")
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("alertdialog")
    await expect(dialog).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await focus_returns(page, "Leave")
    await page.keyboard.press("Enter")
    await tab_to(page, "Leave")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("You left the room")
    await focus_returns(page, "You left the room")
