"""What HTTP says of each error: the one table of this edge, as problem details (RFC 9457). Pure."""

from __future__ import annotations

from http import HTTPStatus

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

MEDIA_TYPE = "application/problem+json"
RETRY_S = 3
"""What `Retry-After` says where a later try may do better."""

_BY_CODE: dict[str, int] = {
    # What was sent.
    "sdp_invalid": 400,
    "fragment_invalid": 400,
    "unsupported_event": 400,
    "codec_unsupported": 422,
    "direction_unsupported": 422,
    "too_many_sections": 422,
    "layer_not_found": 422,
    "unsupported_type": 415,
    "too_large": 413,
    # Which ICE session was meant.
    "precondition_required": 428,
    "precondition_failed": 412,
    # When.
    "not_live": 409,
    "too_many_requests": 429,
    "room_full": 503,
    "too_many_rooms": 503,
    "too_many_viewers": 503,
    "too_many_sessions": 503,
}
_BY_KIND: tuple[tuple[type[RoomfulError], int], ...] = (
    (Unauthenticated, 401),
    (NotAllowed, 403),
    (Denied, 403),
    (NotFound, 404),
    (AlreadyExists, 409),
    (LimitExceeded, 400),
    (Invalid, 400),
    (Unavailable, 503),
)
_RETRIED = frozenset({409, 429, 503})


def status_of(error: RoomfulError) -> int:
    """500 is for what nobody foresaw."""
    if (status := _BY_CODE.get(error.code)) is not None:
        return status
    return next((status for kind, status in _BY_KIND if isinstance(error, kind)), 500)


def details(error: RoomfulError) -> dict[str, object]:
    """The body; `code` is the stable one of every Roomful error."""
    status = status_of(error)
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": error.message,
        "code": error.code,
    }


def headers(error: RoomfulError) -> dict[str, str]:
    status = status_of(error)
    if status in _RETRIED:
        return {"Retry-After": str(RETRY_S)}
    # RFC 6750 §3: what is missing is a token.
    return {"WWW-Authenticate": "Bearer"} if status == 401 else {}
