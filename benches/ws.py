"""WebSockets: echo, relay, handshakes and idle memory, beside Node's `ws`, Starlette on uvicorn, and picows.

`make bench BENCH=ws [ARGS="--quick --only hub,ws"]` runs each server by itself against `benches/sockets` (Rust, one core) and counts
per second of the server's own CPU time (utime and stime), so that neither the client nor the other servers enter into it. What is
not installed is left out and said so: `npm ci` in `web/` brings `ws`, `pip install picows uvloop` the rest.

The hub relays its JSON protocol, the others bare messages by path. In each room one member speaks, and again when all have heard it;
where several speak at once the hub also gains from writing together what waits for a receiver. `hub` is the hub with a minimum of Python around it, `roomful` a program on our own
API.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benches.processes import end

ROOT = Path(__file__).resolve().parent.parent
SERVERS = ROOT / "benches" / "sockets" / "servers"
TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
LIMIT_S = 120.0
"""No run may take longer."""

HELLO = '{"type":"join","channel":"r{room}"}'
PUBLISH = '{"type":"publish","channel":"r{room}","data":"{data}"}'


@dataclass(frozen=True, slots=True)
class Work:
    """A row: words for the load client, and what differs for a server of some name."""

    name: str
    words: tuple[str, ...]
    mark: float | None = None
    """Times `ws` that the hub is meant to reach."""
    only: tuple[str, ...] = ()
    like: str = ""
    """The row of the other servers that it is compared with."""


@dataclass(frozen=True, slots=True)
class Server:
    name: str
    command: tuple[str, ...]
    missing: str = ""
    paths: dict[str, str] = field(default_factory=dict)


def rows(quick: bool) -> list[Work]:
    crowd = "200" if quick else "1000"
    many = ("--connections", crowd)
    return [
        Work("echo", ("echo", *many), 1.4),
        Work("echo, async Python hook", ("echo", *many, "--path", "/hook"), 1.2, ("hub", "roomful"), "echo"),
        Work("relay, rooms of 10", ("relay", *many, "--room", "10"), 1.4),
        Work("relay, rooms of 200", ("relay", *many, "--room", "200"), 1.4),
        Work("relay, rooms of 200, 20 speak at once", ("relay", *many, "--room", "200", "--speakers", "20")),
        Work("handshakes", ("handshakes", "--connections", "50"), 2.5),
        Work("handshakes, async Python hook", ("handshakes", "--connections", "50", "--path", "/hook"), 1.2, ("hub", "roomful"),
             "handshakes"),
        Work("idle", ("idle", "--connections", "1000" if quick else "10000")),
    ]  # fmt: skip


def servers() -> list[Server]:
    ws = next((path for path in (ROOT / "web/node_modules/ws", Path("node_modules/ws")) if path.is_dir()), None)
    have = importlib.util.find_spec
    return [
        Server("hub", (sys.executable, str(SERVERS / "hub_server.py"))),
        Server("roomful", (sys.executable, str(SERVERS / "roomful_server.py"))),
        Server(
            "ws", ("node", str(SERVERS / "ws.cjs"), "{port}", str(ws)),
            "" if ws and shutil.which("node") else "node or web/node_modules/ws is not there",
        ),
        Server("starlette", (sys.executable, str(SERVERS / "starlette_server.py"))),
        Server(
            "picows", (sys.executable, str(SERVERS / "picows_server.py")), "" if have("picows") else "not installed"
        ),
    ]  # fmt: skip


def words(work: Work, server: Server) -> list[str]:
    """What the load client is told: paths and messages are the server's own."""
    out = list(work.words)
    kind = out[0]
    if "--path" not in out:
        out += ["--path", {"relay": "/room/{room}"}.get(kind, "/echo")]
    if server.name == "hub" and kind == "relay":
        out[out.index("--path") + 1] = "/relay"
        out += ["--hello", HELLO, "--message", PUBLISH]
    return out


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]


@contextmanager
def running(server: Server) -> Iterator[tuple[str, int]]:
    """Its address and process id, once it listens."""
    port = free_port()
    command = [word.replace("{port}", str(port)) for word in server.command]
    if "{port}" not in server.command:
        command.append(str(port))
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, cwd=ROOT)
    try:
        for _ in range(200):
            if process.poll() is not None:
                raise SystemExit(f"{server.name} did not start")
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield f"127.0.0.1:{port}", process.pid
    finally:
        end(process)


def measure(work: Work, server: Server, seconds: str, windows: str) -> list[dict[str, Any]]:
    with running(server) as (address, pid):
        command = [
            str(TARGET / "release" / "roomful-sockets"), *words(work, server), "--address", address, "--pid", str(pid),
            "--seconds", seconds, "--windows", windows,
        ]  # fmt: skip
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=LIMIT_S, check=False)
    if done.returncode:
        return []
    return [json.loads(line) for line in done.stdout.splitlines()]


def show(work: Work, server: Server, lines: list[dict[str, Any]], best: dict[tuple[str, str], float]) -> None:
    if not lines:
        print(f"  {server.name:<10} gave up")
        return
    if work.words[0] == "idle":
        print(
            f"  {server.name:<10} {lines[0]['bytes_each'] / 1024:>9.1f} KiB each, {lines[0]['connections']:,} connections"
        )
        return
    rates = [line["count"] / line["server_cpu_s"] for line in lines if line["server_cpu_s"] > 0]
    if not rates:
        print(f"  {server.name:<10} used no CPU time that can be measured")
        return
    rate = median(rates)
    best[work.name, server.name] = rate
    share = median(line["server_cpu_s"] / line["seconds"] for line in lines)
    note = ""
    reference = best.get((work.like or work.name, "ws"))
    if reference and server.name in ("hub", "roomful"):
        note = f"   {rate / reference:.2f} × ws" + (f" (mark {work.mark})" if work.mark else "")
    spread = " ".join(f"{one:,.0f}" for one in rates)
    print(f"  {server.name:<10} {rate:>9,.0f} per CPU-second   ({spread}; {share:.2f} of a core){note}", flush=True)


def limit_of_files() -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 25_000 if hard == resource.RLIM_INFINITY else min(hard, 25_000)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


def main() -> int:
    parser = argparse.ArgumentParser(prog="benches.ws", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a fifth of the connections, short windows")
    parser.add_argument("--only", default="", help="servers, with commas")
    parser.add_argument("--work", default="", help="rows whose name begins so")
    arguments = parser.parse_args()
    limit_of_files()
    subprocess.run(
        ["cargo", "build", "--release", "--locked", "--quiet", "--manifest-path", str(ROOT / "benches/sockets/Cargo.toml")],
        check=True, env={**os.environ, "CARGO_TARGET_DIR": str(TARGET)},
    )  # fmt: skip
    print(
        f"{platform.platform()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}"
    )
    chosen = [one for one in servers() if not arguments.only or one.name in arguments.only.split(",")]
    for server in chosen:
        if server.missing:
            print(f"{server.name} is left out: {server.missing}")
    # The others first, so that the hub's rows can say how they compare.
    ours = ("hub", "roomful")
    chosen = [one for one in sorted(chosen, key=lambda one: one.name in ours) if not one.missing]
    seconds, windows = ("1", "2") if arguments.quick else ("3", "3")
    best: dict[tuple[str, str], float] = {}
    for work in rows(arguments.quick):
        if not work.name.startswith(arguments.work):
            continue
        print(work.name)
        for server in chosen:
            if server.name in work.only if work.only else server.name != "roomful":
                show(work, server, measure(work, server, seconds, windows), best)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
