"""What keeps chat, says it in a protocol and judges it. Filled by `storage.chat`, `edge.livekit.chat` and `plugins.chat`, called by `service.chat`.

Every coroutine of a store raises Unavailable when the database fails.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from roomful.core.chat import Message
from roomful.core.errors import Denied


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


@dataclass(frozen=True, slots=True)
class Said:
    """What a client's packet does to a room's chat, in our words: a message, or a change of one."""

    kind: str
    """`post`, `edit`, `delete` or `react`"""
    id: str
    sender: str
    """Identity; empty when nobody shall know."""
    text: str = ""
    """Of a reaction its sign."""
    reply_to: str = ""
    to: tuple[str, ...] = ()
    """Identities, when it is for some alone: then it is not kept."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The first packet of a text stream; what it says comes when the last part is there."""

    stream: str
    said: Said


@dataclass(frozen=True, slots=True)
class Part:
    stream: str
    content: bytes
    ends: bool = False
    broken: bool = False
    """Its sender gave up."""


class ChatWire(Protocol):
    """A protocol's way to say chat. Pure."""

    @property
    def topics(self) -> tuple[str, ...]:
        """What the engine is asked to watch, or to hold."""
        ...

    def read(self, packet: bytes) -> Said | Opened | Part | None:
        """None for what is no chat."""
        ...

    def write(self, said: Said, sender_sid: str, at_ms: int, *, changed: bool) -> list[bytes]:
        """Packets for clients that know no more than the protocol; none where it has no words for it."""
        ...

    def state(self, message: Message) -> bytes:
        """A packet that tells a message as it is now, for our own page."""
        ...


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """Somebody wants to say something: what the hook `on_message` is asked. Return `message.change(text)` to have it said otherwise."""

    room: str
    id: str
    sender: str
    name: str
    text: str
    reply_to: str = ""
    mentions: tuple[str, ...] = ()
    edits: bool = False
    """It changes a message that was said before."""
    private: bool = False

    def change(self, text: str) -> ChatRequest:
        """A copy with other words."""
        return replace(self, text=text)

    def refuse(self, reason: str) -> Denied:
        """To be raised: `raise message.refuse("no links, please")`; the reason may be shown to the person."""
        return Denied(reason)


class ChatHooks(Protocol):
    """Python code of the user's, about chat."""

    @property
    def wants_chat(self) -> bool:
        """Whether messages must wait for an answer."""
        ...

    async def judge(self, request: ChatRequest) -> str:
        """The text to say. Raises Denied; an error or a missed deadline in a hook denies."""
        ...
