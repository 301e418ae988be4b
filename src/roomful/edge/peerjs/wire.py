"""PeerJS's messages: bytes ↔ values. Pure; called by `session`. Facts: PeerServer 1.0.2 and PeerJS 1.5.5.

A message is a JSON object `{type, src, dst, payload}`; the server writes `src` over with the id of who sent it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import cast

from roomful.core.errors import Invalid

MAX_MESSAGE = 64 * 1024
"""Bytes. An offer of a browser with every codec has about 8,000."""
MAX_ID = 128
"""Characters of an id or a token."""
KEY = "peerjs"

RELAYED = frozenset({"OFFER", "ANSWER", "CANDIDATE", "LEAVE", "EXPIRE"})
KEPT = frozenset({"OFFER", "ANSWER", "CANDIDATE"})
"""What waits for somebody who is not there yet."""

OPEN = '{"type":"OPEN"}'
ID_TAKEN = '{"type":"ID-TAKEN","payload":{"msg":"ID is taken"}}'


@dataclass(frozen=True, slots=True)
class Message:
    """`payload` is whatever JSON it was; `dst` is empty where there is none."""

    type: str
    dst: str
    payload: object = None


def parse(frame: str | bytes) -> Message:
    """Raises Invalid, which says what was expected."""
    if len(frame) > MAX_MESSAGE:
        raise Invalid(f"a message has at most {MAX_MESSAGE} bytes", code="too_large")
    try:
        value: object = json.loads(frame, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Invalid("a message must be a JSON object") from None
    if not isinstance(value, dict):
        raise Invalid("a message must be a JSON object")
    given = cast("dict[str, object]", value)
    kind, dst = given.get("type"), given.get("dst")
    if not isinstance(kind, str):
        raise Invalid("`type` must be text")
    if dst is None:
        dst = ""
    if not isinstance(dst, str) or len(dst) > MAX_ID:
        raise Invalid(f"`dst` must be text of at most {MAX_ID} characters")
    return Message(kind, dst, given.get("payload"))


def _no_constant(name: str) -> object:
    """Python reads NaN and Infinity, browsers do not (RFC 8259 §6)."""
    raise ValueError(name)


def relayed(message: Message, src: str) -> str:
    """As the receiver is told it."""
    told: dict[str, object] = {"type": message.type, "src": src, "dst": message.dst}
    if message.payload is not None:
        told["payload"] = message.payload
    return json.dumps(told, separators=(",", ":"))


def error(text: str) -> str:
    return json.dumps({"type": "ERROR", "payload": {"msg": text}}, separators=(",", ":"))


def valid_id(text: str) -> bool:
    """Letters and digits, with single ` `, `-` and `_` between them: what PeerJS takes for an id."""
    return 0 < len(text) <= MAX_ID and all(part.isalnum() and part.isascii() for part in _parts(text))


def _parts(text: str) -> list[str]:
    return text.replace("-", " ").replace("_", " ").split(" ")
