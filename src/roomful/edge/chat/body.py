"""The bodies of chat requests: parsed and bounded. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import cast

from roomful.core.errors import Invalid

MAX_BODY = 64_000
"""Bytes: a message of the longest, escaped."""


@dataclass(frozen=True, slots=True)
class MessageBody:
    text: str
    id: str = ""
    reply_to: str = ""
    mentions: tuple[str, ...] = ()


def message_of(body: bytes) -> MessageBody:
    """`{"text": …, "id": …, "reply_to": …, "mentions": […]}`. Raises Invalid, which says what was expected."""
    given = _object(body)
    mentions = given.get("mentions", [])
    if not isinstance(mentions, list) or not all(isinstance(one, str) for one in cast("list[object]", mentions)):
        raise Invalid("`mentions` must be a list of identities")
    return MessageBody(
        text=_text(given, "text"),
        id=_text(given, "id", ""),
        reply_to=_text(given, "reply_to", ""),
        mentions=tuple(cast("list[str]", mentions)),
    )


def edit_of(body: bytes) -> str:
    """`{"text": …}`"""
    return _text(_object(body), "text")


def days_of(body: bytes) -> int:
    """`{"keep_days": …}`"""
    days = _object(body).get("keep_days")
    if not isinstance(days, int) or isinstance(days, bool):
        raise Invalid("`keep_days` must be a number of days, 0 for nothing, -1 for ever")
    return days


def number_of(value: str | None, name: str) -> int | None:
    """Of a query. None when it is not there."""
    if value is None:
        return None
    if not value.isascii() or not value.isdigit() or len(value) > 18:
        raise Invalid(f"`{name}` must be a whole number")
    return int(value)


def _object(body: bytes) -> dict[str, object]:
    try:
        value: object = json.loads(body)
    except (ValueError, RecursionError):
        raise Invalid("the body must be a JSON object") from None
    if not isinstance(value, dict):
        raise Invalid("the body must be a JSON object")
    return cast("dict[str, object]", value)


def _text(given: dict[str, object], name: str, default: str | None = None) -> str:
    value = given.get(name, default)
    if not isinstance(value, str):
        raise Invalid(f"`{name}` must be text")
    return value
