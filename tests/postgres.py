"""A PostgreSQL of the tests' own: a new cluster behind a Unix socket, ended with the tests. Debian's `postgresql` brings the programs."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from urllib.parse import quote

USERS = ("postgres", "nobody")
"""PostgreSQL refuses to run as root: the first of these that exists runs it then."""


class Cluster:
    """A running server; `database()` makes an empty database and says its URL."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._count = count(1)

    def url(self, name: str) -> str:
        return f"postgresql://roomful@/{name}?host={quote(str(self._socket), safe='')}"

    def database(self) -> str:
        import psycopg

        name = f"test_{next(self._count)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
        return self.url(name)


def programs() -> Path | None:
    """The folder of PostgreSQL's programs; Debian keeps them out of PATH."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    newest = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return newest[-1].parent if newest else None


@contextmanager
def cluster(bin: Path) -> Iterator[Cluster]:
    """Written without syncs: this one's data need not survive."""
    folder = Path(tempfile.mkdtemp(prefix="roomful-pg-"))
    prefix = ["setpriv", "--pdeathsig", "QUIT"] if shutil.which("setpriv") else []
    if os.geteuid() == 0:
        user = next(name for name in USERS if _exists(name))
        shutil.chown(folder, user)
        prefix += [f"--reuid={user}", "--clear-groups"]
    data = folder / "data"
    make = [bin / "initdb", "-D", data, "-U", "roomful", "--auth=trust", "--no-sync", "--encoding=UTF8", "--no-locale"]
    subprocess.run([*prefix, *make], check=True, capture_output=True, cwd=folder)
    options = ["-c", "listen_addresses=", "-c", "fsync=off", "-c", "full_page_writes=off", "-c", "shared_buffers=16MB"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [*prefix, str(bin / "postgres"), "-D", str(data), "-k", str(folder), *options],
            stdout=log, stderr=subprocess.STDOUT, cwd=folder,
        )  # fmt: skip
    try:
        _wait(folder, server)
        yield Cluster(folder)
    finally:
        # At once: its data goes with it.
        server.send_signal(signal.SIGQUIT)
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _wait(folder: Path, server: subprocess.Popen[bytes]) -> None:
    import psycopg

    end = time.monotonic() + 60
    while time.monotonic() < end and server.poll() is None:
        try:
            psycopg.connect(f"postgresql://roomful@/postgres?host={quote(str(folder), safe='')}").close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"PostgreSQL did not start:\n{(folder / 'log').read_text()[-2000:]}")


def _exists(user: str) -> bool:
    import pwd

    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True
