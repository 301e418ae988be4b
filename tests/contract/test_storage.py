"""What every kind of database does: migrations, durable writes, batches in which one failure harms no other, clear errors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, Engine, insert, select, text
from sqlalchemy.exc import DBAPIError

import roomful.app.storage  # noqa: F401 - so that all tables are known
from roomful.core.errors import AlreadyExists, ConfigError, NotFound, Unavailable
from roomful.storage.chat import policies
from roomful.storage.database import Database, open_database
from roomful.storage.schema import metadata

pytestmark = pytest.mark.asyncio


def put(room: str) -> Callable[[Connection], int]:
    def work(connection: Connection) -> int:
        connection.execute(insert(policies).values(room=room, keep_days=1))
        return 1

    return work


def rooms(connection: Connection) -> list[str]:
    return list(connection.scalars(select(policies.c.room).order_by(policies.c.room)))


@contextmanager
def looked_at(engine: Engine) -> Iterator[list[str]]:
    """Notes what is sent to the database."""
    from sqlalchemy import event

    said: list[str] = []

    def note(*about: object) -> None:
        said.append(str(about[2]))

    def committed(_: Connection) -> None:
        said.append("COMMIT")

    event.listen(engine, "before_cursor_execute", note)
    event.listen(engine, "commit", committed)
    yield said
    event.remove(engine, "before_cursor_execute", note)
    event.remove(engine, "commit", committed)


async def test_what_is_written_is_read_and_survives(database_url: str) -> None:
    first = open_database(database_url)
    assert await first.write(put("a")) == 1
    assert await first.read(rooms) == ["a"]
    first.close()
    again = open_database(database_url)
    assert await again.read(rooms) == ["a"]
    again.close()


async def test_the_migrated_schema_is_what_the_tables_say(database: Database) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    def differences(connection: Connection) -> list[object]:
        return compare_metadata(MigrationContext.configure(connection), metadata)

    assert await database.read(differences) == []


async def test_a_newer_database_is_refused(database_url: str) -> None:
    database = open_database(database_url)
    await database.write(lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    database.close()
    with pytest.raises(ConfigError, match="newer Roomful") as raised:
        open_database(database_url)
    assert raised.value.code == "database"


async def test_writes_that_wait_together_are_committed_together(database: Database) -> None:
    gate = asyncio.Event()
    loop = asyncio.get_running_loop()
    with looked_at(database.engine) as said:
        # Holds the writer until all are in the queue.
        first = asyncio.create_task(
            database.write(lambda _: asyncio.run_coroutine_threadsafe(gate.wait(), loop).result())
        )
        others = [asyncio.create_task(database.write(put(f"room {n}"))) for n in range(100)]
        await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(first, *others)
        assert said.count("COMMIT") <= 3
    assert len(await database.read(rooms)) == 100


async def test_one_failure_harms_no_other(database: Database) -> None:
    def fails(connection: Connection) -> None:
        put("half")(connection)
        raise NotFound("no such thing")

    works = [put("a"), fails, put("b"), put("a"), put("c")]
    found = await asyncio.gather(*(database.write(work) for work in works), return_exceptions=True)
    assert found[0] == found[2] == found[4] == 1
    assert isinstance(found[1], NotFound)
    assert isinstance(found[3], AlreadyExists) and found[3].code == "conflict"
    assert await database.read(rooms) == ["a", "b", "c"]


async def test_a_fault_in_the_program_reaches_who_asked(database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        await database.write(lambda _: 1 // 0)
    with pytest.raises(DBAPIError):
        await database.write(lambda connection: connection.execute(text("SELECT nonsense FROM nowhere")))
    assert await database.write(put("after")) == 1


async def test_a_caller_that_gives_up_harms_nothing(database: Database) -> None:
    task = asyncio.create_task(database.write(put("a")))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await database.write(put("b"))
    assert await database.read(rooms) == ["a", "b"]


async def test_posted_work_is_done_before_the_end(database_url: str) -> None:
    database = open_database(database_url)
    for n in range(50):
        database.post(put(f"{n:02}"))
    database.post(lambda _: 1 // 0)
    await asyncio.to_thread(database.close)
    with pytest.raises(Unavailable) as raised:
        database.post(put("late"))
    assert raised.value.code == "shutting_down"
    again = open_database(database_url)
    assert len(await again.read(rooms)) == 50
    again.close()


async def test_a_read_does_not_wait_for_a_write(database: Database) -> None:
    gate = asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(connection: Connection) -> None:
        put("slow")(connection)
        asyncio.run_coroutine_threadsafe(gate.wait(), loop).result()

    writing = asyncio.create_task(database.write(slow))
    assert await database.read(rooms) == []
    gate.set()
    await writing
    assert await database.read(rooms) == ["slow"]
