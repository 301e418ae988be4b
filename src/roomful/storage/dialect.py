"""The few statements that SQLite and PostgreSQL spell differently. Called by the repositories, with their tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

Row = Mapping[str, Any]


def insert_new(connection: Connection, table: Table, row: Row) -> bool:
    """Adds a row, unless a key of it is taken; whether it did."""
    if connection.dialect.name == "postgresql":
        statement = postgresql.insert(table).values(dict(row)).on_conflict_do_nothing()
    else:
        statement = sqlite.insert(table).values(dict(row)).on_conflict_do_nothing()
    return connection.execute(statement, execution_options={"preserve_rowcount": True}).rowcount > 0


def upsert(connection: Connection, table: Table, row: Row, keys: Sequence[str]) -> None:
    """Adds a row, or gives the one with these keys the new values."""
    rest = {name: value for name, value in row.items() if name not in keys}
    if connection.dialect.name == "postgresql":
        statement = postgresql.insert(table).values(dict(row))
        connection.execute(statement.on_conflict_do_update(index_elements=list(keys), set_=rest))
    else:
        statement = sqlite.insert(table).values(dict(row))
        connection.execute(statement.on_conflict_do_update(index_elements=list(keys), set_=rest))
