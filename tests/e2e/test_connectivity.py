"""The page `/connectivity` against a server with STUN and TURN; behind NATs and firewalls it is tested in tests/media/test_turn.py."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from conftest import Server, free_port, own_address, start_server, stop_server
from playwright.async_api import Browser, Page, expect
from test_page_access import faults
from visitor import DESKTOP, PHONE, Visitor

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio]


@pytest.fixture(scope="module")
def turning(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with STUN on two ports and TURN over UDP and TCP; a browser would not trust its certificate for TLS."""
    ports = {"udp": free_port(), "second-udp": free_port(), "tcp": free_port()}
    options = [word for kind, port in ports.items() for word in (f"--turn-{kind}-port", str(port))]
    running = start_server(tmp_path_factory.mktemp("turn"), "--turn", "on", "--turn-tls-port", "off", *options)
    yield running
    text = running.log.read_text()
    stop_server(running.process)
    assert "panicked" not in text and "Traceback" not in text, text[-6000:]


@pytest_asyncio.fixture
async def visitor(turning: Server, chromium: Browser) -> AsyncIterator[Visitor]:
    # Not by 127.0.0.1: browsers have no addresses there to gather from.
    one = Visitor(chromium, f"http://{own_address() or '127.0.0.1'}:{turning.port}")
    yield one
    assert one.faults == []


async def judged(page: Page) -> None:
    await expect(page.locator('[data-verdict="good"]')).to_be_visible(timeout=30_000)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
async def test_each_way_is_told_and_axe_finds_nothing(visitor: Visitor, size: dict[str, int], scheme: str) -> None:
    page = await visitor.visit("/connectivity", size, scheme=scheme)
    await judged(page)
    states = {"udp": "open", "tcp": "open", "tls": "absent"}
    for way, state in states.items():
        await expect(page.locator(f'[data-way="{way}"]')).to_have_attribute("data-state", state)
    await expect(page.locator('[data-way="udp"]')).to_contain_text("lends an address")
    await expect(page.get_by_text("Round trip to the server")).to_be_visible()
    assert await page.locator("[data-nat]").get_attribute("data-nat") in ("none", "same")
    assert await faults(page) == []
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width <= size["width"], "nothing reaches beyond the screen"


async def test_it_is_found_from_the_front_page_and_can_be_repeated(visitor: Visitor) -> None:
    page = await visitor.visit("/")
    await page.get_by_role("link", name="Does a call get through from here?").click()
    await judged(page)
    await page.get_by_role("button", name="Try again").click()
    await expect(page.get_by_text("Trying each way")).to_be_visible()
    await judged(page)
    await page.get_by_role("button", name="To the start").click()
    await expect(page.get_by_label("Room name")).to_be_visible()


async def test_a_server_that_is_gone_is_said_so(visitor: Visitor) -> None:
    page = await visitor.visit("/")
    for path in ("**/ice-servers", "**/api/info"):
        await page.context.route(path, lambda route: route.abort())
    await page.get_by_role("link", name="Does a call get through from here?").click()
    await expect(page.get_by_text("The server does not answer")).to_be_visible(timeout=20_000)
    assert await faults(page) == []


async def test_over_plain_http_the_page_names_its_origin_and_gets_relays(visitor: Visitor) -> None:
    page = await visitor.visit("/")
    asked: list[tuple[str, str | None]] = []
    page.on(
        "request",
        lambda request: (
            asked.append((request.method, request.headers.get("authorization")))
            if "/ice-servers" in request.url
            else None
        ),
    )

    # Over plain http a browser does not say that the page is the server's own, but for a POST's Origin.
    await page.get_by_role("link", name="Does a call get through from here?").click()
    await judged(page)
    await expect(page.locator('[data-way="tcp"]')).to_have_attribute("data-state", "open")
    assert asked == [("POST", None)]
