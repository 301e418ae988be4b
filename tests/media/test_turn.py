"""STUN and TURN judged by code that is not ours: coturn's clients, and browsers behind NATs and firewalls."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import chromium
import pytest
from namespaces import stop
from nat import SECOND, SERVER, Street, street
from playwright.async_api import Browser, Page, async_playwright, expect

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
]


@pytest.fixture
def net() -> Iterator[Street]:
    with street() as made:
        yield made


@contextmanager
def roomful(net: Street, folder: Path, *options: str, bind: str = SERVER, namespace: str = "") -> Iterator[Path]:
    """`roomful serve`, in the server's namespace unless told otherwise; the log."""
    folder.mkdir(exist_ok=True)
    log = folder / "server.log"
    data = {"ROOMFUL_DATA_DIR": str(folder / "data"), "PYTHONUNBUFFERED": "1"}
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*net.inside(namespace or net.server), sys.executable, "-m", "roomful", "serve", "--dev", "--bind", bind,
             "--turn-allow", "10.213.0.0/24", *options],
            stdout=out, stderr=subprocess.STDOUT, env={**os.environ, **data},
        )  # fmt: skip
    try:
        end = time.monotonic() + 30
        while "media ports" not in log.read_text():
            assert process.poll() is None and time.monotonic() < end, log.read_text()
            time.sleep(0.1)
        yield log
        assert "Traceback" not in log.read_text() and "panicked" not in log.read_text(), log.read_text()
    finally:
        stop(process)


def run(net: Street, namespace: str, *command: str) -> str:
    done = subprocess.run([*net.inside(namespace), *command], capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr


def ice_servers(net: Street, namespace: str, host: str = SERVER) -> list[dict[str, str]]:
    """What a page of this server is told."""
    ask = f"http://{host}:7880/ice-servers"
    code = (
        "import urllib.request as u;"
        f"print(u.urlopen(u.Request({ask!r}, headers={{'Sec-Fetch-Site': 'same-origin'}})).read().decode())"
    )
    return json.loads(run(net, namespace, sys.executable, "-c", code))["iceServers"]


@pytest.mark.parametrize(
    "extra",
    [[], ["-t"], ["-c"], ["-S", "-t"], ["-s"], ["-y"], ["-l", "1800"]],
    ids=["udp", "tcp", "one-port", "tls", "send-indications", "client-to-client", "fragments"],
)
def test_coturns_client_loses_nothing(net: Street, tmp_path: Path, extra: list[str]) -> None:
    assert shutil.which("turnutils_uclient"), "Debian's coturn is not installed"
    home = net.home(1)
    with roomful(net, tmp_path, "--turn-tls-port", "5349"):
        relay = ice_servers(net, home)[1]
        peer = net.add("peer")
        net.wire(f"{net.tag}street", peer, "eth0", "10.213.0.50")
        with subprocess.Popen(
            [*net.inside(peer), "turnutils_peer", "-L", "10.213.0.50"], stdout=subprocess.DEVNULL
        ) as far:
            try:
                port = "5349" if "-S" in extra else "3478"
                said = run(
                    net, home, "turnutils_uclient", "-u", str(relay["username"]), "-w", str(relay["credential"]),
                    "-p", port, "-e", "10.213.0.50", "-n", "60", "-m", "2", "-l", "900", "-z", "10", *extra, SERVER,
                )  # fmt: skip
            finally:
                far.terminate()
    lost = re.search(r"Total lost packets (\d+) \(([\d.]+)%\)", said)
    assert lost and int(lost[1]) == 0, said[-3_000:]
    assert re.search(r"tot_send_msgs=(120|240), tot_recv_msgs=\1", said), said[-3_000:]


@pytest.mark.parametrize("extra", [["-x"], ["-x", "-t"]], ids=["udp", "tcp"])
def test_ipv6_is_relayed_too(net: Street, tmp_path: Path, extra: list[str]) -> None:
    person = net.add("person")
    net.wire(f"{net.tag}street", person, "eth0", "10.213.0.60")
    peer = net.add("peer")
    net.wire(f"{net.tag}street", peer, "eth0", "10.213.0.50")
    for number, namespace in ((1, net.server), (60, person), (50, peer)):
        net.ipv6(namespace, f"fd00:213::{number}")
    with roomful(net, tmp_path, "--turn-allow", "fd00:213::/64", bind=f"{SERVER},fd00:213::1"):
        relay = ice_servers(net, person)[1]
        with subprocess.Popen(
            [*net.inside(peer), "turnutils_peer", "-L", "fd00:213::50"], stdout=subprocess.DEVNULL
        ) as far:
            try:
                said = run(
                    net, person, "turnutils_uclient", "-u", str(relay["username"]), "-w", str(relay["credential"]),
                    "-e", "fd00:213::50", "-n", "60", "-m", "2", "-l", "900", "-z", "10", *extra, "fd00:213::1",
                )  # fmt: skip
            finally:
                far.terminate()
    lost = re.search(r"Total lost packets (\d+) ", said)
    assert lost and int(lost[1]) == 0, said[-3_000:]
    assert re.search(r"tot_send_msgs=(120|240), tot_recv_msgs=\1", said), said[-3_000:]


def test_a_server_behind_nat_one_to_one_lends_its_public_address(net: Street, tmp_path: Path) -> None:
    public = net.one_to_one(1)
    cloud = f"{net.tag}h1"
    with roomful(net, tmp_path / "other"):
        said = run(net, cloud, sys.executable, "-m", "roomful", "doctor", "--bind", "10.213.1.2", "--stun", SERVER)
    assert f"sees this machine as {public}" in said and f"--node-ip {public}" in said, said
    assert "keeps ports" in said, said
    person = net.add("person")
    net.wire(f"{net.tag}street", person, "eth0", "10.213.0.60")
    peer = net.add("peer")
    net.wire(f"{net.tag}street", peer, "eth0", "10.213.0.50")
    with roomful(net, tmp_path / "cloud", "--node-ip", public, bind="10.213.1.2", namespace=cloud):
        relay = ice_servers(net, person, public)[1]
        with subprocess.Popen(
            [*net.inside(peer), "turnutils_peer", "-L", "10.213.0.50"], stdout=subprocess.DEVNULL
        ) as far:
            try:
                said = run(
                    net, person, "turnutils_uclient", "-v", "-u", str(relay["username"]), "-w", str(relay["credential"]),
                    "-e", "10.213.0.50", "-n", "60", "-m", "2", "-l", "900", "-z", "10", public,
                )  # fmt: skip
            finally:
                far.terminate()
    assert re.search(rf"relay addr: {public}", said), said[-3_000:]
    lost = re.search(r"Total lost packets (\d+) ", said)
    assert lost and int(lost[1]) == 0, said[-3_000:]


def test_coturns_stun_client_learns_its_address(net: Street, tmp_path: Path) -> None:
    home = net.home(1)
    with roomful(net, tmp_path):
        said = run(net, home, "turnutils_stunclient", SERVER)
    assert "10.213.0.11" in said, said


def test_a_wrong_password_gets_nothing(net: Street, tmp_path: Path) -> None:
    home = net.home(1)
    with roomful(net, tmp_path):
        relay = ice_servers(net, home)[1]
        said = run(
            net, home, "turnutils_uclient", "-u", str(relay["username"]), "-w", "guess", "-e", SERVER, "-n", "1", SERVER
        )
    assert "401" in said or "Unauthorized" in said or "error" in said.lower(), said


# Browsers


@asynccontextmanager
async def browser(net: Street, namespace: str, folder: Path) -> AsyncIterator[Browser]:
    """Debian's Chromium, inside a namespace."""
    flags = chromium.flags(f"http://{SERVER}:7880", "--ignore-certificate-errors")
    async with async_playwright() as playwright:
        made = await playwright.chromium.launch(executable_path=chromium.inside(namespace, folder), args=flags)
        try:
            yield made
        finally:
            await made.close()


async def visit(browser: Browser, url: str) -> Page:
    context = await browser.new_context(permissions=["camera", "microphone"], locale="en-US", ignore_https_errors=True)
    page = await context.new_page()
    await page.goto(url)
    return page


# Of each connection: what is decoded, and what the pair in use is made of.
PATHS = """(async () => {
  const session = window.__roomful?.peers;
  const room = window.__roomful?.room;
  const all = session ? [...session.peers.values()].map(one => one.link.connection)
    : room ? [room.engine.pcManager.publisher._pc ?? room.engine.pcManager.publisher.pc] : [];
  const out = [];
  for (const connection of all.filter(Boolean)) {
    const stats = await connection.getStats();
    const found = { state: connection.connectionState, frames: 0, local: '', over: '', remote: '' };
    for (const one of stats.values()) {
      if (one.type === 'inbound-rtp' && one.kind === 'video') found.frames += one.framesDecoded ?? 0;
      if (one.type === 'candidate-pair' && one.nominated && one.state === 'succeeded') {
        const local = stats.get(one.localCandidateId);
        found.local = local?.candidateType; found.over = local?.relayProtocol ?? local?.protocol;
        found.remote = stats.get(one.remoteCandidateId)?.candidateType;
      }
    }
    out.push(found);
  }
  return out;
})()"""


async def flows(page: Page, within_s: float = 40) -> dict[str, Any]:
    """The first connection that decodes pictures."""
    end = time.monotonic() + within_s
    seen: list[dict[str, Any]] = []
    while time.monotonic() < end:
        seen = await page.evaluate(PATHS)
        for one in seen:
            if one["state"] == "connected" and one["frames"] > 5:
                return one
        await asyncio.sleep(0.3)
    raise AssertionError(f"no picture: {seen}")


@pytest.mark.e2e
@pytest.mark.asyncio
@pytest.mark.parametrize("allow", ["10.213.0.0/24", "10.0.0.0/8"], ids=["refused", "unroutable"])
async def test_two_browsers_behind_symmetric_nats_reach_each_other(net: Street, tmp_path: Path, allow: str) -> None:
    """Their private candidates are refused as peers, or taken and without a route from the server: neither ends the call."""
    one, two = net.home(1), net.home(2)
    with roomful(net, tmp_path, "--turn-allow", allow):
        async with browser(net, one, tmp_path) as ada, browser(net, two, tmp_path) as bob:
            first = await visit(ada, f"http://{SERVER}:7880/p2p/nat?name=Ada&join=1")
            second = await visit(bob, f"http://{SERVER}:7880/p2p/nat?name=Bob&join=1")
            seen = [await flows(first), await flows(second)]
            await asyncio.sleep(5)
            later = [await flows(first), await flows(second)]
            assert all(now["frames"] > then["frames"] for now, then in zip(later, seen, strict=True)), (seen, later)
    # At least one end sends through a port that was lent to it, and the other sends to that port.
    assert any(path["local"] == "relay" or path["remote"] == "relay" for path in seen), seen


@pytest.mark.e2e
@pytest.mark.asyncio
async def test_tcp_443_alone_is_enough(net: Street, tmp_path: Path) -> None:
    home = net.home(1)
    net.tcp_alone(home, 443)
    street_side = net.home(2)
    options = (
        "--https-port", "443", "--rtc-bind", SECOND, "--turn-tls-port", "443", "--turn-domain", SECOND,
    )  # fmt: skip
    with roomful(net, tmp_path, *options):
        async with browser(net, home, tmp_path) as ada, browser(net, street_side, tmp_path) as bob:
            far = await visit(bob, f"http://{SERVER}:7880/?room=narrow&name=Bob&join=1")
            near = await visit(ada, f"https://{SERVER}/?room=narrow&name=Ada&join=1")
            path = await flows(near)
            await flows(far)
    assert (path["local"], path["over"]) == ("relay", "tls"), path


@pytest.mark.e2e
@pytest.mark.asyncio
async def test_a_page_tells_what_a_symmetric_nat_and_a_narrow_firewall_are(net: Street, tmp_path: Path) -> None:
    home, narrow = net.home(1), net.home(2)
    net.tcp_alone(narrow, 443, 7880)
    with roomful(net, tmp_path, "--https-port", "7443", "--turn-tls-port", "443"):
        async with browser(net, home, tmp_path) as ada, browser(net, narrow, tmp_path) as bob:
            free = await visit(ada, f"http://{SERVER}:7880/connectivity")
            await expect(free.locator('[data-verdict="good"]')).to_be_visible(timeout=30_000)
            for way in ("udp", "tcp", "tls"):
                await expect(free.locator(f'[data-way="{way}"]')).to_have_attribute("data-state", "open")
            await expect(free.locator('[data-nat="changing"]')).to_be_visible()
            await expect(free.get_by_text("10.213.0.11")).to_be_visible()
            held = await visit(bob, f"http://{SERVER}:7880/connectivity")
            await expect(held.locator('[data-verdict="slower"]')).to_be_visible(timeout=30_000)
            states = {"udp": "closed", "tcp": "closed", "tls": "open"}
            for way, state in states.items():
                await expect(held.locator(f'[data-way="{way}"]')).to_have_attribute("data-state", state)
            await expect(held.locator('[data-nat="unknown"]')).to_be_visible()
            await expect(held.get_by_text(f"Let UDP out to {SERVER}, port 3478")).to_be_visible()


@pytest.mark.e2e
@pytest.mark.asyncio
async def test_livekits_client_is_forced_to_tls(net: Street, tmp_path: Path) -> None:
    home = net.home(1)
    with roomful(net, tmp_path, "--turn-tls-port", "443"):
        async with browser(net, home, tmp_path) as ada:
            near = await visit(ada, f"http://{SERVER}:7880/?room=forced&name=Ada&join=1")
            far = await visit(ada, f"http://{SERVER}:7880/?room=forced&name=Bob&join=1")
            assert (await flows(near))["local"] != "relay"
            await near.evaluate("window.__roomful.room.simulateScenario('force-tls')")
            end = time.monotonic() + 40
            path: dict[str, Any] = {}
            while path.get("over") != "tls" and time.monotonic() < end:
                await asyncio.sleep(0.5)
                path = await flows(near)
            assert (path["local"], path["over"]) == ("relay", "tls"), path
            await flows(far)


@pytest.mark.e2e
@pytest.mark.asyncio
async def test_a_call_without_media_leads_to_the_page_that_tells_why(net: Street, tmp_path: Path) -> None:
    home = net.home(1)
    net.tcp_alone(home, 7880)
    with roomful(net, tmp_path, "--turn-tls-port", "443"):
        async with browser(net, home, tmp_path) as ada:
            page = await visit(ada, f"http://{SERVER}:7880/?room=shut&name=Ada&join=1")
            await page.get_by_role("link", name="Check the network").click(timeout=90_000)
            await expect(page.locator('[data-verdict="closed"]')).to_be_visible(timeout=30_000)
            await expect(page.get_by_text(f"Let UDP out to {SERVER}, port 3478")).to_be_visible()
