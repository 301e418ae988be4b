"""Large rooms: many join one room, or come and go for a while; what that costs the server, and what it keeps.

`make bench BENCH=join [ARGS="--quick"]` starts the server (loopback, development mode) and opens real signaling connections
(`/rtc/v1`, signed tokens, no media) from this process with `benches/crowd.py`. CPU time is the server process's own. The last
run, `churn`, fails when memory grows with the number of people who have come and gone.
`ARGS="--url ws://host:port --pid PID"` measures any server that speaks LiveKit's protocol instead.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from benches.crowd import Client, Counts, Door, paths
from benches.processes import end

PORT = 17890
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
SETTLE_S = 1.5
"""After the last join, so that what waits to be told is told."""
FULL = [(200, 0.0), (1000, 0.0), (1000, 10.0)]
QUICK = [(200, 0.0), (200, 2.0)]
"""People, and the seconds over which they arrive."""
GROWTH = 0.10
"""Of resident memory, between a third of the churn and its end: more is a leak."""


@dataclass(frozen=True, slots=True)
class Process:
    """The server's. Zeros without a pid, or without /proc."""

    pid: int | None

    def cpu_s(self) -> float:
        if self.pid is None:
            return 0.0
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def rss(self) -> int:
        return 0 if self.pid is None else int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * PAGE


@contextmanager
def roomful() -> Iterator[int]:
    """Our own server with nothing kept; its pid once it listens."""
    with tempfile.TemporaryDirectory() as data:
        command = [
            sys.executable, "-m", "roomful", "serve", "--dev", "--bind", "127.0.0.1", "--port", str(PORT), "--https-port", "off",
            "--rtc-udp-port", "0", "--rtc-tcp-port", "off", "--turn", "off", "--data-dir", data, "--log-level", "error",
        ]  # fmt: skip
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        try:
            yield process.pid
        finally:
            end(process)


def part(sorted_ms: list[float], share: float) -> float:
    return sorted_ms[min(len(sorted_ms) - 1, int(len(sorted_ms) * share))]


@dataclass(frozen=True, slots=True)
class Crowd:
    """Everybody stays. CPU is told twice: until the last was in, and until all had been told of each other."""

    people: int
    over_s: float
    join_p50_ms: float
    join_p99_ms: float
    all_in_s: float
    cpu_until_in_ms_each: float
    cpu_ms_each: float
    memory_each: float
    messages: int
    message_bytes: int

    def rows(self) -> Iterator[tuple[str, str]]:
        yield f"{self.people} join one room " + (f"over {self.over_s:.0f} s" if self.over_s else "at once"), ""
        yield "join p50 / p99", f"{self.join_p50_ms:,.0f} / {self.join_p99_ms:,.0f} ms"
        yield "all are in after", f"{self.all_in_s:.2f} s"
        yield "server CPU per join, until all are in", f"{self.cpu_until_in_ms_each:.2f} ms"
        yield "server CPU per join, all told", f"{self.cpu_ms_each:.2f} ms"
        yield "resident memory per participant", f"{self.memory_each / 1e3:.0f} kB"
        yield "messages sent", f"{self.messages:,} ({self.message_bytes / 1e6:.1f} MB)"


@dataclass(frozen=True, slots=True)
class Churn:
    """Nobody stays."""

    rate: int
    people: int
    failed: int
    join_p50_ms: float
    join_p99_ms: float
    cpu_ms_each: float
    cpu_share: float
    messages: int
    rss_after_a_third: int
    rss_after: int

    @property
    def growth(self) -> float:
        return self.rss_after / max(self.rss_after_a_third, 1) - 1

    def rows(self) -> Iterator[tuple[str, str]]:
        yield f"{self.rate} join and leave each second, {self.people:,} in all", ""
        yield "did not get in", f"{self.failed}"
        yield "join p50 / p99", f"{self.join_p50_ms:,.0f} / {self.join_p99_ms:,.0f} ms"
        yield "server CPU per visit", f"{self.cpu_ms_each:.2f} ms"
        yield "server CPU, share of a core", f"{self.cpu_share:.2f}"
        yield "messages sent", f"{self.messages:,}"
        yield (
            "resident after a third / after all",
            f"{self.rss_after_a_third / 1e6:.1f} / {self.rss_after / 1e6:.1f} MB",
        )


async def crowd(door: Door, process: Process, people: int, over_s: float, room: str) -> Crowd:
    """`people` open their connections, all in the same moment or one by one over `over_s`; each is in when its JoinResponse
    is whole.
    """
    loop, counts = asyncio.get_running_loop(), Counts()
    requests = paths(room, people, door.key, door.secret)
    before_cpu, before_rss, start = process.cpu_s(), process.rss(), loop.time()
    clients = [Client(door, one, counts) for one in requests]

    async def enter(number: int, client: Client) -> None:
        await asyncio.sleep(max(0.0, start + over_s * number / people - loop.time()))
        await client.open()
        await client.joined

    async with asyncio.timeout(120 + over_s), asyncio.TaskGroup() as group:
        for number, client in enumerate(clients):
            group.create_task(enter(number, client))
    last = loop.time() - start
    until_in = process.cpu_s() - before_cpu
    await asyncio.sleep(SETTLE_S)
    took = sorted(1000 * one.join_s for one in clients)
    line = Crowd(
        people=people,
        over_s=over_s,
        join_p50_ms=part(took, 0.5),
        join_p99_ms=part(took, 0.99),
        all_in_s=last,
        cpu_until_in_ms_each=1000 * until_in / people,
        cpu_ms_each=1000 * (process.cpu_s() - before_cpu) / people,
        memory_each=(process.rss() - before_rss) / people,
        messages=counts.messages,
        message_bytes=counts.bytes,
    )
    for one in clients:
        one.leave()
    return line


async def churn(door: Door, process: Process, rate: int, seconds: float, stay_s: float, room: str) -> Churn:
    """`rate` people join each second and leave after `stay_s`."""
    loop, counts = asyncio.get_running_loop(), Counts()
    requests = paths(room, int(rate * seconds), door.key, door.secret)
    took: list[float] = []

    async def visit(path: str) -> None:
        client = Client(door, path, counts)
        try:
            async with asyncio.timeout(20):
                await client.open()
                await client.joined
        except (OSError, TimeoutError):
            return
        took.append(1000 * client.join_s)
        await asyncio.sleep(stay_s)
        client.leave()

    start, cpu, marks = loop.time(), process.cpu_s(), list[int]()
    async with asyncio.TaskGroup() as group:
        for number, path in enumerate(requests):
            if (wait := start + number / rate - loop.time()) > 0:
                await asyncio.sleep(wait)
            if number % rate == 0:
                marks.append(process.rss())
            group.create_task(visit(path))
    lasted, cpu = loop.time() - start, process.cpu_s() - cpu
    await asyncio.sleep(SETTLE_S)
    took.sort()
    return Churn(
        rate=rate,
        people=len(requests),
        failed=len(requests) - len(took),
        join_p50_ms=part(took, 0.5),
        join_p99_ms=part(took, 0.99),
        cpu_ms_each=1000 * cpu / len(requests),
        cpu_share=cpu / lasted,
        messages=counts.messages,
        rss_after_a_third=marks[len(marks) // 3],
        rss_after=process.rss(),
    )


def show(line: Crowd | Churn) -> None:
    print(json.dumps({"kind": type(line).__name__.lower(), **asdict(line)}))
    for words, value in line.rows():
        print(f"  {words:<42} {value:>26}" if value else f"\n{words}")
    print(flush=True)


async def measure(door: Door, process: Process, people: int, over_s: float) -> None:
    await door.listening()
    show(await crowd(door, process, people, over_s, f"crowd-{os.getpid()}-{people}-{over_s:.0f}"))


async def measure_churn(door: Door, process: Process, seconds: float) -> Churn:
    await door.listening()
    line = await churn(door, process, 100, seconds, 0.5, f"churn-{os.getpid()}")
    show(line)
    return line


def main() -> None:
    parser = argparse.ArgumentParser(prog="benches.join", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="200 people, 10 s of churn")
    parser.add_argument("--people", type=int, nargs="*", help="how many join, for each run")
    parser.add_argument("--over", type=float, default=0.0, help="seconds over which these arrive; else all at once")
    parser.add_argument("--churn", type=float, help="seconds of churn (60); 0 for none")
    parser.add_argument("--url", help="a server that runs already (ws://host:port)")
    parser.add_argument("--pid", type=int, help="its process, for CPU time and memory")
    parser.add_argument("--key", default="devkey")
    parser.add_argument("--secret", default="secret")
    chosen = parser.parse_args()
    crowds = QUICK if chosen.quick else FULL
    if chosen.people is not None:
        crowds = [(people, chosen.over) for people in chosen.people]
    churn_s: float = (10.0 if chosen.quick else 60.0) if chosen.churn is None else chosen.churn
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    print(f"join, {time.strftime('%Y-%m-%d %H:%M')}: {os.cpu_count()} cores, {platform.platform()}")
    print(f"load average before: {os.getloadavg()[0]:.1f}; server and clients share the cores")

    @contextmanager
    def server() -> Iterator[tuple[Door, Process]]:
        """A fresh one for each run, unless one was named."""
        if chosen.url:
            host, _, port = urlsplit(chosen.url).netloc.partition(":")
            yield Door(host, int(port or 80), chosen.key, chosen.secret), Process(chosen.pid)
        else:
            with roomful() as pid:
                yield Door("127.0.0.1", PORT, "devkey", "secret"), Process(pid)

    for people, over_s in crowds:
        with server() as (door, process):
            asyncio.run(measure(door, process, people, over_s))
    if churn_s:
        with server() as (door, process):
            line = asyncio.run(measure_churn(door, process, churn_s))
        if line.failed or line.growth > GROWTH:
            raise SystemExit(f"somebody did not get in, or memory grew by more than {GROWTH:.0%}")


if __name__ == "__main__":
    main()
