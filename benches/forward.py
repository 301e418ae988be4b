"""Forwarding: packets per CPU-second, delivery, delay, joining and memory, judged by a foreign client.

`make bench BENCH=forward [ARGS="--full"]` starts the server in one network namespace and `benches/load` (Rust, on
str0m, feedback on) in another; beside it, in the same run, Janus where it is installed (`apt install janus`), and what
the machine can do at most: encrypting and sending alone. `ARGS="--url ws://host:port --pid PID --key K --secret S"`
measures any server that speaks LiveKit's protocol instead. CPU time is what all threads of the server's process ran
during the measured windows, which with a virtual Ethernet includes the receiving side's work in the kernel.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from benches.janus import janus, version
from benches.network import LOOPBACK, Network, network
from benches.processes import end

ROOT = Path(__file__).resolve().parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
PORT = 17880
LIMIT_S = 240.0
"""No scenario may take longer."""


@dataclass(frozen=True, slots=True)
class Scenario:
    name: str
    media: str
    publishers: int = 0
    subscribers: int = 0
    mesh: int = 0
    peer: bool = False
    """Janus is measured with it, too."""
    loss: int = 0
    """Datagrams in a thousand that each subscriber loses and asks for again."""

    def words(self) -> list[str]:
        numbers = {
            "publishers": self.publishers, "subscribers": self.subscribers, "mesh": self.mesh, "loss": self.loss,
        }  # fmt: skip
        return ["--media", self.media, *(word for key, n in numbers.items() for word in (f"--{key}", str(n)))]


DELAY = Scenario("1 video to 20", "video", 1, 20)
"""Few enough for the client to read everything at once: what takes time is the server."""
SHORT = (
    DELAY,
    Scenario("1 video to 100", "video", 1, 100, peer=True),
    Scenario("5 voices to 100", "voice", 5, 100),
    Scenario("a mesh of 10", "simulcast", mesh=10),
)
FULL = (
    DELAY,
    Scenario("1 video to 50", "video", 1, 50),
    Scenario("1 video to 100", "video", 1, 100),
    Scenario("1 video to 200", "video", 1, 200, peer=True),
    Scenario("1 video to 500", "video", 1, 500),
    Scenario("1 video to 100, 1 % lost", "video", 1, 100, loss=10),
    Scenario("5 voices to 100", "voice", 5, 100, peer=True),
    Scenario("5 voices to 200", "voice", 5, 200),
    Scenario("a mesh of 5", "simulcast", mesh=5),
    Scenario("a mesh of 10", "simulcast", mesh=10),
    Scenario("a mesh of 25", "simulcast", mesh=25),
)
QUICK = (Scenario("1 video to 50", "video", 1, 50),)


class GaveUpError(Exception):
    """A scenario that did not come to its end."""


@dataclass(frozen=True, slots=True)
class Server:
    """What is measured. `pid` is needed for CPU time and memory."""

    address: str
    key: str
    secret: str
    pid: int | None
    kind: str = "livekit"


@dataclass(slots=True)
class Result:
    """What was seen of one server in one scenario, in all runs."""

    scenario: Scenario
    who: str
    windows: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    joins: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def middle(self, pick: Callable[[dict[str, Any]], float | None]) -> float:
        found = [value for window in self.windows if (value := pick(window)) is not None]
        return median(found) if found else float("nan")

    @property
    def rate(self) -> float:
        return self.middle(lambda w: w["per_cpu_s"])

    @property
    def lost(self) -> float:
        sent = sum(w["sent"] for w in self.windows)
        return 1 - sum(w["delivered"] for w in self.windows) / max(sent, 1)

    def json(self) -> str:
        busy = self.middle(lambda w: w["server_cpu_s"] and w["server_cpu_s"] / w["seconds"])
        media = self.middle(lambda w: w["server_cpu_s"] and w["media_cpu_s"] / w["server_cpu_s"])
        told = {
            "scenario": self.scenario.name, "server": self.who, "windows": len(self.windows),
            "per_cpu_s": round(self.rate), "all_per_cpu_s": [round(w["per_cpu_s"] or 0) for w in self.windows],
            "busy": round(busy, 3), "in_media_threads": round(media, 3), "lost": round(self.lost, 6),
            "packets_s": round(self.middle(lambda w: w["delivered"] / w["seconds"])),
            "delay_p50_ms": round(self.middle(lambda w: w["latency_ms"]["p50"]), 2),
            "delay_p99_ms": round(self.middle(lambda w: w["latency_ms"]["p99"]), 2),
            "client_busy": round(self.middle(lambda w: w["client_cpu_s"] / w["seconds"]), 3),
        }  # fmt: skip
        return json.dumps({**told, "joins": self.joins})


def build(manifest: str, *more: str) -> None:
    command = ["cargo", "build", "--release", "--locked", "--quiet", "--manifest-path", str(ROOT / manifest), *more]
    subprocess.run(command, check=True, env={**os.environ, "CARGO_TARGET_DIR": str(TARGET)})


@contextmanager
def roomful(net: Network) -> Iterator[Server]:
    """Our own server, in development mode, with nothing kept."""
    with tempfile.TemporaryDirectory() as data:
        command = [
            *net.server, sys.executable, "-m", "roomful", "serve", "--dev", "--bind", net.address, "--port", str(PORT),
            "--https-port", "off", "--turn", "off", "--data-dir", data, "--log-level", "error",
        ]  # fmt: skip
        log = Path(data, "log")
        with log.open("wb") as out:
            process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        try:
            # The load client waits for the port.
            time.sleep(1.0)
            if process.poll() is not None:
                raise SystemExit(f"the server did not start:\n{log.read_text()}")
            yield Server(f"{net.address}:{PORT}", "devkey", "secret", process.pid)
        finally:
            end(process)


def load(net: Network, server: Server, *words: str) -> list[dict[str, Any]]:
    """What the load client printed."""
    command = [
        *net.client, str(TARGET / "release" / "roomful-load"), "--address", server.address,
        "--key", server.key, "--secret", server.secret, "--server", server.kind, *words,
    ]  # fmt: skip
    if server.pid is not None:
        command += ["--pid", str(server.pid)]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=LIMIT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise GaveUpError(f"the load client took more than {LIMIT_S:.0f} s ({' '.join(words)})") from error
    if done.returncode:
        raise GaveUpError(f"the load client gave up ({' '.join(words)})")
    return [json.loads(line) for line in done.stdout.splitlines()]


def limits(net: Network) -> dict[str, float]:
    """Encrypting and sending alone: packets per CPU-second by what one receiver gets at a time."""
    command = [*net.server, str(TARGET / "release" / "examples" / "seal_and_send")]
    if net.namespace is not None:
        command += [net.address, net.peer, str(net.namespace)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return {line["burst"]: line["per_cpu_s"] for line in map(json.loads, done.stdout.splitlines())}


def head(net: Network, name: str = "forward") -> None:
    model = platform.processor() or platform.machine()
    if sys.platform == "linux":
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model)
    load_now = os.getloadavg()[0]
    print(f"{name}, {time.strftime('%Y-%m-%d %H:%M')}: {model}, {os.cpu_count()} cores, {platform.platform()}")
    print(f"network: {net.name}; load average before: {load_now:.1f}; server and client share the cores")


@dataclass(slots=True)
class Bench:
    """One call of the program: everything that is measured, side by side."""

    net: Network
    windows: int
    seconds: float
    results: dict[tuple[str, str], Result] = field(default_factory=dict[tuple[str, str], Result])
    limits: list[dict[str, float]] = field(default_factory=list[dict[str, float]])

    def measure(self, scenario: Scenario, server: Server, who: str) -> None:
        lines = load(
            self.net, server, "--room", f"bench-{os.getpid()}", *scenario.words(), "--windows", str(self.windows),
            "--seconds", str(self.seconds), "--late", "0" if who == "Janus" else "8",
        )  # fmt: skip
        result = self.results.setdefault((scenario.name, who), Result(scenario, who))
        result.windows += [line for line in lines if line["kind"] == "window"]
        result.joins += [line for line in lines if line["kind"] in ("crowd", "late")]
        rate, lost = result.rate, 100 * result.lost
        print(f"{scenario.name}, {who}: {rate:,.0f} packets per CPU-second, {lost:.3f} % lost", file=sys.stderr)

    def run(self, scenarios: tuple[Scenario, ...], peer: bool) -> None:
        for scenario in scenarios:
            try:
                with roomful(self.net) as server:
                    self.measure(scenario, server, "Roomful")
                if peer and scenario.peer:
                    with janus(self.net) as (address, pid):
                        self.measure(scenario, Server(address, "", "", pid, "janus"), "Janus")
            except GaveUpError as error:
                # The others are measured all the same; this one is absent, or has fewer windows.
                print(f"{scenario.name}: {error}", file=sys.stderr)
            self.limits.append(limits(self.net))

    def limit(self, burst: str) -> float:
        return median(found[burst] for found in self.limits)

    def table(self) -> None:
        for result in self.results.values():
            print(result.json())
        print(f"\n{'':<34}{'packets per CPU-s':>18}{'busy':>8}{'lost %':>9}{'delay p50 / p99 ms':>22}")
        for result in self.results.values():
            busy = result.middle(lambda w: w["server_cpu_s"] and w["server_cpu_s"] / w["seconds"])
            delay = [result.middle(lambda w, p=part: w["latency_ms"][p]) for part in ("p50", "p99")]
            name = f"{result.scenario.name}, {result.who}"
            print(
                f"{name:<34}{result.rate:>18,.0f}{busy:>8.2f}{100 * result.lost:>9.3f}"
                f"{delay[0]:>14.2f} / {delay[1]:.2f}"
            )
        for result in (r for r in self.results.values() if r.who == "Roomful"):
            self._joins(result)
        if self.limits:
            print("\nencrypting and sending alone, in the same run")
            for burst, words in BURSTS.items():
                print(f"  {words:<32}{self.limit(burst):>18,.0f}")

    @staticmethod
    def _joins(result: Result) -> None:
        for kind, words in (("crowd", "at once"), ("late", "one by one")):
            found = [line for line in result.joins if line["kind"] == kind]
            if not found or result.scenario.mesh:
                continue
            parts = [
                f"{name} {median(line[key]['p50'] for line in found):.1f} / {median(line[key]['p95'] for line in found):.1f}"
                for key, name in (("join_ms", "join"), ("connected_ms", "connected"), ("first_media_ms", "first media"))
            ]
            each = [line["bytes_each"] for line in found if line["bytes_each"] is not None]
            memory = f"; {median(each) / 1e3:.0f} kB each" if each else ""
            print(f"  {result.scenario.name}, {words}: {', '.join(parts)} ms (p50 / p95){memory}")

    def marks(self) -> None:
        """What we aim at, and what came of it."""
        ours = {name: result for (name, who), result in self.results.items() if who == "Roomful"}
        rows: list[tuple[str, float, float, bool]] = []

        def at_least(words: str, value: float, mark: float) -> None:
            rows.append((words, value, mark, value >= mark))

        for name, mark in (("1 video to 100", 280e3), ("1 video to 200", 320e3), ("a mesh of 25", 200e3)):
            if name in ours:
                at_least(f"{name}: packets per CPU-second", ours[name].rate, mark)
        for (name, who), result in self.results.items():
            if who == "Janus" and name in ours and result.scenario.media == "video":
                at_least(f"{name}: times Janus", ours[name].rate / result.rate, 10)
        for name, result in ours.items():
            if result.scenario.media == "voice":
                at_least(f"{name}: part of encrypt-and-sendmmsg", result.rate / self.limit("voice"), 0.6)
        for name in ("1 video to 100", "1 video to 200"):
            if name in ours:
                at_least(f"{name}: part of encrypt-and-send, GSO of 8", ours[name].rate / self.limit("8"), 0.4)
        if DELAY.name in ours:
            delay = ours[DELAY.name].middle(lambda w: w["latency_ms"]["p99"])
            rows.append((f"{DELAY.name}: delay p99, ms, at most", delay, 5, delay < 5))
        rows += [(f"{name}: delivered", 1 - r.lost, 1, r.lost == 0) for name, r in ours.items()]
        print("\nmarks")
        for words, value, mark, reached in rows:
            digits = 0 if mark > 1000 else 3
            print(f"  {'reached' if reached else 'MISSED ':<8}{words:<52}{value:>12,.{digits}f}   ({mark:,g})")


BURSTS = {
    "32": "GSO of 32 (1,121 bytes)", "8": "GSO of 8", "4": "GSO of 4", "1": "sendmmsg",
    "voice": "sendmmsg (voice, 130 bytes)",
}  # fmt: skip


def show_idle(line: dict[str, Any]) -> None:
    print(json.dumps(line))
    if line["bytes_each"] is not None:
        print(
            f"{line['participants']} idle participants: {line['bytes_each'] / 1e3:.0f} kB each, "
            f"{line['cpu_share']:.3f} of a core in all, {line['media_share']:.4f} of a core in media threads"
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="benches.forward", description=__doc__)
    parser.add_argument("--full", action="store_true", help="every scenario, three runs: about twelve minutes")
    parser.add_argument("--quick", action="store_true", help="1 to 50, once, 5 s, without a peer")
    parser.add_argument("--url", help="a server that runs already (ws://host:port)")
    parser.add_argument("--pid", type=int, help="its process, for CPU time and memory")
    parser.add_argument("--key", default="devkey")
    parser.add_argument("--secret", default="secret")
    parser.add_argument("--only", nargs="+", help="scenarios whose names contain one of these")
    parser.add_argument("--runs", type=int, help="of everything (3 with --full, else 1)")
    parser.add_argument("--windows", type=int, default=3, help="measured windows for each scenario and run")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of one")
    chosen = parser.parse_args()
    build("benches/load/Cargo.toml")
    build("Cargo.toml", "-p", "roomful-engine", "--example", "seal_and_send")
    scenarios = FULL if chosen.full else QUICK if chosen.quick else SHORT
    if chosen.only:
        scenarios = tuple(scenario for scenario in scenarios if any(part in scenario.name for part in chosen.only))
    windows, seconds = (1, 5.0) if chosen.quick else (chosen.windows, chosen.seconds)
    if chosen.url:
        given = Server(urlsplit(chosen.url).netloc, chosen.key, chosen.secret, chosen.pid)
        head(LOOPBACK)
        bench = Bench(LOOPBACK, windows, seconds)
        for scenario in scenarios:
            bench.measure(scenario, given, given.address)
        bench.table()
        return
    with network() as net:
        head(net)
        peer = None if chosen.quick else version()
        print(f"beside it: {peer or 'nothing (Janus is not installed)'}")
        bench = Bench(net, windows, seconds)
        for _ in range(chosen.runs or (3 if chosen.full else 1)):
            bench.run(scenarios, peer is not None)
        bench.table()
        if not chosen.quick and not chosen.only:
            with roomful(net) as server:
                show_idle(load(net, server, "--idle", "100")[0])
        bench.marks()


if __name__ == "__main__":
    main()
