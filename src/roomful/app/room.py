"""A room as a user's program speaks to it: `roomful.room("tea").chat.send("hello")`. Made by `app.roomful`; holds nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

from roomful.core.chat import Message
from roomful.service.chat import Author, Chat


@dataclass(frozen=True, slots=True)
class RoomChat:
    """Coroutines raise RoomfulError."""

    room: str
    _chat: Callable[[], Chat]

    async def send(
        self,
        text: str,
        *,
        sender: str = "server",
        name: str = "",
        id: str | None = None,
        reply_to: str = "",
        mentions: tuple[str, ...] = (),
    ) -> Message:
        """Says something, kept before anybody hears it. With an `id` of yours, doing it again says nothing twice."""
        author = Author(sender, name or sender)
        message, _ = await self._chat().post(
            self.room, author, text, id=id or uuid4().hex, reply_to=reply_to, mentions=mentions
        )
        return message

    async def edit(self, id: str, text: str, *, sender: str = "server") -> Message:
        return await self._chat().edit(self.room, Author(sender), id, text)

    async def delete(self, id: str) -> Message:
        """Anybody's."""
        return await self._chat().delete(self.room, Author("server", host=True), id)

    async def react(self, id: str, emoji: str, *, sender: str = "server", on: bool = True) -> Message:
        return await self._chat().react(self.room, Author(sender), id, emoji, on=on)

    async def history(self, *, before: int | None = None, after: int | None = None, limit: int = 100) -> list[Message]:
        """Oldest first; the newest `limit` without `before` (a `seq`) and `after`."""
        return list((await self._chat().history(self.room, before=before, after=after, limit=limit)).messages)

    async def keep(self, days: int) -> None:
        """How long messages stay: days, 0 for nothing (what was kept goes now), -1 for ever."""
        await self._chat().set_days(self.room, days)


@dataclass(frozen=True, slots=True)
class RoomHandle:
    """It need not exist yet."""

    name: str
    chat: RoomChat
