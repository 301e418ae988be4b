"""A link between two network namespaces that delays, loses and narrows, where the kernel has no netem.

`python -m benches.lossy.link NS-A ADDRESS-A NS-B ADDRESS-B` joins the two by a pair of TUN devices. It reads one JSON object a line
from its input, the parameters of both ways, and writes what passed twice a second. `Link` is the other end of those pipes; [`Way`]
decides about packets and is pure. Needs root on Linux. Started by `benches.loss` only.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import random
import select
import struct
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import IO, Any

REPORT_S = 0.5
LARGEST = 65_536
_TUNSETIFF = 0x400454CA
_TUN_NO_PI = 0x1001
"""linux/if_tun.h"""


@dataclass(frozen=True, slots=True)
class Conditions:
    """Of one way. A `rate_kbit` of 0 is no limit; `burst` is the mean length of losses in packets, 1 for independent ones."""

    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    loss: float = 0.0
    burst: float = 1.0
    rate_kbit: float = 0.0
    queue_ms: float = 400.0


@dataclass(slots=True)
class Counts:
    """Since the last report."""

    packets: int = 0
    bytes: int = 0
    lost: int = 0
    overflowed: int = 0
    queue_ms: float = 0.0
    """The longest that a packet waited for its turn."""


@dataclass(slots=True)
class Way:
    """Decides what becomes of packets. Times are seconds of any clock."""

    conditions: Conditions = field(default_factory=Conditions)
    seed: int = 1
    counts: Counts = field(default_factory=Counts)
    _free_at: float = 0.0
    _last_out: float = 0.0
    _bad: bool = False
    _luck: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._luck = random.Random(self.seed)

    def _loses(self) -> bool:
        """Gilbert's two states, or one that forgets."""
        one = self.conditions
        if one.loss <= 0:
            return False
        if one.burst <= 1:
            return self._luck.random() < one.loss
        ends = 1 / one.burst
        begins = one.loss * ends / (1 - one.loss)
        self._bad = self._luck.random() >= ends if self._bad else self._luck.random() < begins
        return self._bad

    def take(self, size: int, now: float) -> float | None:
        """When a packet of `size` bytes comes out; `None` when it never does. Order is kept."""
        one, counts = self.conditions, self.counts
        if self._loses():
            counts.lost += 1
            return None
        starts = max(now, self._free_at) if one.rate_kbit else now
        waits_ms = 1e3 * (starts - now)
        if waits_ms > one.queue_ms:
            counts.overflowed += 1
            return None
        counts.queue_ms = max(counts.queue_ms, waits_ms)
        if one.rate_kbit:
            self._free_at = starts = starts + size / (125.0 * one.rate_kbit)
        jitter = self._luck.uniform(-one.jitter_ms, one.jitter_ms)
        out = max(starts + max(0.0, one.delay_ms + jitter) / 1e3, self._last_out)
        self._last_out = out
        counts.packets += 1
        counts.bytes += size
        return out


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


def _tun(name: str, namespace: str, address: str) -> int:
    """The packets of a device that is made here and lives in a namespace."""
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _TUN_NO_PI))
    _ip("link", "set", name, "netns", namespace)
    _ip("-n", namespace, "addr", "add", f"{address}/24", "dev", name)
    _ip("-n", namespace, "link", "set", name, "up", "txqueuelen", "5000")
    return device


def run(a: tuple[str, str], b: tuple[str, str]) -> None:
    """Carries packets until its input ends. `a` and `b` are namespace and address."""
    with contextlib.suppress(PermissionError, AttributeError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(20))
    devices = [_tun(f"lossy{end}", *where) for end, where in zip("ab", (a, b), strict=True)]
    ways = [Way(seed=1), Way(seed=2)]
    waiting: list[deque[tuple[float, bytes]]] = [deque(), deque()]
    commands = b""
    report_at = time.monotonic()
    while True:
        now = time.monotonic()
        due = [queue[0][0] for queue in waiting if queue]
        readable, _, _ = select.select([*devices, 0], [], [], max(0.0, min([report_at, *due]) - now))
        if 0 in readable:
            read = os.read(0, LARGEST)
            if not read:
                return
            *lines, commands = (commands + read).split(b"\n")
            for line in lines:
                for way, conditions in zip(ways, json.loads(line), strict=True):
                    way.conditions = Conditions(**conditions)
        for way, queue, device in zip(ways, waiting, devices, strict=True):
            with contextlib.suppress(BlockingIOError):
                while device in readable:
                    packet = os.read(device, LARGEST)
                    out = way.take(len(packet), time.monotonic())
                    if out is not None:
                        queue.append((out, packet))
        now = time.monotonic()
        for queue, device in zip(waiting, reversed(devices), strict=True):
            while queue and queue[0][0] <= now:
                with contextlib.suppress(OSError):
                    os.write(device, queue.popleft()[1])
        if now >= report_at:
            report_at = now + REPORT_S
            print(json.dumps({"at": time.time(), "ways": [asdict(way.counts) for way in ways]}), flush=True)
            for way in ways:
                way.counts = Counts()


@dataclass(slots=True)
class Link:
    """A link that runs."""

    process: subprocess.Popen[str]
    reports: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def set(self, forth: Conditions, back: Conditions) -> None:
        pipe = self.process.stdin
        assert pipe is not None
        pipe.write(json.dumps([asdict(forth), asdict(back)]) + "\n")
        pipe.flush()

    def read(self, pipe: IO[str]) -> None:
        for line in pipe:
            self.reports.append(json.loads(line))


@contextmanager
def link(a: tuple[str, str], b: tuple[str, str]) -> Iterator[Link]:
    command = [sys.executable, "-m", "benches.lossy.link", *a, *b]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    made = Link(process)
    assert process.stdout is not None
    assert process.stdin is not None
    reader = threading.Thread(target=made.read, args=(process.stdout,), daemon=True)
    reader.start()
    try:
        while not made.reports:
            if process.poll() is not None:
                raise RuntimeError("the link did not come up: root and /dev/net/tun are needed")
            time.sleep(0.05)
        yield made
    finally:
        process.stdin.close()
        process.wait(10)


if __name__ == "__main__":
    _, *words = sys.argv
    run((words[0], words[1]), (words[2], words[3]))
