"""Messages in the database. Implements `ports.chat.ChatStore`; every rule but whose message it is stands in `core.chat`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    RowMapping,
    Table,
    Text,
    UniqueConstraint,
    and_,
    cast,
    delete,
    func,
    select,
    update,
)

from roomful.core.chat import FOREVER, MAX_REACTIONS, Message
from roomful.core.errors import AlreadyExists, LimitExceeded, NotAllowed, NotFound
from roomful.storage.database import Database
from roomful.storage.dialect import insert_new, upsert
from roomful.storage.schema import JsonValue, metadata

DAY_MS = 86_400_000

messages = Table(
    "chat_messages",
    metadata,
    # SQLite counts by itself in a column of this very type only.
    Column("seq", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True),
    Column("room", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("sender", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("sent_at_ms", BigInteger, nullable=False),
    Column("edited_at_ms", BigInteger),
    Column("deleted", Boolean, nullable=False),
    Column("reply_to", Text, nullable=False),
    Column("mentions", JsonValue, nullable=False),
    UniqueConstraint("room", "id"),
    Index("ix_chat_messages_room_seq", "room", "seq"),
    Index("ix_chat_messages_sent_at_ms", "sent_at_ms"),
    # A number is never given twice, also not after the newest message went.
    sqlite_autoincrement=True,
)

reactions = Table(
    "chat_reactions",
    metadata,
    Column("room", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("emoji", Text, nullable=False),
    Column("identity", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("room", "message", "emoji", "identity"),
    ForeignKeyConstraint(["room", "message"], ["chat_messages.room", "chat_messages.id"], ondelete="CASCADE"),
)

policies = Table(
    "chat_policies",
    metadata,
    Column("room", Text, primary_key=True),
    Column("keep_days", Integer, nullable=False),
)


class ChatTables:
    """Implements `ports.chat.ChatStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, message: Message) -> tuple[Message, bool]:
        def work(connection: Connection) -> tuple[Message, bool]:
            new = insert_new(connection, messages, _row(message))
            kept = _get(connection, message.room, message.id)
            if kept is None:
                raise NotFound("the message is gone", code="message_not_found")
            if kept.sender != message.sender:
                raise AlreadyExists("another message has this id", code="message_id_taken")
            return kept, new

        return await self._database.write(work)

    async def edit(self, room: str, id: str, sender: str, text: str, at_ms: int) -> Message:
        def work(connection: Connection) -> Message:
            _own(connection, room, id, sender)
            connection.execute(update(messages).where(_is(room, id)).values(text=text, edited_at_ms=at_ms))
            return _require(connection, room, id)

        return await self._database.write(work)

    async def delete(self, room: str, id: str, sender: str | None, at_ms: int) -> Message:
        def work(connection: Connection) -> Message:
            _own(connection, room, id, sender)
            gone: dict[str, Any] = {"text": "", "mentions": [], "deleted": True, "edited_at_ms": at_ms}
            connection.execute(update(messages).where(_is(room, id)).values(gone))
            connection.execute(delete(reactions).where(_of(room, id)))
            return _require(connection, room, id)

        return await self._database.write(work)

    async def react(self, room: str, id: str, identity: str, emoji: str, at_ms: int, *, on: bool) -> Message:
        def work(connection: Connection) -> Message:
            message = _require(connection, room, id)
            if message.deleted:
                raise NotFound("the message was deleted", code="message_not_found")
            if on:
                there = identity in message.reactions.get(emoji, ())
                if not there and sum(len(who) for who in message.reactions.values()) >= MAX_REACTIONS:
                    raise LimitExceeded(f"a message has at most {MAX_REACTIONS} reactions", code="too_many_reactions")
                row = {"room": room, "message": id, "emoji": emoji, "identity": identity, "at_ms": at_ms}
                insert_new(connection, reactions, row)
            else:
                mine = and_(reactions.c.emoji == emoji, reactions.c.identity == identity)
                connection.execute(delete(reactions).where(_of(room, id), mine))
            return _require(connection, room, id)

        return await self._database.write(work)

    async def get(self, room: str, id: str) -> Message | None:
        return await self._database.read(lambda connection: _get(connection, room, id))

    async def history(
        self, room: str, *, before: int | None = None, after: int | None = None, limit: int
    ) -> list[Message]:
        def work(connection: Connection) -> list[Message]:
            query = select(messages).where(messages.c.room == room).limit(limit)
            if before is not None:
                query = query.where(messages.c.seq < before)
            if after is not None:
                query = query.where(messages.c.seq > after).order_by(messages.c.seq)
                return _messages(connection, connection.execute(query).mappings().all())
            rows = connection.execute(query.order_by(messages.c.seq.desc())).mappings().all()
            return _messages(connection, rows[::-1])

        return await self._database.read(work)

    async def keep_days(self, room: str) -> int | None:
        query = select(policies.c.keep_days).where(policies.c.room == room)
        return await self._database.read(lambda connection: connection.scalar(query))

    async def set_keep_days(self, room: str, days: int) -> None:
        row = {"room": room, "keep_days": days}
        await self._database.write(lambda connection: upsert(connection, policies, row, ["room"]))

    async def purge(self, default_days: int, now_ms: int) -> int:
        own = select(policies.c.keep_days).where(policies.c.room == messages.c.room).scalar_subquery()
        days = func.coalesce(cast(own, BigInteger), default_days)
        old = and_(days != FOREVER, messages.c.sent_at_ms < now_ms - days * DAY_MS)
        return await self._database.write(lambda connection: connection.execute(delete(messages).where(old)).rowcount)

    async def clear(self, room: str) -> int:
        all_of_it = delete(messages).where(messages.c.room == room)
        return await self._database.write(lambda connection: connection.execute(all_of_it).rowcount)


def _is(room: str, id: str) -> Any:
    return and_(messages.c.room == room, messages.c.id == id)


def _of(room: str, id: str) -> Any:
    return and_(reactions.c.room == room, reactions.c.message == id)


def _own(connection: Connection, room: str, id: str, sender: str | None) -> None:
    message = _require(connection, room, id)
    if sender is not None and message.sender != sender:
        raise NotAllowed("this is somebody else's message")
    if message.deleted:
        raise NotFound("the message was deleted", code="message_not_found")


def _require(connection: Connection, room: str, id: str) -> Message:
    if (found := _get(connection, room, id)) is None:
        raise NotFound("no such message", code="message_not_found")
    return found


def _get(connection: Connection, room: str, id: str) -> Message | None:
    row = connection.execute(select(messages).where(_is(room, id))).mappings().one_or_none()
    return None if row is None else _messages(connection, [row])[0]


def _messages(connection: Connection, rows: Sequence[RowMapping]) -> list[Message]:
    """With the reactions of all of them, in one question."""
    if not rows:
        return []
    query = select(reactions).where(
        reactions.c.room == rows[0]["room"], reactions.c.message.in_([row["id"] for row in rows])
    )
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for one in connection.execute(query.order_by(reactions.c.at_ms, reactions.c.identity)).mappings():
        signs = found.setdefault(one["message"], {})
        signs[one["emoji"]] = (*signs.get(one["emoji"], ()), one["identity"])
    return [_message(row, found.get(row["id"], {})) for row in rows]


def _message(row: RowMapping, signs: dict[str, tuple[str, ...]]) -> Message:
    return Message(
        id=row["id"],
        room=row["room"],
        sender=row["sender"],
        name=row["name"],
        text=row["text"],
        sent_at_ms=row["sent_at_ms"],
        seq=row["seq"],
        edited_at_ms=row["edited_at_ms"],
        deleted=row["deleted"],
        reply_to=row["reply_to"],
        mentions=tuple(row["mentions"]),
        reactions=signs,
    )


def _row(message: Message) -> dict[str, Any]:
    return {
        "room": message.room,
        "id": message.id,
        "sender": message.sender,
        "name": message.name,
        "text": message.text,
        "sent_at_ms": message.sent_at_ms,
        "edited_at_ms": message.edited_at_ms,
        "deleted": message.deleted,
        "reply_to": message.reply_to,
        "mentions": list(message.mentions),
    }
