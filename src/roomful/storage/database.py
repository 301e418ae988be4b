"""The database by its URL: opened, brought to the newest schema, worked on by one thread that writes and one that reads.

Opened by `app.storage`, used by the repositories beside this file. It knows no table.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from roomful.core.errors import ConfigError, RoomfulError
from roomful.storage.lane import Lane
from roomful.storage.migrate import migrate
from roomful.storage.trouble import told

T = TypeVar("T")

PATIENCE_MS = 5_000
"""How long another program may hold the database before we give up."""


class Database:
    """`write` and `read` are for the event loop; work runs in the database's threads and must touch nothing else."""

    def __init__(self, engine: Engine, readers: Engine) -> None:
        self.engine = engine
        self._readers = readers
        self._writer = Lane(engine, "roomful-store")
        # A batch of one: a long question does not hold the answers before it.
        self._reader = Lane(readers, "roomful-store-read", batch=1)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Runs `work(connection)` in a transaction and returns its result once that is durable. See `Lane.call`."""
        return await self._writer.call(work)

    def post(self, work: Callable[[Connection], object]) -> None:
        """Writes without waiting, for what may be lost. See `Lane.post`."""
        self._writer.post(work)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Sees every write that was acknowledged. See `Lane.call`."""
        return await self._reader.call(work)

    @property
    def waiting(self) -> int:
        """Writes that wait."""
        return self._writer.waiting

    def close(self) -> None:
        """Finishes what was asked. Blocks; safe to call twice."""
        self._writer.close()
        self._reader.close()
        self.engine.dispose()
        self._readers.dispose()


def file_url(path: Path) -> str:
    """SQLite in a file."""
    return URL.create("sqlite", database=str(path)).render_as_string(hide_password=False)


def open_database(url: str, *, patience_ms: int = PATIENCE_MS) -> Database:
    """`sqlite:////absolute/path` or `postgresql://user:password@host/name`. Blocks while migrations run.

    Raises ConfigError (`database`), whose message holds no password.
    """
    found = _parsed(url)
    shown = found.render_as_string(hide_password=True)
    engines: list[Engine] = []
    try:
        if found.get_backend_name() == "sqlite":
            engines += _sqlite(found, patience_ms)
        else:
            engines.append(_postgresql(found, patience_ms))
        with engines[0].begin() as connection:
            migrate(connection)
        return Database(engines[0], engines[-1])
    except (SQLAlchemyError, RoomfulError) as error:
        for engine in engines:
            engine.dispose()
        trouble = told(error)
        why = trouble.message if isinstance(trouble, RoomfulError) else str(trouble)
        raise ConfigError(f"the database {shown} cannot be used: {why}", code="database") from None
    except OSError as error:
        raise ConfigError(f"the database {shown} cannot be used: {error.strerror}", code="database") from None


def _parsed(url: str) -> URL:
    expected = "the database is named as sqlite:////path/to/file.db or postgresql://user:password@host/name"
    try:
        found = make_url(url)
    except ArgumentError:
        raise ConfigError(expected, code="database") from None
    match found.drivername:
        case "sqlite":
            if not found.database or found.database == ":memory:":
                raise ConfigError(expected, code="database")
            return found
        case "postgresql" | "postgres" | "postgresql+psycopg":
            return found.set(drivername="postgresql+psycopg")
        case _:
            raise ConfigError(expected, code="database")


def _sqlite(url: URL, patience_ms: int) -> tuple[Engine, Engine]:
    """One engine whose transactions take the write lock at once, and one that only reads."""
    path = Path(url.database or "")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # SQLite's other files take their mode from this one.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))

    def opened(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
        # The driver begins no transactions of its own: those would leave out DDL and reads.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {patience_ms:d}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA journal_size_limit = 67108864")
        cursor.close()

    made: list[Engine] = []
    for begin in ("BEGIN IMMEDIATE", "BEGIN"):
        engine = create_engine(url, pool_size=1, max_overflow=1)
        event.listen(engine, "connect", opened)

        def begun(connection: Connection, begin: str = begin) -> None:
            connection.exec_driver_sql(begin)

        event.listen(engine, "begin", begun)
        made.append(engine)
    return made[0], made[1]


def _postgresql(url: URL, patience_ms: int) -> Engine:
    try:
        engine = create_engine(
            url,
            pool_size=2,
            max_overflow=1,
            connect_args={
                "connect_timeout": max(2, patience_ms // 1000),
                "application_name": "roomful",
                # Acknowledged means durable, whatever the server's own default.
                "options": f"-c lock_timeout={patience_ms:d} -c synchronous_commit=on",
            },
        )
    except (ImportError, NoSuchModuleError):
        raise ConfigError("PostgreSQL needs psycopg: pip install 'roomful[postgresql]'", code="database") from None
    return engine
