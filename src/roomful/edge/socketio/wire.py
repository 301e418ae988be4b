"""RTCMultiConnection's words: what arrives from Socket.IO as Python values → checked ones. Pure; called by `session`.

Facts: rtcmulticonnection-server 1.3.3 and rtcmulticonnection 3.7.1. Ids may come as numbers and are taken as text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from roomful.core.errors import Invalid

MESSAGE_EVENT = "RTCMultiConnection-Message"
CUSTOM_EVENT = "RTCMultiConnection-Custom-Message"
MAX_MESSAGE = 64 * 1024
"""Bytes."""
MAX_NAME = 256
"""Characters of an id, a password, an event's name."""
MAX_EXTRA = 8 * 1024
"""Bytes of somebody's `extra` as JSON."""
MAX_PEOPLE = 1_000
"""In one room, whatever a page asks for."""
ADMIN = "admin"
"""Names the original's administrator, whom nobody may be here."""

RESERVED = frozenset(
    {
        "connect", "disconnect", "connect_error", "message", "error", "user-connected", "user-disconnected",
        "extra-data-updated", "get-remote-user-extra-data", "set-custom-socket-event-listener", "changed-uuid",
        "set-password", "disconnect-with", "close-entire-session", "check-presence", "is-valid-password",
        "get-public-rooms", "open-room", "join-room", "admin", "logs", "closed-entire-session",
        "set-isInitiator-true", "userid-already-taken", "user-not-found",
    }
)  # fmt: skip
"""Events that mean something; a page may not choose them for its own messages."""


@dataclass(frozen=True, slots=True)
class Entry:
    """The handshake's query."""

    user: str
    """Empty for any."""
    event: str
    """By which this page sends and receives messages."""
    custom: str
    closes_room: bool
    """The room ends with its owner."""
    most: int
    extra: object


def entry(query: Mapping[str, str]) -> Entry:
    """Raises Invalid."""
    try:
        extra: object = json.loads(query.get("extra") or "{}")
    except (ValueError, RecursionError):
        extra = {}
    most = query.get("maxParticipantsAllowed", "")
    return Entry(
        user=name(query.get("userid", "")),
        event=event(query.get("msgEvent") or MESSAGE_EVENT),
        custom=event(query.get("socketCustomEvent") or CUSTOM_EVENT),
        closes_room=query.get("autoCloseEntireSession") == "true",
        most=min(MAX_PEOPLE, int(most)) if most.isascii() and most.isdigit() and len(most) < 10 and int(most) else MAX_PEOPLE,
        extra=extra_of(extra),
    )  # fmt: skip


def name(value: object) -> str:
    """An id or a password. Raises Invalid."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = str(value)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > MAX_NAME:
        raise Invalid(f"an id is text of at most {MAX_NAME} characters")
    return value


def event(value: object) -> str:
    """Raises Invalid."""
    text = name(value)
    if not text or text in RESERVED:
        raise Invalid("this event's name is taken")
    return text


def table(value: object) -> dict[str, object]:
    """A JSON object. Raises Invalid."""
    if not isinstance(value, dict):
        raise Invalid("an object was expected")
    return cast("dict[str, object]", value)


def fields(value: object) -> dict[str, object]:
    """A copy of an object; empty for anything else."""
    return dict(cast("dict[str, object]", value)) if isinstance(value, dict) else {}


def size(value: object) -> int:
    """As JSON. Raises Invalid for what browsers would not read: NaN, bytes, what is nested too deeply."""
    try:
        return len(json.dumps(value, allow_nan=False))
    except (ValueError, TypeError, RecursionError):
        raise Invalid("this is not JSON") from None


def extra_of(value: object) -> object:
    """Raises Invalid."""
    if size(value) > MAX_EXTRA:
        raise Invalid(f"`extra` has at most {MAX_EXTRA} bytes", code="too_large")
    return {} if value is None else value


@dataclass(frozen=True, slots=True)
class Message:
    """From one page to another. `to` names a user, a room (with `asks_to_join`), or `system`."""

    to: str
    body: object
    asks_to_join: bool
    leaves: bool
    asks_presence_of: str | None

    def told(self, sender: str, to: str, extra: object) -> dict[str, object]:
        """As the receiver is told it."""
        return {"remoteUserId": to, "message": self.body, "sender": sender, "extra": extra}


def message(value: object) -> Message:
    """Raises Invalid."""
    given = table(value)
    if size(given) > MAX_MESSAGE:
        raise Invalid(f"a message has at most {MAX_MESSAGE} bytes", code="too_large")
    body = given.get("message")
    inner = fields(body)
    to = name(given.get("remoteUserId"))
    asks = name(inner.get("userid")) if to == "system" and inner.get("detectPresence") else None
    return Message(to, body, bool(inner.get("newParticipationRequest")), bool(inner.get("userLeft")), asks)


@dataclass(frozen=True, slots=True)
class RoomRequest:
    """`open-room` and `join-room`."""

    room: str
    session: dict[str, object]
    extra: object
    password: str
    identifier: str
    """Under which it is found by `get-public-rooms`; empty for not at all."""

    @property
    def one_way(self) -> bool:
        """Only its owner sends."""
        return self.session.get("oneway") is True or self.session.get("broadcast") is True


def room_request(value: object) -> RoomRequest:
    """Raises Invalid."""
    given = table(value)
    session = given.get("session")
    room = name(given.get("sessionid"))
    if not room:
        raise Invalid("`sessionid` names a room")
    session = table(session) if session is not None else {}
    if size(session) > MAX_EXTRA:
        raise Invalid("`session` is too large", code="too_large")
    return RoomRequest(
        room=room,
        session=session,
        extra=extra_of(given.get("extra")),
        password=name(given.get("password")),
        identifier=name(given.get("identifier")),
    )
