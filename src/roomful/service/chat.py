"""Chat that is kept: said by REST or by a program and then told to the room, or heard in the room and then kept.

Called by `edge.chat`, by `app` for programs, and by rooms (`service.actor`) for what their people say in a client's own protocol. What is
said by REST is durable before anybody hears of it. Whose token allows what is the caller's to see to.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from roomful.core.chat import (
    NOTHING,
    PAGE,
    Message,
    checked_days,
    checked_emoji,
    checked_id,
    checked_mentions,
    checked_text,
)
from roomful.core.errors import Invalid, RoomfulError
from roomful.ports import Clock
from roomful.ports.chat import ChatHooks, ChatRequest, ChatStore, ChatWire, Said
from roomful.service.actor import RoomActor

log = logging.getLogger("roomful.chat")

RoomByName = Callable[[str], RoomActor | None]
PURGE_S = 3_600
MAX_IDENTITY = 256


@dataclass(frozen=True, slots=True)
class Author:
    """Who says something."""

    identity: str
    name: str = ""
    host: bool = False
    """May take back what others said."""


@dataclass(frozen=True, slots=True)
class History:
    messages: tuple[Message, ...]
    keep_days: int
    more: bool
    """There are others beyond them, in the direction that was asked for."""


class Chat:
    """All rooms' chat. Coroutines raise what `core.chat` and the store raise, and Denied when a hook refuses."""

    def __init__(
        self, store: ChatStore, wire: ChatWire, hooks: ChatHooks, clock: Clock, rooms: RoomByName, *, keep_days: int
    ) -> None:
        """`keep_days` holds for rooms that say nothing else."""
        self.store = store
        self.wire = wire
        self.hooks = hooks
        self._clock = clock
        self._rooms = rooms
        self._keep_days = keep_days
        self._days: dict[str, int] = {}
        self._purging: asyncio.Task[None] | None = None

    # What is asked

    async def post(
        self, room: str, author: Author, text: str, *, id: str, reply_to: str = "", mentions: tuple[str, ...] = ()
    ) -> tuple[Message, bool]:
        """The message, and whether it is new: the same id from the same author is said once. Kept before it is told."""
        said = Message(
            id=checked_id(id),
            room=room,
            sender=author.identity,
            name=author.name,
            text=checked_text(text),
            sent_at_ms=self._clock.now_ms(),
            reply_to=checked_id(reply_to) if reply_to else "",
            mentions=checked_mentions(mentions, MAX_IDENTITY),
        )
        if (known := await self._known(said)) is not None:
            return known, False
        said = replace(said, text=await self._judged(said))
        kept, new = said, True
        if await self.days(room) != NOTHING:
            kept, new = await self.store.add(said)
        if new:
            self._tell(kept, Said("post", kept.id, kept.sender, kept.text, kept.reply_to))
        return kept, new

    async def _known(self, said: Message) -> Message | None:
        """Hooks are not asked twice about one message. A clash of ids is the store's to refuse."""
        if not self.hooks.wants_chat:
            return None
        found = await self.store.get(said.room, said.id)
        return found if found is not None and found.sender == said.sender else None

    async def edit(self, room: str, author: Author, id: str, text: str) -> Message:
        """By its author."""
        text = checked_text(text)
        request = Message(id, room, author.identity, author.name, text, self._clock.now_ms())
        text = await self._judged(request, edits=True)
        edited = await self.store.edit(room, id, author.identity, text, self._clock.now_ms())
        self._tell(edited, Said("edit", id, author.identity, text, edited.reply_to))
        return edited

    async def delete(self, room: str, author: Author, id: str) -> Message:
        """By its author or a host."""
        gone = await self.store.delete(room, id, None if author.host else author.identity, self._clock.now_ms())
        self._tell(gone, Said("delete", id, gone.sender))
        return gone

    async def react(self, room: str, author: Author, id: str, emoji: str, *, on: bool) -> Message:
        emoji = checked_emoji(emoji)
        message = await self.store.react(room, id, author.identity, emoji, self._clock.now_ms(), on=on)
        self._tell(message, Said("react", id, author.identity, emoji, id) if on else None)
        return message

    async def history(
        self, room: str, *, before: int | None = None, after: int | None = None, limit: int = PAGE
    ) -> History:
        """The newest, those before a `seq`, or the next after one; oldest first."""
        if not 0 < limit <= PAGE:
            raise Invalid(f"a page has 1 to {PAGE} messages", code="limit_invalid")
        found = await self.store.history(room, before=before, after=after, limit=limit + 1)
        more = len(found) > limit
        page = found[:limit] if after is not None else found[-limit:]
        return History(tuple(page), await self.days(room), more)

    async def days(self, room: str) -> int:
        """How long a room's messages are kept: days, `FOREVER` or `NOTHING`."""
        if (known := self._days.get(room)) is not None:
            return known
        own = await self.store.keep_days(room)
        return self._remember(room, self._keep_days if own is None else own)

    async def set_days(self, room: str, days: int) -> None:
        """`NOTHING` also removes what was kept so far."""
        await self.store.set_keep_days(room, checked_days(days))
        self._remember(room, days)
        if days == NOTHING:
            await self.store.clear(room)

    def _remember(self, room: str, days: int) -> int:
        if len(self._days) >= 10_000:
            self._days.clear()
        self._days[room] = days
        return days

    # What was heard

    async def heard(self, room: str, said: Said, name: str) -> None:
        """A client said it in its own protocol and everybody has heard it: it is kept, and told to pages as it stands. Never raises."""
        try:
            message = await self._keep(room, said, name)
        except RoomfulError as error:
            # Not ours to refuse any more: an edit of what was not kept, a sign too long.
            log.debug("room %s: chat that was not kept: %s", room, error)
            return
        if message is not None:
            self._tell(message, None)

    async def _keep(self, room: str, said: Said, name: str) -> Message | None:
        if await self.days(room) == NOTHING:
            return None
        now = self._clock.now_ms()
        match said.kind:
            case "edit":
                return await self.store.edit(room, said.id, said.sender, checked_text(said.text), now)
            case "delete":
                return await self.store.delete(room, said.id, said.sender, now)
            case "react":
                return await self.store.react(room, said.id, said.sender, checked_emoji(said.text), now, on=True)
            case _:
                reply_to = checked_id(said.reply_to) if said.reply_to else ""
                text = checked_text(said.text)
                message = Message(checked_id(said.id), room, said.sender, name, text, now, reply_to=reply_to)
                return (await self.store.add(message))[0]

    # Telling

    def _tell(self, message: Message, said: Said | None) -> None:
        """To pages its state; to other clients, who did it excepted, what happened in their own words."""
        actor = self._rooms(message.room)
        if actor is None or actor.closed:
            return
        if message.seq:
            actor.send_data(self.wire.state(message), "reliable")
        if said is None:
            return
        speaker = actor.by_identity(said.sender)
        # A host may have deleted it: then its author has to hear of it.
        told = None if said.kind == "delete" else speaker
        others = tuple(one.sid for one in actor.participants() if one is not told)
        if not others:
            return
        at_ms = self._clock.now_ms() if said.kind != "post" else message.sent_at_ms
        for packet in self.wire.write(said, speaker.sid if speaker else "", at_ms, changed=said.kind == "edit"):
            actor.send_data(packet, "reliable", others)

    def now_ms(self) -> int:
        return self._clock.now_ms()

    async def _judged(self, message: Message, *, edits: bool = False) -> str:
        if not self.hooks.wants_chat:
            return message.text
        request = ChatRequest(
            message.room,
            message.id,
            message.sender,
            message.name,
            message.text,
            message.reply_to,
            message.mentions,
            edits,
        )
        return checked_text(await self.hooks.judge(request))

    # Old messages

    def start(self) -> None:
        """In the running loop: removes old messages now and every hour."""
        self._purging = asyncio.create_task(self._purge(), name="old chat")

    async def stop(self) -> None:
        if self._purging is not None:
            self._purging.cancel()
            await asyncio.gather(self._purging, return_exceptions=True)

    async def _purge(self) -> None:
        while True:
            try:
                await self.store.purge(self._keep_days, self._clock.now_ms())
            except RoomfulError as error:
                log.warning("old messages were not removed: %s", error)
            await asyncio.sleep(PURGE_S)
