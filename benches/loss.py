"""Bad links: what somebody sees and hears of a call when the way from or to the server loses, delays or narrows.

`make bench BENCH=loss [ARGS="--only down-loss-5 --plots docs/concepts/media"]` starts the server and two real Chromiums (made-up
camera, 640×480 at 30 a second, VP8 in two layers of at most 1 Mbit/s and 200 kbit/s, Opus without DTX), each in a network namespace of its own. One
of the two sits behind `benches/lossy/link.py`: the viewer (`down`) or the publisher (`up`). Only packets that go the media's way
are lost; delay is the same both ways. `--full` runs each scenario five times, and beside it the same two browsers peer to peer.
Browsers, server and link run at a high priority, for what is measured is the network and not the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from livekit.api import AccessToken, VideoGrants
from playwright.async_api import Browser, Page, Playwright, async_playwright

from benches.lossy import plot
from benches.lossy.link import Conditions, Link, link
from benches.processes import end

ROOT = Path(__file__).resolve().parent.parent
CLIENT = ROOT / "web/node_modules/livekit-client/dist/livekit-client.umd.js"
PAGE = Path(__file__).parent / "lossy/page.js"
PORT = 17980
NEAR = ("10.214.1.1", "10.214.1.2")
FAR = ("10.214.2.1", "10.214.2.2")
SETTLE_S = 5.0
"""With a free link, before anything is asked of it. Of what follows the last step is measured."""
FREEZE = 0.25
"""Seconds without a new picture that count as a freeze in the time line."""
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--use-fake-device-for-media-stream=fps=30", "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required", "--disable-features=WebRtcHideLocalIpsWithMdns",
    "--disable-renderer-backgrounding", "--disable-background-timer-throttling", "--disable-backgrounding-occluded-windows",
)  # fmt: skip
Sample = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Scenario:
    """Conditions of the way that media takes, each for some seconds; the other way has the same delay and nothing else."""

    name: str
    steps: tuple[tuple[float, Conditions], ...]
    up: bool = False
    most: dict[str, float] | None = None
    least: dict[str, float] | None = None
    """Marks: what a value may be at most, and at least."""


def _losing(
    name: str, loss: float, freeze: float, concealed: float, *, up: bool = False, burst: float = 1.0
) -> Scenario:
    conditions = Conditions(delay_ms=50, loss=loss, burst=burst)
    marks = {"freeze": freeze} if up else {"freeze": freeze, "concealed": concealed}
    return Scenario(name, ((8, conditions), (30, conditions)), up=up, most=marks)


def _drop(up: bool) -> Scenario:
    wide, narrow = (Conditions(delay_ms=20, rate_kbit=rate) for rate in (2000, 300))
    marks = {} if up else {"longest": 1.0, "top_after": 10.0}
    return Scenario(f"{'up' if up else 'down'}-drop", ((8, wide), (20, narrow), (20, wide)), up=up, most=marks)


SHAKY = Conditions(delay_ms=50, jitter_ms=30)
NARROW = Conditions(delay_ms=20, rate_kbit=500)
SCENARIOS = (
    _losing("down-loss-0", 0.0, 0.01, 0.003),
    _losing("down-loss-5", 0.05, 0.01, 0.003),
    _losing("down-loss-10", 0.10, 0.03, 0.008),
    _losing("down-loss-20", 0.20, 0.12, 0.04),
    _losing("down-burst-5", 0.05, 0.03, 0.02, burst=5),
    Scenario("down-jitter-30", ((8, SHAKY), (30, SHAKY)), most={"freeze": 0.01}),
    Scenario("down-500k", ((10, NARROW), (25, NARROW)), most={"queue_ms": 200, "freeze": 0.02}, least={"fps": 27}),
    _drop(up=False),
    _losing("up-loss-5", 0.05, 0.02, 0.0, up=True),
    _losing("up-loss-10", 0.10, 0.05, 0.0, up=True),
    _losing("up-loss-20", 0.20, 0.18, 0.0, up=True),
    Scenario("up-500k", ((10, NARROW), (25, NARROW)), up=True, least={"fps": 27}),
    _drop(up=True),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Result:
    """Of the last step of a scenario, but for `longest`, `top_after` and `queue_ms`."""

    scenario: str
    way: str
    fps: float
    lines: int
    kbit_s: float
    freeze: float
    longest: float
    """Seconds, of the longest freeze in the whole run."""
    concealed: float
    delay_ms: float
    """Mean time in the video's jitter buffer."""
    top_after: float | None
    """Seconds from the last change until the lines of the beginning are back; None when they never were, 0 if they stayed."""
    queue_ms: float
    """Of the link: the 95th percentile of what a packet waited at most in half a second."""
    nacks: float
    key_frames: float
    """Both a minute."""


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)


@dataclass(frozen=True, slots=True)
class Place:
    """Three namespaces and what joins them."""

    server: str
    near: str
    far: str
    link: Link

    def set(self, forth: Conditions, *, up: bool) -> None:
        back = Conditions(delay_ms=forth.delay_ms)
        # Both ways of a narrow link are narrow in life; feedback is so little that it would change nothing here.
        self.link.set(*((back, forth) if up else (forth, back)))


@contextmanager
def place() -> Iterator[Place]:
    """The server between the two, who reach each other through it."""
    tag = f"rl{os.getpid()}"
    names = [f"{tag}{end}" for end in ("s", "n", "f")]
    server, near, far = names
    try:
        for name in names:
            _run("ip", "netns", "add", name)
            _run("ip", "-n", name, "link", "set", "lo", "up")
        _run("ip", "-n", server, "link", "add", "near", "type", "veth", "peer", "name", "near", "netns", near)
        for name, address in zip((server, near), NEAR, strict=True):
            _run("ip", "-n", name, "addr", "add", f"{address}/24", "dev", "near")
            _run("ip", "-n", name, "link", "set", "near", "up")
        _run("ip", "netns", "exec", server, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        with link((server, FAR[0]), (far, FAR[1])) as made:
            for name, router in ((near, NEAR[0]), (far, FAR[0])):
                _run("ip", "-n", name, "route", "add", "default", "via", router)
            yield Place(server, near, far, made)
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def _inside(namespace: str) -> list[str]:
    return ["ip", "netns", "exec", namespace, "nice", "-n", "-12"]


@contextmanager
def serving(where: Place, folder: Path) -> Iterator[None]:
    command = [
        *_inside(where.server), sys.executable, "-m", "roomful", "serve", "--dev", "--bind", f"{NEAR[0]},{FAR[0]}", "--port", str(PORT),
        "--https-port", "off", "--turn", "off", "--data-dir", str(folder / "data"), "--log-level", "warning",
    ]  # fmt: skip
    with (folder / "server.log").open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    fetch = f"import urllib.request as r; r.urlopen('http://{NEAR[0]}:{PORT}/rtc/validate', timeout=2)"
    try:
        for _ in range(60):
            done = subprocess.run(
                [*_inside(where.near), sys.executable, "-c", fetch], check=False, capture_output=True, text=True
            )
            if done.returncode == 0 or "HTTPError" in done.stderr:
                break
            if process.poll() is not None:
                raise RuntimeError((folder / "server.log").read_text()[-2000:])
            time.sleep(0.5)
        yield
    finally:
        end(process)


@asynccontextmanager
async def chromium(playwright: Playwright, namespace: str, base: str, folder: Path) -> AsyncIterator[Browser]:
    path = shutil.which("chromium") or "chromium"
    wrapper = folder / f"chromium-{namespace}"
    wrapper.write_text(f'#!/bin/sh\nexec {" ".join(_inside(namespace))} {path} "$@"\n')
    wrapper.chmod(0o755)
    flags = [*FLAGS, f"--unsafely-treat-insecure-origin-as-secure={base}"]
    browser = await playwright.chromium.launch(executable_path=wrapper, args=flags)
    try:
        yield browser
    finally:
        await browser.close()


async def _page(browser: Browser, base: str) -> Page:
    """A page with nothing but the client, of the server's origin."""
    context = await browser.new_context(permissions=["camera", "microphone"])
    page = await context.new_page()
    await page.goto(f"{base}/rtc/validate")
    for script in (CLIENT, PAGE):
        await page.add_script_tag(path=script)
    return page


def _token(room: str, name: str) -> str:
    grants = VideoGrants(room_join=True, room=room)
    return AccessToken("devkey", "secret").with_identity(name).with_grants(grants).to_jwt()


async def _through_server(ada: tuple[Page, str], bob: tuple[Page, str], room: str, *, red: bool) -> None:
    for (page, base), publishes in ((bob, None), (ada, {"red": red})):
        words = [base.replace("http", "ws"), _token(room, "ada" if publishes else "bob"), publishes]
        await page.evaluate("([url, token, publishes]) => join(url, token, publishes)", words)


async def _peer_to_peer(ada: Page, bob: Page) -> None:
    offer = await ada.evaluate("offer()")
    answer = await bob.evaluate("(sdp) => answer(sdp)", offer)
    await ada.evaluate("(sdp) => window.peer.setRemoteDescription({ type: 'answer', sdp })", answer)


def _between(samples: list[Sample], what: str) -> float:
    with_it = [sample[what] for sample in samples if what in sample]
    return with_it[-1] - with_it[0] if with_it else 0.0


def _usual_lines(samples: list[Sample]) -> int:
    lines = [sample["lines"] for sample in samples if sample.get("lines")]
    return max(set(lines), key=lines.count) if lines else 0


def _top_after(before: list[Sample], last: list[Sample]) -> float | None:
    top = max((sample.get("lines", 0) for sample in before), default=0)
    if not last:
        return None
    short = [sample["at"] for sample in last if sample.get("lines", 0) < top]
    if not short:
        return 0.0
    if short[-1] == last[-1]["at"]:
        return None
    return (short[-1] - last[0]["at"]) / 1e3


def judge(
    scenario: Scenario, way: str, samples: list[Sample], changes: list[float], reports: list[dict[str, Any]]
) -> Result:
    """`changes` are the times at which each step began, and the end, in the samples' ms."""
    all_steps = [s for s in samples if changes[0] <= s["at"] <= changes[-1] and "frames" in s]
    last = [s for s in all_steps if s["at"] >= changes[-2]]
    span = (last[-1]["at"] - last[0]["at"]) / 1e3 if len(last) > 1 else 1.0
    freezes = [after["frozen"] - before["frozen"] for before, after in pairwise(all_steps)]
    still, standing, longest_still = 0.0, 0.0, 0.0
    for before, after in pairwise(all_steps):
        standing = standing + (after["at"] - before["at"]) / 1e3 if after["frames"] == before["frames"] else 0.0
        longest_still = max(longest_still, standing)
        still = standing
    queues = sorted(
        report["ways"][1 if scenario.up else 0]["queue_ms"]
        for report in reports
        if changes[0] <= report["at"] * 1e3 <= changes[-1]
    )
    return Result(
        scenario=scenario.name,
        way=way,
        fps=_between(last, "frames") / span,
        lines=_usual_lines(last),
        kbit_s=(_between(last, "bytes") + _between(last, "sound")) / span / 125,
        # What still stands at the end has not been counted by the browser.
        freeze=(_between(last, "frozen") + still) / span,
        longest=max([*freezes, longest_still], default=0.0),
        concealed=_between(last, "concealed") / max(1.0, _between(last, "samples")),
        delay_ms=1e3 * _between(last, "waited") / max(1.0, _between(last, "emitted")),
        top_after=_top_after([s for s in samples if "frames" in s and s["at"] < changes[1]], last),
        queue_ms=queues[int(0.95 * (len(queues) - 1))] if queues else 0.0,
        nacks=60 * _between(last, "nacks") / span,
        key_frames=60 * _between(last, "keys") / span,
    )


def missed(scenario: Scenario, result: Result) -> list[str]:
    """The marks that were not met."""
    values = asdict(result)
    over = [
        f"{what} {values[what]} > {mark}"
        for what, mark in (scenario.most or {}).items()
        if values[what] is None or values[what] > mark
    ]
    return over + [
        f"{what} {values[what]:.1f} < {mark}" for what, mark in (scenario.least or {}).items() if values[what] < mark
    ]


async def once(
    playwright: Playwright, where: Place, folder: Path, scenario: Scenario, way: str, *, red: bool
) -> tuple[Result, dict[str, Any]]:
    """One run of a scenario, in browsers of its own."""
    publisher, viewer = (where.far, where.near) if scenario.up else (where.near, where.far)
    bases = {where.near: f"http://{NEAR[0]}:{PORT}", where.far: f"http://{FAR[0]}:{PORT}"}
    where.set(Conditions(delay_ms=scenario.steps[0][1].delay_ms), up=scenario.up)
    async with (
        chromium(playwright, publisher, bases[publisher], folder) as ada_browser,
        chromium(playwright, viewer, bases[viewer], folder) as bob_browser,
    ):
        ada, bob = await _page(ada_browser, bases[publisher]), await _page(bob_browser, bases[viewer])
        if way == "p2p":
            await _peer_to_peer(ada, bob)
        else:
            room = f"{scenario.name}-{time.time():.0f}"
            await _through_server((ada, bases[publisher]), (bob, bases[viewer]), room, red=red)
        await bob.wait_for_function("seen.some((s) => s.frames > 0)", timeout=30_000)
        await asyncio.sleep(SETTLE_S)
        changes = list[float]()
        for seconds, conditions in scenario.steps:
            changes.append(time.time() * 1e3)
            where.set(conditions, up=scenario.up)
            await asyncio.sleep(seconds)
        changes.append(time.time() * 1e3)
        samples: list[Sample] = await bob.evaluate("seen")
        sent: list[Sample] = await ada.evaluate("seen")
    result = judge(scenario, way, samples, changes, where.link.reports)
    shown = [r for r in where.link.reports if samples[0]["at"] <= r["at"] * 1e3 <= changes[-1]]
    data = {"scenario": asdict(scenario), "way": way, "changes": changes, "seen": samples, "sent": sent, "link": shown}
    return result, data


def show(results: list[tuple[Scenario, Result]]) -> None:
    print(
        f"\n{'':<16}{'':<9}{'fps':>6}{'lines':>7}{'kbit/s':>8}{'freeze':>8}{'longest':>9}{'conceal':>9}{'buffer':>8}{'queue':>8}{'top':>7}"
    )
    for scenario, one in results:
        top = "never" if one.top_after is None else f"{one.top_after:.1f} s"
        print(
            f"{one.scenario:<16}{one.way:<9}{one.fps:>6.1f}{one.lines:>7}{one.kbit_s:>8.0f}{one.freeze:>8.3f}{one.longest:>7.2f} s"
            f"{100 * one.concealed:>7.2f} %{one.delay_ms:>5.0f} ms{one.queue_ms:>5.0f} ms{top:>7}"
            + "".join(f"  {mark}" for mark in (missed(scenario, one) if one.way == "roomful" else []))
        )


def keep(folder: str | None, data: dict[str, Any]) -> None:
    if folder:
        Path(folder, f"{data['scenario']['name']}-{data['way']}.json").write_text(json.dumps(data))


def middle(results: list[Result]) -> Result:
    """Of several runs, each value's median."""
    rows = [asdict(one) for one in results]

    def of(what: str) -> Any:
        values = [row[what] for row in rows]
        if what in ("scenario", "way"):
            return values[0]
        # Never is later than any time.
        ordered = median([float("inf") if value is None else value for value in values])
        return None if ordered == float("inf") else ordered

    return Result(**{what: of(what) for what in rows[0]})


async def measure(chosen: argparse.Namespace) -> None:
    scenarios = [one for one in SCENARIOS if not chosen.only or one.name in chosen.only]
    ways = ["roomful", "p2p"] if chosen.full or chosen.p2p else ["roomful"]
    runs = chosen.runs or (5 if chosen.full else 1)
    medians: list[tuple[Scenario, Result]] = []
    with tempfile.TemporaryDirectory() as name, place() as where:
        folder = Path(name)
        with serving(where, folder):
            async with async_playwright() as playwright:
                for scenario in scenarios:
                    for way in ways:
                        results: list[Result] = []
                        for _ in range(runs):
                            result, data = await once(playwright, where, folder, scenario, way, red=not chosen.no_red)
                            print(json.dumps({"kind": "loss", **asdict(result)}), flush=True)
                            results.append(result)
                            keep(chosen.keep, data)
                        medians.append((scenario, middle(results)))
                        if chosen.plots:
                            plot.draw(Path(chosen.plots), data)
            print((folder / "server.log").read_text()[-2000:], end="", file=sys.stderr)
    show(medians)


def main() -> None:
    parser = argparse.ArgumentParser(prog="benches.loss", description=__doc__)
    parser.add_argument("--full", action="store_true", help="five runs of each, and peer to peer beside them")
    parser.add_argument("--only", nargs="*", metavar="NAME", help=", ".join(one.name for one in SCENARIOS))
    parser.add_argument("--runs", type=int, help="of each scenario; medians are shown")
    parser.add_argument("--p2p", action="store_true", help="the same two browsers without a server beside it")
    parser.add_argument("--no-red", action="store_true", help="the publisher sends no redundant sound")
    parser.add_argument("--keep", metavar="FOLDER", help="writes what was seen, a JSON file for each scenario")
    parser.add_argument(
        "--plots", metavar="FOLDER", help="draws the last run of each scenario, with its data beside it"
    )
    chosen = parser.parse_args()
    if sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("chromium") or not CLIENT.exists():
        raise SystemExit("needs root on Linux (namespaces), Debian's chromium, and web/node_modules")
    print(f"loss, {time.strftime('%Y-%m-%d %H:%M')}: {os.cpu_count()} cores, {platform.platform()}")
    print(f"load average before: {os.getloadavg()[0]:.1f}; server, link and browsers share the cores")
    asyncio.run(measure(chosen))


if __name__ == "__main__":
    main()
