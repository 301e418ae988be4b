"""People come and go for a long time: what the server keeps of those who have gone.

`make bench BENCH=soak` churns for a minute, `ARGS="--minutes 20"` is the nightly form, `--minutes 120` the one by hand. A hundred people a
second join one room over `/rtc/v1` and leave after half a second, from this process (`benches/crowd.py`), without media. Each second the
server process is looked at: resident memory, open descriptors, threads. The line through the memory of the last two thirds is its slope.
Fails when the slope, over a day, or what is left of descriptors and threads says that something leaks.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import resource
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benches.crowd import Client, Counts, Door, paths
from benches.join import PORT, SETTLE_S, Process, part, roomful

RATE = 100
STAY_S = 0.5
BATCH = 1_000
"""Tokens are made so many at a time: they last six hours, and a million of them would be this process's own memory."""
SLOPE = 1.0
"""MB a minute of resident memory: more is a leak. A short run is noisier: allocators and caches fill first."""
SHORT_SLOPE = 6.0
LEFT = 16
"""Descriptors and threads more than before the first came, once all have gone."""


@dataclass(frozen=True, slots=True)
class Look:
    """At the server, once."""

    at_s: float
    rss: int
    descriptors: int
    threads: int


def look(process: Process, at_s: float) -> Look:
    """Linux only."""
    of = Path(f"/proc/{process.pid}")
    status = dict(line.split(":", 1) for line in (of / "status").read_text().splitlines())
    return Look(at_s, process.rss(), sum(1 for _ in (of / "fd").iterdir()), int(status["Threads"]))


def slope(looks: Sequence[Look]) -> float:
    """Of the least-squares line through memory over time, in bytes a second."""
    n = len(looks)
    if n < 2:
        return 0.0
    middle, mean = sum(one.at_s for one in looks) / n, sum(one.rss for one in looks) / n
    spread = sum((one.at_s - middle) ** 2 for one in looks)
    return sum((one.at_s - middle) * (one.rss - mean) for one in looks) / spread if spread else 0.0


@dataclass(frozen=True, slots=True)
class Soak:
    """A whole run."""

    minutes: float
    people: int
    failed: int
    join_p50_ms: float
    join_p99_ms: float
    cpu_ms_each: float
    rss_first: int
    rss_last: int
    rss_slope_mb_a_minute: float
    descriptors_before: int
    descriptors_most: int
    descriptors_after: int
    threads_before: int
    threads_most: int
    threads_after: int

    def rows(self) -> Iterator[tuple[str, str]]:
        yield f"{RATE} join and leave each second for {self.minutes:.0f} min", f"{self.people:,} in all"
        yield "did not get in", f"{self.failed}"
        yield "join p50 / p99", f"{self.join_p50_ms:,.0f} / {self.join_p99_ms:,.0f} ms"
        yield "server CPU per visit", f"{self.cpu_ms_each:.2f} ms"
        yield "resident after a third / at the end", f"{self.rss_first / 1e6:.1f} / {self.rss_last / 1e6:.1f} MB"
        yield "slope of resident memory", f"{self.rss_slope_mb_a_minute:+.2f} MB a minute"
        yield (
            "descriptors before / most / after",
            f"{self.descriptors_before} / {self.descriptors_most} / {self.descriptors_after}",
        )
        yield "threads before / most / after", f"{self.threads_before} / {self.threads_most} / {self.threads_after}"

    def faults(self) -> list[str]:
        most = SLOPE if self.minutes >= 10 else SHORT_SLOPE
        found = [f"{self.failed} did not get in"] if self.failed else []
        if self.rss_slope_mb_a_minute > most:
            found.append(f"memory grows by {self.rss_slope_mb_a_minute:.2f} MB a minute, more than {most}")
        if self.descriptors_after > self.descriptors_before + LEFT:
            found.append(f"{self.descriptors_after - self.descriptors_before} descriptors are left")
        if self.threads_after > self.threads_before + LEFT:
            found.append(f"{self.threads_after - self.threads_before} threads are left")
        return found


async def soak(door: Door, process: Process, minutes: float) -> Soak:
    """All of it; the room is one and the same."""
    loop, counts, room = asyncio.get_running_loop(), Counts(), f"soak-{os.getpid()}"
    people = int(RATE * 60 * minutes)
    took: list[float] = []
    failed = 0

    async def visit(path: str) -> None:
        nonlocal failed
        client = Client(door, path, counts)
        try:
            async with asyncio.timeout(20):
                await client.open()
                await client.joined
        except (OSError, TimeoutError):
            failed += 1
            return
        took.append(1000 * client.join_s)
        await asyncio.sleep(STAY_S)
        client.leave()

    start, cpu = loop.time(), process.cpu_s()
    before, looks = look(process, 0.0), list[Look]()
    requests: list[str] = []
    async with asyncio.TaskGroup() as group:
        for number in range(people):
            if not requests:
                requests = paths(f"{room}", min(BATCH, people - number), door.key, door.secret)
            if (wait := start + number / RATE - loop.time()) > 0:
                await asyncio.sleep(wait)
            if number % RATE == 0:
                looks.append(look(process, loop.time() - start))
            group.create_task(visit(requests.pop()))
    cpu = process.cpu_s() - cpu
    await asyncio.sleep(SETTLE_S)
    after = look(process, loop.time() - start)
    later = looks[len(looks) // 3 :]
    took.sort()
    return Soak(
        minutes=minutes,
        people=people,
        failed=failed,
        join_p50_ms=part(took, 0.5) if took else 0.0,
        join_p99_ms=part(took, 0.99) if took else 0.0,
        cpu_ms_each=1000 * cpu / people,
        rss_first=later[0].rss,
        rss_last=after.rss,
        rss_slope_mb_a_minute=slope(later) * 60 / 1e6,
        descriptors_before=before.descriptors,
        descriptors_most=max(one.descriptors for one in looks),
        descriptors_after=after.descriptors,
        threads_before=before.threads,
        threads_most=max(one.threads for one in looks),
        threads_after=after.threads,
    )


async def measure(process: Process, minutes: float) -> Soak:
    door = Door("127.0.0.1", PORT, "devkey", "secret")
    await door.listening()
    return await soak(door, process, minutes)


def main() -> None:
    parser = argparse.ArgumentParser(prog="benches.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    chosen = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    print(f"soak, {time.strftime('%Y-%m-%d %H:%M')}: {os.cpu_count()} cores, {platform.platform()}")
    print(f"load average before: {os.getloadavg()[0]:.1f}; server and clients share the cores")
    with roomful() as pid:
        line = asyncio.run(measure(Process(pid), chosen.minutes))
    print(json.dumps({"kind": "soak", **asdict(line)}))
    for words, value in line.rows():
        print(f"  {words:<48} {value:>26}")
    if faults := line.faults():
        raise SystemExit("; ".join(faults))


if __name__ == "__main__":
    main()
