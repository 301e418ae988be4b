"""Two network namespaces joined by a veth pair, and a server in one of them, for clients that ignore loopback.

Used by the media tests that need another machine, a blocked protocol or an IPv6 network. Needs root on Linux, as CI has.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PORT = 17880
TCP_PORT = 17881
UDP_PORT = 17882
V4 = ("10.213.0.1", "10.213.0.2")
V6 = ("fd2c:5a1e:7001::1", "fd2c:5a1e:7001::2")
SHUT_UDP = """table inet shut {
  chain out {
    type filter hook output priority 0;
    meta l4proto udp counter drop
  }
}
"""


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


@dataclass(frozen=True, slots=True)
class Pair:
    """A server's and a client's namespace; addresses of one family only."""

    server: str
    client: str
    address: str

    @property
    def host(self) -> str:
        return f"[{self.address}]" if ":" in self.address else self.address

    def inside(self, which: str, *command: str | Path) -> list[str]:
        return ["ip", "netns", "exec", which, *map(str, command)]

    def run(self, which: str, *command: str, stdin: str | None = None) -> str:
        done = subprocess.run(self.inside(which, *command), input=stdin, check=True, capture_output=True, text=True)
        return done.stdout

    def drop_udp(self) -> None:
        """Nothing by UDP leaves the client any more."""
        self.run(self.client, "nft", "-f", "-", stdin=SHUT_UDP)

    def dropped_udp(self) -> int:
        listed = json.loads(self.run(self.client, "nft", "-j", "list", "table", "inet", "shut"))
        rules = [entry["rule"]["expr"] for entry in listed["nftables"] if "rule" in entry]
        return sum(part["counter"]["packets"] for rule in rules for part in rule if "counter" in part)

    def tcp_between(self) -> list[str]:
        """The established connections to the server's ICE-TCP port."""
        lines = self.run(self.server, "ss", "-Htn", "state", "established", f"sport = :{TCP_PORT}").splitlines()
        return [line for line in lines if line.strip()]


@contextmanager
def pair(*, v6: bool = False) -> Iterator[Pair]:
    """Made for one test and removed after it."""
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("ip") is None:
        assert "CI" not in os.environ, "CI runs as root, with iproute2"
        pytest.skip("network namespaces need root on Linux")
    tag = f"rt{os.getpid()}"
    names = (f"{tag}s", f"{tag}c")
    made: list[str] = []
    try:
        for name in names:
            ip("netns", "add", name)
            made.append(name)
            ip("-n", name, "link", "set", "lo", "up")
        ip("-n", names[0], "link", "add", "veth0", "type", "veth", "peer", "name", "veth0", "netns", names[1])
        for name, address in zip(names, V6 if v6 else V4, strict=True):
            more = ("nodad",) if v6 else ()
            ip("-n", name, "addr", "add", address + ("/64" if v6 else "/24"), "dev", "veth0", *more)
            ip("-n", name, "link", "set", "veth0", "up")
        yield Pair(*names, (V6 if v6 else V4)[0])
    finally:
        for name in made:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


@contextmanager
def serving(between: Pair, folder: Path, *extra: str) -> Iterator[subprocess.Popen[bytes]]:
    """`roomful serve --dev` in the server's namespace, without TURN, which is another way around a wall; fails the test when it logged a panic or a traceback."""
    log = folder / "server.log"
    command = between.inside(
        between.server, sys.executable, "-m", "roomful", "serve", "--dev", "--bind", between.address, "--port", str(PORT),
        "--https-port", "off", "--rtc-udp-port", str(UDP_PORT), "--rtc-tcp-port", str(TCP_PORT), "--turn", "off", *extra,
    )  # fmt: skip
    env = {**os.environ, "ROOMFUL_DATA_DIR": str(folder / "data"), "PYTHONUNBUFFERED": "1"}
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=env)
    try:
        until("the server answers", lambda: _answers(between) or process.poll() is not None, 30)
        assert process.poll() is None, log.read_text()[-4000:]
        yield process
    finally:
        stop(process)
        text = log.read_text()
    assert "panicked" not in text and "Traceback" not in text, text[-6000:]


def _answers(between: Pair) -> bool:
    fetch = f"import urllib.request as r; r.urlopen('http://{between.host}:{PORT}/', timeout=2)"
    done = subprocess.run(between.inside(between.client, sys.executable, "-c", fetch), check=False, capture_output=True)
    return done.returncode == 0


def stop(process: subprocess.Popen[Any]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def until(what: str, check: Callable[[], bool], within_s: float = 30, tell: Callable[[], object] = lambda: "") -> None:
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if check():
            return
        time.sleep(0.2)
    raise AssertionError(f"not within {within_s} s: {what}; {tell()}")
