"""The front door when there is too much: no descriptors left, and a Python that does not keep up."""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from roomful import Roomful
from roomful.config.settings import Turn

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")

DESCRIPTORS = 64
# Answers each line with the CPU time it has used.
SERVER = f"""
import resource, sys, time
resource.setrlimit(resource.RLIMIT_NOFILE, ({DESCRIPTORS}, {DESCRIPTORS}))
from roomful._native import hub
native = hub.Hub(addresses=["127.0.0.1"], port=0, paths=["/"])
native.send("accept_rule", {{"path": "/", "speech": "echo"}})
print(native.ports()[0][2], flush=True)
for line in sys.stdin:
    print(time.process_time(), flush=True)
"""
ASK = (
    b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


@pytest.fixture
def server() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", SERVER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(10) == 0


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def cpu(process: subprocess.Popen[str]) -> float:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return float(line(process))


def opened(port: int) -> socket.socket:
    one = socket.create_connection(("127.0.0.1", port), 10)
    one.sendall(ASK)
    return one


def is_answered(one: socket.socket, wait_s: float) -> bool:
    one.settimeout(wait_s)
    try:
        return one.recv(4096).startswith(b"HTTP/1.1 101")
    except TimeoutError:
        return False


def test_without_descriptors_the_rest_wait_and_nothing_spins(server: subprocess.Popen[str]) -> None:
    port = int(line(server))
    friend = opened(port)
    assert is_answered(friend, 10)
    crowd = [opened(port) for _ in range(2 * DESCRIPTORS)]
    served = [one for one in crowd if is_answered(one, 1 if one is crowd[0] else 0.02)]
    assert 10 < len(served) < DESCRIPTORS
    before = cpu(server)
    time.sleep(1.5)
    assert cpu(server) - before < 0.3
    friend.sendall(b"\x81\x82\0\0\0\0hi")
    assert friend.recv(100) == b"\x81\x02hi"
    for one in served:
        one.close()
    waiting = [one for one in crowd if one not in served]
    assert is_answered(waiting[0], 10), "who waited is let in when there is room"
    for one in (friend, *waiting):
        one.close()


def test_a_certificate_is_renewed_while_the_server_runs(tmp_path: Path) -> None:
    asyncio.run(_renewed(tmp_path))


async def _renewed(data: Path) -> None:
    server = Roomful(
        bind=("0.0.0.0",), port=0, https_port=0, rtc_udp_port=0, rtc_tcp_port=0, data_dir=data, turn=Turn(enabled=False)
    )
    await server.start()
    try:
        where = ("127.0.0.1", server.https_port or 0)
        first = await asyncio.to_thread(ssl.get_server_certificate, where)
        server.renew_certificate()
        assert await asyncio.to_thread(ssl.get_server_certificate, where) == first, "it still holds"
        data.joinpath("https", "leaf.pem").unlink()
        server.renew_certificate()
        second = await asyncio.to_thread(ssl.get_server_certificate, where)
        assert second != first
    finally:
        await server.stop()
