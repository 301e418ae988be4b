"""Programs of examples/ and docs/ as real processes, on ports and in directories of the test's own. Used by their tests.

A program says `Roomful(dev=True)`, as its reader would; here the same call also gets free ports. Nothing else changes.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from conftest import free_port, stop_server

START_S = 60
CALL = "Roomful(dev=True"


@dataclass
class Program:
    """A running program that serves."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    @property
    def said(self) -> str:
        return self.log.read_text()


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "XDG_DATA_HOME": str(folder), "PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": "ignore"}


def with_ports(source: str, port: int) -> str:
    """The program with free ports where it makes its server."""
    assert source.count(CALL) == 1, f"a program makes its server once, with {CALL})"
    return source.replace(CALL, f"{CALL}, port={port}, rtc_udp_port={free_port()}, rtc_tcp_port=None")


@contextmanager
def serving(source: str, folder: Path, *, asgi: str = "") -> Iterator[Program]:
    """Runs a program until the test is done; by uvicorn when `asgi` names the application in it."""
    port = free_port()
    file = folder / "program.py"
    file.write_text(with_ports(source, port))
    command = [sys.executable, str(file)]
    if asgi:
        command = [sys.executable, "-m", "uvicorn", f"program:{asgi}", "--app-dir", str(folder), "--port", str(port)]
    log = folder / "program.log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=environment(folder), cwd=folder)
    try:
        _wait(process, port, log)
        yield Program(process, port, log)
    finally:
        stop_server(process)
    assert "Traceback" not in log.read_text(), log.read_text()
    # uvicorn ends itself by the signal it got.
    assert process.returncode in ((0, -signal.SIGTERM) if asgi else (0,)), log.read_text()


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end and process.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"the program does not serve:\n{log.read_text()}")


def run(command: list[str], folder: Path, *, within_s: float = 60) -> str:
    """A program that ends by itself, with status 0; what it printed."""
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=within_s, cwd=folder, env=environment(folder), check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
