"""A room's kept chat: what a message is, and what may be written, changed and taken back. Pure; used by `service.chat` and storage.

Messages are named by whoever writes them (LiveKit's clients make a UUID), so that writing one twice makes one. Sizes are bytes of UTF-8.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from roomful.core.errors import Invalid, LimitExceeded

MAX_TEXT = 32_000
MAX_ID = 64
MAX_MENTIONS = 50
MAX_EMOJI = 32
MAX_REACTIONS = 200
"""Of one message, all people and signs together."""
PAGE = 100
"""Most messages of one answer."""

FOREVER = -1
NOTHING = 0


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it is kept. `seq` orders the messages of a room, and grows with gaps."""

    id: str
    room: str
    sender: str
    """Identity."""
    name: str
    """The sender's, when it was written."""
    text: str
    """Empty once it was deleted."""
    sent_at_ms: int
    seq: int = 0
    edited_at_ms: int | None = None
    deleted: bool = False
    reply_to: str = ""
    """Id of another message of the room."""
    mentions: tuple[str, ...] = ()
    """Identities."""
    reactions: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Sign → identities, in the order they came."""


def as_json(message: Message) -> dict[str, object]:
    """A message as every edge shows it."""
    return {
        "id": message.id,
        "seq": message.seq,
        "room": message.room,
        "sender": message.sender,
        "name": message.name,
        "text": message.text,
        "sent_at_ms": message.sent_at_ms,
        "edited_at_ms": message.edited_at_ms,
        "deleted": message.deleted,
        "reply_to": message.reply_to,
        "mentions": list(message.mentions),
        "reactions": {emoji: list(who) for emoji, who in message.reactions.items()},
    }


def checked_text(text: str) -> str:
    """Without lone surrogates and NULs, which databases refuse. Raises Invalid, LimitExceeded (`message_size`)."""
    clean = "".join(c for c in text if c != "\x00" and not "\ud800" <= c <= "\udfff")
    if not clean.strip():
        raise Invalid("a message has some text", code="message_empty")
    if len(clean.encode()) > MAX_TEXT:
        raise LimitExceeded(f"a message has at most {MAX_TEXT} bytes", code="message_size")
    return clean


def checked_id(value: str) -> str:
    """Letters, digits and `-_.:` only, as UUIDs and LiveKit's ids are. Raises Invalid."""
    if not 0 < len(value) <= MAX_ID or not all(c.isascii() and (c.isalnum() or c in "-_.:") for c in value):
        raise Invalid(f"an id has 1 to {MAX_ID} letters, digits and -_.:", code="id_invalid")
    return value


def checked_mentions(identities: tuple[str, ...], max_identity: int) -> tuple[str, ...]:
    """Each once, in order. Raises LimitExceeded, Invalid."""
    found = tuple(dict.fromkeys(identities))
    if len(found) > MAX_MENTIONS:
        raise LimitExceeded(f"a message mentions at most {MAX_MENTIONS} people", code="too_many_mentions")
    if any(not one or "\x00" in one or len(one.encode("utf-8", "replace")) > max_identity for one in found):
        raise Invalid("a mention is an identity", code="mention_invalid")
    return found


def checked_emoji(emoji: str) -> str:
    """A short sign without spaces or control characters. Raises Invalid."""
    odd = any(c <= " " or c == "\x7f" or "\ud800" <= c <= "\udfff" for c in emoji)
    if not emoji or odd or len(emoji.encode("utf-8", "replace")) > MAX_EMOJI:
        raise Invalid(f"a reaction is a sign of at most {MAX_EMOJI} bytes", code="reaction_invalid")
    return emoji


def checked_days(days: int) -> int:
    """How long a room's messages are kept: days, `FOREVER` or `NOTHING`. Raises Invalid."""
    if not FOREVER <= days <= 36_500:
        raise Invalid("messages are kept for 0 to 36500 days, or forever (-1)", code="policy_invalid")
    return days
