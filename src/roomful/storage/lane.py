"""A thread that works on the database, one batch in one transaction, from a bounded queue. Made by `database`, twice: to write and to read.

What is asked together is committed together, so that many small writes cost one sync of the disk. Who asked is answered when the
commit is done and never before.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, cast

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from roomful.core.errors import RoomfulError, Unavailable
from roomful.storage.trouble import told

log = logging.getLogger("roomful.storage")

T = TypeVar("T")

BATCH = 200
QUEUE = 10_000
"""Works that wait; more are refused (`overloaded`)."""


@dataclass(slots=True)
class _Job:
    work: Callable[[Connection], object]
    future: asyncio.Future[object] | None
    """Of the loop that waits; nobody waits for what was posted."""
    result: object = None
    error: Exception | None = None


class Lane:
    """Its thread begins with the first work. `call` and `post` may come from any thread."""

    def __init__(self, engine: Engine, name: str, *, batch: int = BATCH, limit: int = QUEUE) -> None:
        self._engine = engine
        self._name = name
        self._batch = batch
        self._limit = limit
        self._jobs: deque[_Job] = deque()
        self._ready = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    async def call(self, work: Callable[[Connection], T]) -> T:
        """What `work` returns, once it is committed. It may run twice (after a rollback), so it touches nothing but the database.

        Raises what it raised, or Unavailable (`storage_full`, `storage_locked` …, `overloaded`, `shutting_down`).
        """
        future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._put(_Job(work, future))
        return cast("T", await future)

    def post(self, work: Callable[[Connection], object]) -> None:
        """Like `call`, but nobody waits; trouble is logged. Raises Unavailable (`overloaded`, `shutting_down`)."""
        self._put(_Job(work, None))

    @property
    def waiting(self) -> int:
        return len(self._jobs)

    def close(self) -> None:
        """Returns when everything asked before is done."""
        with self._ready:
            self._closed = True
            self._ready.notify()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _put(self, job: _Job) -> None:
        with self._ready:
            if self._closed:
                raise Unavailable("the database is closed", code="shutting_down")
            if len(self._jobs) >= self._limit:
                raise Unavailable("the database has more to do than it can", code="overloaded")
            self._jobs.append(job)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
            self._ready.notify()

    def _run(self) -> None:
        while batch := self._take():
            self._commit(batch)
            _settle(batch)

    def _take(self) -> list[_Job]:
        """What waits, up to a batch; empty when all is done and closed."""
        with self._ready:
            while not self._jobs and not self._closed:
                self._ready.wait()
            return [self._jobs.popleft() for _ in range(min(self._batch, len(self._jobs)))]

    def _commit(self, batch: list[_Job]) -> None:
        try:
            if self._together(batch, one_by_one=False):
                return
            # One of them failed, or the connection was lost: the others must not suffer.
            if not self._together(batch, one_by_one=True):
                raise Unavailable("the database cannot be reached", code="storage_gone")
        except Exception as error:  # noqa: BLE001 — whoever asked is told
            for job in batch:
                job.error = job.error or told(error)

    def _together(self, batch: list[_Job], *, one_by_one: bool) -> bool:
        """One transaction. False when it was rolled back and may be tried again; raises when the commit itself failed."""
        committing = False
        try:
            with self._engine.connect() as connection, connection.begin():
                for job in batch:
                    if one_by_one:
                        _alone(job, connection)
                    else:
                        job.result = job.work(connection)
                committing = True
        except Exception as error:
            # After a lost commit nobody knows whether it happened: trying again could do it twice.
            if committing or one_by_one or _hopeless(error):
                raise
            return False
        return True


def _hopeless(error: Exception) -> bool:
    """Whether the database itself fails (full, locked …), so that trying again would only take longer. A lost connection is replaced."""
    trouble = told(error)
    return isinstance(error, DBAPIError) and isinstance(trouble, Unavailable) and trouble.code != "storage_gone"


def _alone(job: _Job, connection: Connection) -> None:
    """Within a savepoint: what it did is undone when it fails, and the transaction goes on."""
    savepoint = connection.begin_nested()
    try:
        job.result = job.work(connection)
        savepoint.commit()
    except Exception as error:
        # The savepoint is gone with the connection; and SQLite undoes the whole transaction when its disk is full.
        if connection.invalidated or _hopeless(error):
            raise
        savepoint.rollback()
        job.error = told(error)


def _settle(batch: list[_Job]) -> None:
    """Tells all who wait, in one call for each loop."""
    loops: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
    for job in batch:
        if job.future is not None:
            loops.setdefault(job.future.get_loop(), []).append(job)
        elif job.error is not None:
            if isinstance(job.error, RoomfulError):
                log.error("something was not kept: %s", job.error)
            else:
                log.error("something was not kept", exc_info=job.error)
    for loop, jobs in loops.items():
        try:
            loop.call_soon_threadsafe(_answer, jobs)
        except RuntimeError:
            continue  # The loop has ended: nobody waits.


def _answer(jobs: list[_Job]) -> None:
    for job in jobs:
        future = job.future
        if future is None or future.done():
            continue
        if job.error is not None:
            future.set_exception(job.error)
        else:
            future.set_result(job.result)
