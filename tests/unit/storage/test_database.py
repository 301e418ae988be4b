"""What can go wrong with a database of one kind, and what is then said."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import postgres as pg
import pytest
from sqlalchemy import Connection, insert, text

from roomful.core.errors import ConfigError, RoomfulError, Unavailable
from roomful.storage.chat import policies
from roomful.storage.database import Database, file_url, open_database
from roomful.storage.lane import Lane

HERE = Path(__file__).parent


def put(room: str) -> Callable[[Connection], None]:
    def work(connection: Connection) -> None:
        connection.execute(insert(policies).values(room=room, keep_days=1))

    return work


async def refused(database: Database, room: str = "a") -> RoomfulError:
    with pytest.raises(Unavailable) as raised:
        await database.write(put(room))
    return raised.value


@pytest.mark.parametrize(
    "url", ["", "nonsense", "sqlite://", "sqlite:///:memory:", "mysql://a@b/c", "postgresql+asyncpg://a@b/c", "://"]
)
def test_a_url_that_means_nothing(url: str) -> None:
    with pytest.raises(ConfigError, match="is named as"):
        open_database(url)


def test_passwords_are_not_told() -> None:
    with pytest.raises(ConfigError) as raised:
        open_database("postgresql://ada:open-sesame@127.0.0.1:1/none", patience_ms=100)
    assert "cannot be reached" in raised.value.message
    assert "open-sesame" not in raised.value.message


def test_a_missing_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ConfigError, match=r"roomful\[postgresql\]"):
        open_database("postgres://ada@127.0.0.1/none")


def test_sqlite_is_durable_and_private(tmp_path: Path) -> None:
    path = tmp_path / "new" / "roomful.db"
    database = open_database(file_url(path))
    with database.engine.connect() as connection:
        found = {
            name: connection.scalar(text(f"PRAGMA {name}")) for name in ("journal_mode", "synchronous", "foreign_keys")
        }
        assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
        assert {stat.S_IMODE(one.stat().st_mode) for one in path.parent.iterdir()} == {0o600}
    database.close()


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "roomful.db"
    path.write_bytes(b"this is a letter to my aunt, and no database at all" * 100)
    with pytest.raises(ConfigError, match="not a database"):
        open_database(file_url(path))


def test_a_damaged_database(tmp_path: Path) -> None:
    path = tmp_path / "roomful.db"
    open_database(file_url(path)).close()
    whole = bytearray(path.read_bytes())
    whole[100:4096] = b"\xff" * 3996
    path.write_bytes(whole)
    with pytest.raises(ConfigError, match="damaged"):
        open_database(file_url(path))


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    tmp_path.joinpath("file").touch()
    with pytest.raises(ConfigError, match="cannot be used"):
        open_database(file_url(tmp_path / "file" / "roomful.db"))


def test_a_database_that_another_program_holds(tmp_path: Path) -> None:
    url = file_url(tmp_path / "roomful.db")
    open_database(url).close()
    other = sqlite3.connect(tmp_path / "roomful.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(ConfigError, match="another program holds"):
        open_database(url, patience_ms=10)
    other.close()


@pytest.mark.asyncio
async def test_a_lock_that_comes_and_goes(tmp_path: Path) -> None:
    database = open_database(file_url(tmp_path / "roomful.db"), patience_ms=10)
    other = sqlite3.connect(tmp_path / "roomful.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert (await refused(database)).code == "storage_locked"
    other.execute("COMMIT")
    other.close()
    await database.write(put("a"))
    database.close()


@pytest.mark.asyncio
async def test_a_full_disk_that_gets_room_again(tmp_path: Path) -> None:
    database = open_database(file_url(tmp_path / "roomful.db"))

    def limit(pages: int) -> None:
        # SQLite's own way to be full; it holds for a connection, and the writer has one.
        with database.engine.connect() as connection:
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    limit(1)
    assert (await refused(database, "a" * 100_000)).code == "storage_full"
    limit(1_000_000)
    await database.write(put("a" * 100_000))
    database.close()


@pytest.mark.asyncio
async def test_a_postgresql_connection_that_is_lost(postgres: pg.Cluster) -> None:
    url = postgres.database()
    database = open_database(url)

    def who(connection: Connection) -> int:
        return connection.scalar(text("SELECT pg_backend_pid()")) or 0

    victim = await database.write(who)
    await database.read(lambda connection: connection.execute(text(f"SELECT pg_terminate_backend({victim:d})")))
    assert await database.write(who) != victim
    database.close()


@pytest.mark.asyncio
async def test_the_queue_is_bounded(tmp_path: Path) -> None:
    database = open_database(file_url(tmp_path / "roomful.db"))
    lane = Lane(database.engine, "test", limit=3)
    begun, gate = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def hold(_: Connection) -> None:
        loop.call_soon_threadsafe(begun.set)
        asyncio.run_coroutine_threadsafe(gate.wait(), loop).result()

    held = asyncio.create_task(lane.call(hold))
    await begun.wait()
    for _ in range(3):
        lane.post(lambda _: None)
    with pytest.raises(Unavailable) as raised:
        lane.post(lambda _: None)
    assert raised.value.code == "overloaded"
    gate.set()
    await held
    lane.close()
    database.close()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_killed_process_loses_nothing_acknowledged(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """A child writes and says what was acknowledged, until it is killed with SIGKILL; 6 times into the same database."""
    url = file_url(tmp_path / "roomful.db") if kind == "sqlite" else request.getfixturevalue("postgres").database()
    done = subprocess.run(
        [sys.executable, str(HERE / "killed.py"), url, "6"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    rounds, acknowledged = (int(one) for one in done.stdout.split())
    assert rounds == 6 and acknowledged > 6
