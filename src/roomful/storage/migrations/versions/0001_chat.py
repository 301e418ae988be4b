"""Chat: messages, reactions to them, and how long each room keeps them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "chat_messages",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("room", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("sent_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("edited_at_ms", sa.BigInteger()),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("reply_to", sa.Text(), nullable=False),
        sa.Column("mentions", sa.JSON().with_variant(JSONB(), "postgresql"), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_chat_messages"),
        sa.UniqueConstraint("room", "id", name="uq_chat_messages_room"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_chat_messages_room_seq", "chat_messages", ["room", "seq"])
    op.create_index("ix_chat_messages_sent_at_ms", "chat_messages", ["sent_at_ms"])
    op.create_table(
        "chat_reactions",
        sa.Column("room", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("emoji", sa.Text(), nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("room", "message", "emoji", "identity", name="pk_chat_reactions"),
        sa.ForeignKeyConstraint(
            ["room", "message"],
            ["chat_messages.room", "chat_messages.id"],
            name="fk_chat_reactions_room_chat_messages",
            ondelete="CASCADE",
        ),
    )
    op.create_table(
        "chat_policies",
        sa.Column("room", sa.Text(), nullable=False),
        sa.Column("keep_days", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("room", name="pk_chat_policies"),
    )
