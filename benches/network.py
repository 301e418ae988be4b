"""Two network namespaces joined by a veth pair, made for one run and removed after it; loopback without root.

Called by benches that put a server and its load on two machines as far as one can. Never touches an interface that it
has not made.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Network:
    """Where the server listens, and what to put before each side's command."""

    name: str
    address: str
    peer: str
    """The client's own address."""
    server: tuple[str, ...] = ()
    client: tuple[str, ...] = ()
    namespace: Path | None = None
    """The client's."""


LOOPBACK = Network("loopback", "127.0.0.1", "127.0.0.1")


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


@contextmanager
def network() -> Iterator[Network]:
    """A veth pair between two namespaces when this is root on Linux, else loopback (and it says why)."""
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("ip") is None:
        yield LOOPBACK
        return
    tag = f"rf{os.getpid()}"
    server, client = f"{tag}s", f"{tag}c"
    made: list[str] = []
    try:
        try:
            for name in (server, client):
                _ip("netns", "add", name)
                made.append(name)
                _ip("-n", name, "link", "set", "lo", "up")
            _ip("-n", server, "link", "add", "veth0", "type", "veth", "peer", "name", "veth1", "netns", client)
            _ip("-n", server, "addr", "add", "10.213.0.1/24", "dev", "veth0")
            _ip("-n", client, "addr", "add", "10.213.0.2/24", "dev", "veth1")
            _ip("-n", server, "link", "set", "veth0", "up")
            _ip("-n", client, "link", "set", "veth1", "up")
        except subprocess.CalledProcessError as error:
            print(f"no network namespaces here ({error.stderr.strip()}): loopback instead", file=sys.stderr)
            yield LOOPBACK
            return
        inside = ("ip", "netns", "exec")
        yield Network(
            "veth between two namespaces", "10.213.0.1", "10.213.0.2",
            (*inside, server), (*inside, client), Path("/run/netns", client),
        )  # fmt: skip
    finally:
        for name in made:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)
