"""A database's errors → ours, with codes that programs may compare and words that say what to do. Pure; called by `database` and `lane`.

Codes: `storage_full`, `storage_locked`, `storage_damaged`, `storage_readonly`, `storage_gone` (all Unavailable), `conflict` (AlreadyExists).
"""

from __future__ import annotations

import sqlite3

from sqlalchemy.exc import DBAPIError, IntegrityError, TimeoutError

from roomful.core.errors import AlreadyExists, RoomfulError, Unavailable

_SQLITE = {
    sqlite3.SQLITE_FULL: ("storage_full", "the disk of the database is full"),
    sqlite3.SQLITE_BUSY: ("storage_locked", "another program holds the database"),
    sqlite3.SQLITE_LOCKED: ("storage_locked", "another program holds the database"),
    sqlite3.SQLITE_CORRUPT: ("storage_damaged", "the database file is damaged"),
    sqlite3.SQLITE_NOTADB: ("storage_damaged", "the database file is not a database"),
    sqlite3.SQLITE_READONLY: ("storage_readonly", "the database may not be written"),
    sqlite3.SQLITE_PERM: ("storage_readonly", "the database may not be written"),
    sqlite3.SQLITE_AUTH: ("storage_readonly", "the database may not be written"),
    sqlite3.SQLITE_CANTOPEN: ("storage_gone", "the database file cannot be opened"),
    sqlite3.SQLITE_IOERR: ("storage_gone", "the disk of the database fails"),
}
"""By primary result code (sqlite.org/rescode.html)."""

_POSTGRESQL = {
    "53100": ("storage_full", "the disk of the database is full"),
    "53200": ("storage_gone", "the database is out of memory"),
    "53300": ("storage_gone", "the database takes no more connections"),
    "55P03": ("storage_locked", "another program holds the database"),
    "40001": ("storage_locked", "another program changed the same at the same time"),
    "40P01": ("storage_locked", "another program changed the same at the same time"),
    "25006": ("storage_readonly", "the database may not be written"),
    "42501": ("storage_readonly", "the database user lacks a right"),
    "28000": ("storage_gone", "the database refuses this user"),
    "28P01": ("storage_gone", "the database refuses this password"),
    "3D000": ("storage_gone", "there is no such database"),
    "XX001": ("storage_damaged", "the database is damaged"),
    "XX002": ("storage_damaged", "the database is damaged"),
}
"""By SQLSTATE (PostgreSQL's documentation, appendix A)."""


def told(error: Exception) -> Exception:
    """What to raise in the place of a database's error; other errors come back as they are."""
    match error:
        case RoomfulError():
            return error
        case IntegrityError():
            return AlreadyExists("the database holds this, or something that contradicts it", code="conflict")
        case TimeoutError():
            return Unavailable("the database gives no connection", code="storage_gone")
        case DBAPIError():
            found = _told(error)
            return Unavailable(found[1], code=found[0]) if found else error
        case _:
            return error


def _told(error: DBAPIError) -> tuple[str, str] | None:
    origin = error.orig
    code = getattr(origin, "sqlite_errorcode", None)
    if isinstance(code, int):
        return _SQLITE.get(code & 0xFF)
    state = getattr(origin, "sqlstate", None)
    if isinstance(state, str):
        if state.startswith(("08", "57P")):
            return ("storage_gone", "the database cannot be reached")
        return _POSTGRESQL.get(state)
    if error.connection_invalidated or type(origin).__name__ == "OperationalError":
        # psycopg names no state when there is no server to give one.
        return ("storage_gone", "the database cannot be reached")
    return None
