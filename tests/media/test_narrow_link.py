"""A Chromium behind a link that narrows: it keeps seeing, in a lower layer, and sees as well as before once there is room."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import chromium
import pytest
from namespaces import PORT, Pair, ip, pair, serving
from playwright.async_api import Page, Playwright, async_playwright

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio]

NARROW_KBIT = 500
FAR = ("10.213.1.1", "10.213.1.2")
# What Bob decoded of Ada's camera.
SEEN = """(async () => {
  const out = { frames: 0, width: 0, frozen_s: 0 };
  for (const other of window.__roomful?.room?.remoteParticipants.values() ?? [])
    for (const publication of other.trackPublications.values())
      for (const s of (await publication.track?.receiver?.getStats())?.values() ?? [])
        if (s.type === 'inbound-rtp' && s.kind === 'video')
          Object.assign(out, { frames: s.framesDecoded ?? 0, width: s.frameWidth ?? 0, frozen_s: s.totalFreezesDuration ?? 0 });
  return out;
})()"""


@dataclass(frozen=True, slots=True)
class Link:
    """The way from the server to a namespace of its own."""

    between: Pair
    namespace: str

    def narrow(self, kbit: int) -> None:
        self.between.run(
            self.between.server, "tc", "qdisc", "replace", "dev", "veth1", "root", "tbf",
            "rate", f"{kbit}kbit", "burst", "4kb", "latency", "300ms",
        )  # fmt: skip

    def widen(self) -> None:
        self.between.run(self.between.server, "tc", "qdisc", "del", "dev", "veth1", "root")


@contextmanager
def far_link(between: Pair) -> Iterator[Link]:
    """A third namespace, behind a veth pair of its own."""
    if shutil.which("tc") is None:
        pytest.skip("tc is needed to narrow a link (on Debian: apt install iproute2)")
    name = f"{between.server}f"
    ip("netns", "add", name)
    try:
        ip("-n", name, "link", "set", "lo", "up")
        ip("-n", between.server, "link", "add", "veth1", "type", "veth", "peer", "name", "veth1", "netns", name)
        for namespace, address in zip((between.server, name), FAR, strict=True):
            ip("-n", namespace, "addr", "add", f"{address}/24", "dev", "veth1")
            ip("-n", namespace, "link", "set", "veth1", "up")
        yield Link(between, name)
    finally:
        ip("netns", "del", name)


@asynccontextmanager
async def tab(playwright: Playwright, folder: Path, namespace: str, host: str, name: str) -> AsyncIterator[Page]:
    """Somebody in the room, in a Chromium inside a namespace."""
    base = f"http://{host}:{PORT}"
    browser = await playwright.chromium.launch(
        executable_path=chromium.inside(namespace, folder), args=chromium.flags(base)
    )
    try:
        context = await browser.new_context(
            permissions=["camera", "microphone"], locale="en-US", viewport={"width": 1600, "height": 1000}
        )
        page = await context.new_page()
        await page.goto(f"{base}/?room=narrow&name={name}&join=1")
        yield page
    finally:
        await browser.close()


async def _watch(page: Page, seconds: float) -> list[dict[str, float]]:
    """What was seen, once a second."""
    seen = [await page.evaluate(SEEN)]
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        await asyncio.sleep(1)
        seen.append(await page.evaluate(SEEN))
    return seen


async def _steady_width(page: Page, within_s: float) -> float:
    """The width that the picture has for five seconds."""
    end = time.monotonic() + within_s
    seen: list[dict[str, float]] = []
    while time.monotonic() < end:
        seen = await _watch(page, 5)
        if seen[0]["width"] > 0 and len({one["width"] for one in seen}) == 1:
            return seen[0]["width"]
    raise AssertionError(f"no steady picture: {seen}")


def _rate(seen: list[dict[str, float]]) -> float:
    """Frames between two looks."""
    return (seen[-1]["frames"] - seen[0]["frames"]) / (len(seen) - 1)


async def test_a_browser_keeps_seeing_when_its_link_narrows(tmp_path: Path) -> None:
    with (
        pair() as between,
        far_link(between) as link,
        serving(between, tmp_path, "--bind", f"{between.address},{FAR[0]}", "--turn", "off"),
    ):
        async with (
            async_playwright() as playwright,
            tab(playwright, tmp_path, between.client, between.host, "Ada"),
            tab(playwright, tmp_path, link.namespace, FAR[0], "Bob") as bob,
        ):
            top = await _steady_width(bob, 60)
            usual = _rate(await _watch(bob, 5))
            link.narrow(NARROW_KBIT)
            narrow: list[dict[str, float]] = []
            end = time.monotonic() + 60
            while time.monotonic() < end and not (narrow and narrow[-1]["width"] < top):
                narrow = await _watch(bob, 2)
            report = f"{usual} a second, then " + "\n".join(map(str, narrow))
            # A busy machine's encoder may give so little that the top layer fits again a little later.
            assert narrow[-1]["width"] < top, report
            narrow = await _watch(bob, 15)
            report = f"{usual} a second, then " + "\n".join(map(str, narrow))
            # Of what the camera gives on this machine: it sees on, and is not stuck for longer than two looks.
            assert _rate(narrow) > usual / 3, report
            moved = [after["frames"] > before["frames"] for before, after in pairwise(narrow)]
            assert all(any(three) for three in zip(moved, moved[1:], moved[2:], strict=False)), report
            link.widen()
            end = time.monotonic() + 60
            wide = [*narrow]
            while wide[-1]["width"] < top and time.monotonic() < end:
                wide += await _watch(bob, 1)
            assert wide[-1]["width"] >= top, wide
