"""What keeps chat. Filled by `storage.chat`, called by `service.chat`. Every coroutine raises Unavailable when the database fails."""

from __future__ import annotations

from typing import Protocol

from roomful.core.chat import Message


class ChatStore(Protocol):
    """Messages by room and id. What a coroutine returns is durable."""

    async def add(self, message: Message) -> tuple[Message, bool]:
        """The message as it is kept, and whether it is new. The same id of the same sender again adds nothing.

        Raises AlreadyExists (`message_id_taken`) when somebody else has the id.
        """
        ...

    async def edit(self, room: str, id: str, sender: str, text: str, at_ms: int) -> Message:
        """By its sender alone. Raises NotFound (`message_not_found`; also when it is deleted), NotAllowed."""
        ...

    async def delete(self, room: str, id: str, sender: str | None, at_ms: int) -> Message:
        """By its sender, or by a host (None). Its place stays, its text and reactions go. Raises NotFound, NotAllowed."""
        ...

    async def react(self, room: str, id: str, identity: str, emoji: str, at_ms: int, *, on: bool) -> Message:
        """Twice is once. Raises NotFound, LimitExceeded (`too_many_reactions`)."""
        ...

    async def get(self, room: str, id: str) -> Message | None: ...

    async def history(
        self, room: str, *, before: int | None = None, after: int | None = None, limit: int
    ) -> list[Message]:
        """In the order of `seq`: the last ones, those before a `seq`, or the first ones after it."""
        ...

    async def keep_days(self, room: str) -> int | None:
        """What `set_keep_days` said of this room; None when nothing."""
        ...

    async def set_keep_days(self, room: str, days: int) -> None: ...

    async def purge(self, default_days: int, now_ms: int) -> int:
        """Removes what is older than its room's days, or than the default's; how many messages went."""
        ...

    async def clear(self, room: str) -> int:
        """Removes all messages of a room."""
        ...
