"""The holder of a port is named as far as the system tells."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from roomful.config.holders import holder

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells it")


@pytest.mark.parametrize(("kind", "type_"), [("tcp", socket.SOCK_STREAM), ("udp", socket.SOCK_DGRAM)])
@pytest.mark.parametrize(("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_our_own_sockets_are_found(kind: str, type_: int, family: int, address: str) -> None:
    with socket.socket(family, type_) as taken:
        try:
            taken.bind((address, 0))
        except OSError:
            pytest.skip("no IPv6 here")
        if kind == "tcp":
            taken.listen()
        port = taken.getsockname()[1]
        assert holder(port, kind).endswith(f"(pid {os.getpid()})")
    assert holder(port, kind) == ""


def test_what_is_somebody_elses_is_called_so(tmp_path: Path) -> None:
    net = tmp_path / "net"
    net.mkdir()
    row = "   0: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4242 1 0 100 0 0 10 0"
    (net / "tcp").write_text(f"  sl  local_address\n{row}\n")
    assert holder(0x1F90, proc=tmp_path) == "another user's process"
    assert holder(0x1F91, proc=tmp_path) == ""


def test_odd_tables_are_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "tcp").write_text("head\nshort row\n\n")
    assert holder(1, proc=tmp_path) == ""
