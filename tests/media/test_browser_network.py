"""Chromium on a network that is not loopback: where UDP is blocked, over IPv6, and on the portable sockets."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import chromium
import pytest
from namespaces import PORT, Pair, pair, serving
from playwright.async_api import Page, async_playwright

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio]

SEEN = """(async () => {
  const room = window.__roomful?.room;
  const manager = room?.engine?.pcManager;
  const out = { frames: 0, energy: 0, pairs: [] };
  for (const transport of new Set([manager?.publisher, manager?.subscriber]))
    if (transport) {
      const stats = await transport.getStats();
      for (const s of stats.values()) {
        if (s.type === 'inbound-rtp') { out.frames += s.framesDecoded ?? 0; out.energy += s.totalAudioEnergy ?? 0; }
        if (s.type === 'transport' && s.selectedCandidatePairId) {
          const pair = stats.get(s.selectedCandidatePairId);
          const [local, remote] = [stats.get(pair.localCandidateId), stats.get(pair.remoteCandidateId)];
          out.pairs.push(`${local.protocol} ${remote.protocol} ${remote.address}`);
        }
      }
    }
  return out;
})()"""


@asynccontextmanager
async def browsers(between: Pair, folder: Path) -> AsyncIterator[list[Page]]:
    """Two tabs in one room, in a Chromium inside the client's namespace."""
    base = f"http://{between.host}:{PORT}"
    async with AsyncExitStack() as stack:
        playwright = await stack.enter_async_context(async_playwright())
        browser = await playwright.chromium.launch(
            executable_path=chromium.inside(between.client, folder), args=chromium.flags(base)
        )
        stack.push_async_callback(browser.close)
        pages: list[Page] = []
        for name in ("Ada", "Bob"):
            context = await browser.new_context(permissions=["camera", "microphone"], locale="en-US")
            page = await context.new_page()
            await page.goto(f"{base}/?room=far&name={name}&join=1")
            pages.append(page)
        yield pages


async def talk(pages: list[Page], protocol: str, address: str) -> None:
    for page in pages:
        seen: dict[str, Any] = {}
        for _ in range(300):
            seen = await page.evaluate(SEEN)
            if seen["frames"] > 20 and seen["energy"] > 0:
                break
            await page.wait_for_timeout(200)
        assert seen["frames"] > 20 and seen["energy"] > 0, seen
        assert seen["pairs"] and all(one == f"{protocol} {protocol} {address}" for one in seen["pairs"]), seen


async def test_a_browser_behind_a_wall_for_udp_talks_by_tcp(tmp_path: Path) -> None:
    with pair() as between, serving(between, tmp_path):
        between.drop_udp()
        async with browsers(between, tmp_path) as pages:
            await talk(pages, "tcp", between.address)
            assert between.dropped_udp() > 0, "the browser did try UDP"
            assert len(between.tcp_between()) == len(pages)


async def test_browsers_talk_over_ipv6(tmp_path: Path) -> None:
    with pair(v6=True) as between, serving(between, tmp_path):
        async with browsers(between, tmp_path) as pages:
            await talk(pages, "udp", between.address)


def calls(pid: int, folder: Path) -> set[str]:
    """The system calls by which UDP goes in and out, as the kernel sees them."""
    out = folder / "calls"
    traced = ["sendto", "sendmsg", "sendmmsg", "recvfrom", "recvmmsg"]
    strace = shutil.which("strace")
    assert strace, "strace is needed to see which path is in use (on Debian: apt install strace)"
    command = [strace, "-f", "-qq", "-yy", "-o", str(out), "-e", f"trace={','.join(traced)}", "-p", str(pid)]
    with subprocess.Popen(["timeout", "2", *command], stderr=subprocess.PIPE) as process:
        process.communicate()
    lines = out.read_text().splitlines()
    return {name for name in traced for line in lines if f" {name}(" in line and "<UDP" in line}


@pytest.mark.parametrize("portable", [True, False])
async def test_a_call_on_either_kind_of_sockets(tmp_path: Path, portable: bool) -> None:
    flags = ("--portable-sockets",) if portable else ()
    with pair() as between, serving(between, tmp_path, *flags) as server:
        async with browsers(between, tmp_path) as pages:
            await talk(pages, "udp", between.address)
            used: set[str] = set()
            for _ in range(10):  # a busy machine may not have attached in time
                if len(used) < 2:
                    used |= calls(server.pid, tmp_path)
            assert used == ({"sendto", "recvfrom"} if portable else {"sendmmsg", "recvmmsg"})
