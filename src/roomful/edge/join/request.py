"""The body of `POST /api/join`: parsed and bounded. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

from roomful.core.errors import Invalid

MAX_BODY = 8_192
"""Bytes."""
_LIMITS = {"room": 256, "name": 256, "identity": 256, "identity_key": 128, "host_key": 128, "role": 16}
"""Bytes of UTF-8."""
ROLES = ("member", "broadcaster", "viewer")
"""Talks with the others; sends by WHIP; watches by WHEP."""


@dataclass(frozen=True, slots=True)
class JoinBody:
    """What the page asks. The name is for display only; two people may share one."""

    room: str
    name: str
    identity: str = ""
    identity_key: str = ""
    host_key: str = ""
    role: str = "member"


def parse(body: bytes) -> JoinBody:
    """Raises Invalid, which says what was expected."""
    if len(body) > MAX_BODY:
        raise Invalid(f"the body has at most {MAX_BODY} bytes", code="too_large")
    try:
        value: object = json.loads(body)
    except (ValueError, RecursionError):
        raise Invalid("the body must be a JSON object") from None
    if not isinstance(value, dict):
        raise Invalid("the body must be a JSON object")
    given = cast("dict[str, object]", value)
    fields: dict[str, str] = {}
    for field, limit in _LIMITS.items():
        one = given.get(field)
        if one is None:
            continue
        if not isinstance(one, str):
            raise Invalid(f"`{field}` must be text")
        text = _printable(one)
        if len(text.encode()) > limit:
            raise Invalid(f"`{field}` has at most {limit} bytes", code="too_large")
        fields[field] = text
    if not fields.get("room"):
        raise Invalid("`room` must name a room")
    if fields.setdefault("role", ROLES[0]) not in ROLES:
        raise Invalid(f"`role` must be one of {', '.join(ROLES)}")
    return JoinBody(fields.pop("room"), fields.pop("name", ""), **fields)


def _printable(text: str) -> str:
    """Without control characters, lone surrogates and outer spaces."""
    return "".join(c for c in text if c >= " " and c != "\x7f" and not "\ud800" <= c <= "\udfff").strip()


def same_origin(origin: str | None, host: str | None) -> bool:
    """Whether a browser's page of this very server asks. No Origin: not a browser's cross-site request (Fetch §3.2)."""
    if origin is None:
        return True
    if not host:
        return False
    return urlsplit(origin).netloc.lower() == host.lower()
