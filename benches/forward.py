"""Forwarding: packets per CPU-second, delivery, latency, joining and memory, judged by a foreign client.

`make bench BENCH=forward [ARGS="--quick"]` starts the server in one network namespace and `benches/load` (Rust, on
str0m, feedback on) in another. `ARGS="--url ws://host:port --pid PID --key K --secret S"` measures any server that
speaks LiveKit's protocol instead. CPU time is the server process's utime and stime during the measured windows.
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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from benches.network import LOOPBACK, Network, network
from benches.processes import end

ROOT = Path(__file__).resolve().parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
PORT = 17880
LIMIT_S = 90.0
"""No scenario may take longer."""


@dataclass(frozen=True, slots=True)
class Scenario:
    name: str
    media: str
    publishers: int
    subscribers: int


FULL = (
    Scenario("1 video to 100", "video", 1, 100),
    Scenario("1 video to 200", "video", 1, 200),
    Scenario("5 voices to 100", "voice", 5, 100),
)
QUICK = (Scenario("1 video to 50", "video", 1, 50),)


@dataclass(frozen=True, slots=True)
class Server:
    """What is measured. `pid` is needed for CPU time and memory."""

    address: str
    key: str
    secret: str
    pid: int | None


def build(manifest: str, *more: str) -> None:
    command = ["cargo", "build", "--release", "--locked", "--quiet", "--manifest-path", str(ROOT / manifest), *more]
    subprocess.run(command, check=True, env={**os.environ, "CARGO_TARGET_DIR": str(TARGET)})


@contextmanager
def roomful(net: Network) -> Iterator[Server]:
    """Our own server, in development mode, with nothing kept."""
    with tempfile.TemporaryDirectory() as data:
        command = [
            *net.server, sys.executable, "-m", "roomful", "serve", "--dev", "--bind", net.address, "--port", str(PORT),
            "--https-port", "off", "--data-dir", data, "--log-level", "error",
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
        "--key", server.key, "--secret", server.secret, *words,
    ]  # fmt: skip
    if server.pid is not None:
        command += ["--pid", str(server.pid)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=LIMIT_S, check=False)
    if done.returncode:
        raise SystemExit(f"the load client gave up ({' '.join(words)})")
    return [json.loads(line) for line in done.stdout.splitlines()]


def show(scenario: Scenario, lines: list[dict[str, Any]]) -> None:
    crowd, late = (next(line for line in lines if line["kind"] == kind) for kind in ("crowd", "late"))
    windows = [line for line in lines if line["kind"] == "window"]
    sent, delivered = sum(w["sent"] for w in windows), sum(w["delivered"] for w in windows)
    rates = [w["per_cpu_s"] for w in windows if w["per_cpu_s"] is not None]
    print(f"\n{scenario.name} ({len(windows)} windows of {windows[0]['seconds']:.0f} s)")
    if rates:
        spread = " ".join(f"{rate:,.0f}" for rate in rates)
        print(f"  forwarded packets per server CPU-second  {median(rates):>10,.0f}   ({spread})")
        busy = median(w["server_cpu_s"] / w["seconds"] for w in windows)
        print(f"  server CPU / client CPU, share of a core {busy:>10.2f} / {_client(windows):.2f}")
    loss = 100 * (sent - delivered) / max(sent, 1)
    print(f"  delivered / sent                         {delivered:,} / {sent:,} (loss {loss:.3f} %)")
    print(f"  packets a second                         {delivered / sum(w['seconds'] for w in windows):>10,.0f}")
    latency = [median(w["latency_ms"][part] for w in windows) for part in ("p50", "p99")]
    print(f"  latency p50 / p99                        {latency[0]:>10.2f} / {latency[1]:.2f} ms")
    for who, joins in (("at once", crowd), ("one by one", late)):
        for key, words in (("join_ms", "join"), ("connected_ms", "connected"), ("first_media_ms", "first media")):
            print(f"  {f'{words} p50 / p95, {who}':<40} {joins[key]['p50']:>10.1f} / {joins[key]['p95']:.1f} ms")
    if crowd["bytes_each"] is not None:
        print(f"  resident memory per participant          {crowd['bytes_each'] / 1e3:>10.0f} kB")


def _client(windows: list[dict[str, Any]]) -> float:
    return median(w["client_cpu_s"] / w["seconds"] for w in windows)


def show_idle(line: dict[str, Any]) -> None:
    print(f"\n{line['participants']} idle participants")
    if line["bytes_each"] is not None:
        print(f"  resident memory per participant          {line['bytes_each'] / 1e3:>10.0f} kB")
        print(f"  server CPU, share of a core              {line['cpu_share']:>10.3f}")


def show_limit() -> None:
    done = subprocess.run([TARGET / "release" / "examples" / "seal_and_send"], stdout=subprocess.PIPE, check=True)
    print("\nthe limit here: encrypt and send alone, packets per CPU-second (loopback)")
    for text in done.stdout.splitlines():
        line = json.loads(text)
        how = f"GSO of {line['segments']}" if line["segments"] > 1 else "sendmmsg alone"
        print(f"  {how:<40} {line['per_cpu_s']:>10,.0f}")


def head(net: Network, name: str = "forward") -> None:
    model = platform.processor() or platform.machine()
    if sys.platform == "linux":
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model)
    load_now = os.getloadavg()[0]
    print(f"{name}, {time.strftime('%Y-%m-%d %H:%M')}: {model}, {os.cpu_count()} cores, {platform.platform()}")
    print(f"network: {net.name}; load average before: {load_now:.1f}; server and client share the cores")


def main() -> None:
    parser = argparse.ArgumentParser(prog="benches.forward", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="1 to 50, once, 5 s")
    parser.add_argument("--url", help="a server that runs already (ws://host:port)")
    parser.add_argument("--pid", type=int, help="its process, for CPU time and memory")
    parser.add_argument("--key", default="devkey")
    parser.add_argument("--secret", default="secret")
    parser.add_argument("--windows", type=int, default=3, help="measured windows for each scenario")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of one")
    chosen = parser.parse_args()
    build("benches/load/Cargo.toml")
    build("Cargo.toml", "-p", "roomful-engine", "--example", "seal_and_send")
    scenarios, windows, seconds = FULL, chosen.windows, chosen.seconds
    if chosen.quick:
        scenarios, windows, seconds = QUICK, 1, 5.0
    if chosen.url:
        given = Server(urlsplit(chosen.url).netloc, chosen.key, chosen.secret, chosen.pid)
        head(LOOPBACK)
        measure(LOOPBACK, given, scenarios, windows, seconds)
    else:
        with network() as net:
            head(net)
            for scenario in scenarios:
                with roomful(net) as server:
                    measure(net, server, (scenario,), windows, seconds)
            if not chosen.quick:
                with roomful(net) as server:
                    show_idle(load(net, server, "--idle", "100")[0])
    show_limit()


def measure(net: Network, server: Server, scenarios: tuple[Scenario, ...], windows: int, seconds: float) -> None:
    for number, scenario in enumerate(scenarios):
        lines = load(
            net, server, "--room", f"bench-{os.getpid()}-{number}", "--media", scenario.media,
            "--publishers", str(scenario.publishers), "--subscribers", str(scenario.subscribers),
            "--windows", str(windows), "--seconds", str(seconds),
        )  # fmt: skip
        show(scenario, lines)


if __name__ == "__main__":
    main()
