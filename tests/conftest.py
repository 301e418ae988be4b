"""What all tests share: databases of both kinds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import postgres as pg
import pytest

from roomful.storage.database import Database, file_url, open_database


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
