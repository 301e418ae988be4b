"""What all tables share: one `metadata`, column types, names of constraints. Each noun's file here adds its own tables.

Times are milliseconds since 1970, ids are text, and everything that comes from people has a length that its noun's rules bound.
"""

from __future__ import annotations

from sqlalchemy import JSON, MetaData
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)
"""SQLite can only drop constraints that have a name."""

JsonValue = JSON().with_variant(JSONB(), "postgresql")
"""A JSON value: text in SQLite, jsonb in PostgreSQL."""
