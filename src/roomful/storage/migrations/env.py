"""Alembic's way in: runs revisions on the connection that `storage.migrate` hands over. Never connects by itself."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"], render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
