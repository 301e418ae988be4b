"""What all tests share: databases of both kinds."""

from __future__ import annotations

import inspect
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

# Hypothesis' plugin would import it at the very end of a run, where CPython 3.11 can fail ("AST constructor recursion depth mismatch").
import hypothesis  # noqa: F401
import postgres as pg
import pytest
import pytest_asyncio

from roomful.storage.database import Database, file_url, open_database


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Async fixtures live in the session's loop (pyproject.toml), so that tests can share a browser; their tests run there, too."""
    for item in items:
        if not isinstance(item, pytest.Function) or not pytest_asyncio.is_async_test(item):
            continue
        functions = [one.func for definitions in item._fixtureinfo.name2fixturedefs.values() for one in definitions]
        if any(inspect.iscoroutinefunction(one) or inspect.isasyncgenfunction(one) for one in functions):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.fixture(scope="session", autouse=True)
def no_native_thread_outlives_python() -> Iterator[None]:
    """LiveKit's client in Python is one for a process. A thread of its that calls into an interpreter which is ending aborts
    the process, so it ends before, once: whoever used it afterwards would wait for ever.
    """
    yield
    module = sys.modules.get("livekit.rtc._ffi_client")
    client = None if module is None else module.FfiClient._instance
    if client is not None:
        client._dispose()
        time.sleep(0.2)


@pytest.fixture(scope="session")
def postgres() -> Iterator[pg.Cluster]:
    """A PostgreSQL server. Skips where there is none, but not in CI, which installs it."""
    if (bin := pg.programs()) is None:
        assert not os.environ.get("CI"), "CI installs PostgreSQL"
        pytest.skip("PostgreSQL is not installed (on Debian: apt install postgresql)")
    with pg.cluster(bin) as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database, of each kind in turn."""
    if request.param == "sqlite":
        return file_url(tmp_path / "roomful.db")
    return request.getfixturevalue("postgres").database()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Opened, and at the newest schema."""
    opened = open_database(database_url)
    yield opened
    opened.close()
