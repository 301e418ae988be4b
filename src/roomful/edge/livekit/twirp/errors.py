"""Twirp's errors (Twirp protocol v7, "Errors") and which of ours becomes which. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping

from roomful.core.errors import (
    AlreadyExists,
    Denied,
    Invalid,
    LimitExceeded,
    NotAllowed,
    NotFound,
    RoomfulError,
    Unauthenticated,
    Unavailable,
)

_STATUS = {
    "canceled": 408,
    "invalid_argument": 400,
    "malformed": 400,
    "deadline_exceeded": 408,
    "not_found": 404,
    "bad_route": 404,
    "already_exists": 409,
    "permission_denied": 403,
    "unauthenticated": 401,
    "resource_exhausted": 429,
    "failed_precondition": 412,
    "unimplemented": 501,
    "internal": 500,
    "unavailable": 503,
}
_SIZES = frozenset({"name_length", "identity_length", "metadata_size", "attributes_size"})
_TEXTS = {
    "room_not_found": "requested room does not exist",
    "participant_not_found": "participant does not exist",
    "track_not_found": "track is not found",
}
"""LiveKit's words, which programs compare."""


class TwirpError(Exception):
    """`code` is one of Twirp's."""

    def __init__(self, code: str, message: str, meta: Mapping[str, str] | None = None, *, status: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.meta = meta or {}
        self.status = status or _STATUS[code]

    def body(self) -> bytes:
        """JSON, whatever the request was in."""
        error = {"code": self.code, "msg": self.message, **({"meta": dict(self.meta)} if self.meta else {})}
        return json.dumps(error).encode()


def of(error: RoomfulError) -> TwirpError:
    """A refusal of ours in Twirp's words."""
    message = _TEXTS.get(error.code, error.message)
    match error:
        case Unauthenticated():
            return TwirpError("unauthenticated", message)
        case NotAllowed(code="remote_unmute_disabled"):
            return TwirpError("failed_precondition", "remote unmute not enabled")
        case NotAllowed() | Denied():
            return TwirpError("permission_denied", message)
        case NotFound():
            return TwirpError("not_found", message)
        case AlreadyExists():
            return TwirpError("already_exists", message)
        case LimitExceeded():
            return TwirpError("invalid_argument" if error.code in _SIZES else "resource_exhausted", message)
        case Invalid():
            return TwirpError("invalid_argument", message)
        case Unavailable():
            return TwirpError("deadline_exceeded" if error.code == "timeout" else "unavailable", message)
        case _:
            return TwirpError("internal", message)
