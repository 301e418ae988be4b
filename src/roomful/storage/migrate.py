"""Brings a database to the newest schema, one revision after the other, in one transaction. Called once, when a database is opened.

Revisions are the files of `migrations/versions`. It never goes back: an older Roomful refuses a newer one's database.
"""

from __future__ import annotations

import logging
from pathlib import Path

from sqlalchemy import Connection, text

from roomful.core.errors import ConfigError

PLACE = Path(__file__).parent / "migrations"
LOCK = 0x726F6F6D
"""PostgreSQL's advisory lock, so that servers which start together migrate one after the other."""


def migrate(connection: Connection) -> None:
    """Within the transaction of `connection`. Raises ConfigError (`database_newer`)."""
    # Slow to import, and of no use once a server runs.
    from alembic import command
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    logging.getLogger("alembic").setLevel(logging.WARNING)
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    config = Config()
    config.set_main_option("script_location", str(PLACE).replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    found = set(MigrationContext.configure(connection).get_current_heads())
    if not found <= {revision.revision for revision in scripts.walk_revisions()}:
        raise ConfigError("a newer Roomful has used this database", code="database_newer")
    if found != set(scripts.get_heads()):
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
