"""Opens the database that the settings name, and the repositories on it. Called by `app.parts`, once per start."""

from __future__ import annotations

import logging
import tempfile
from dataclasses import dataclass
from pathlib import Path

from roomful.config.settings import Settings
from roomful.core.errors import ConfigError
from roomful.ports.chat import ChatStore
from roomful.storage.chat import ChatTables
from roomful.storage.database import Database, file_url, open_database

log = logging.getLogger("roomful.storage")

FILE = "roomful.db"


@dataclass(frozen=True, slots=True)
class Stores:
    """Everything that is kept, by its noun. Closed when the server has stopped."""

    database: Database
    chat: ChatStore

    def close(self) -> None:
        """Finishes what was asked. Blocks."""
        self.database.close()


def open_stores(settings: Settings) -> Stores:
    """Blocks while migrations run. Raises ConfigError (`database`), but in dev mode a database for this start will do."""
    database = _opened(settings)
    return Stores(database, ChatTables(database))


def _opened(settings: Settings) -> Database:
    if settings.database:
        return open_database(settings.database)
    try:
        return open_database(file_url(settings.data_dir.absolute() / FILE))
    except ConfigError as error:
        if not settings.dev:
            raise
        folder = Path(tempfile.mkdtemp(prefix="roomful-"))
        log.warning("%s; what is kept goes to %s until the server ends", error.message, folder)
        return open_database(file_url(folder / FILE))
