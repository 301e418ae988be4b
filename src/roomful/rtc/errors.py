"""What goes wrong with a peer connection, under W3C's names. Raised by this package only; never carries secrets."""

from __future__ import annotations

from roomful.core.errors import RoomfulError


class RtcError(RoomfulError):
    """Anything that was asked of a connection or channel and not done. `code` is stable."""

    code = "rtc"


class InvalidStateError(RtcError):
    """Not now: the signaling state has no place for it, or it is closed."""

    code = "invalid_state"


class InvalidAccessError(RtcError):
    """A description that can be read but not be used, or one with nothing in common."""

    code = "invalid_access"


class InvalidModificationError(RtcError):
    """A description of ours that was changed after it was made."""

    code = "invalid_modification"


class SessionDescriptionError(RtcError):
    """A description or a candidate that cannot be read; the message names the line."""

    code = "syntax"


class OperationError(RtcError):
    """The network or the system does not allow it; also a message too many (`backpressure`) or too large (`too_large`)."""

    code = "operation"


class ConnectionFailed(RtcError):
    """No connection came about, or it broke."""

    code = "connection_failed"


_BY_CODE: dict[str, type[RtcError]] = {
    "invalid_state": InvalidStateError,
    "not_open": InvalidStateError,
    "invalid_access": InvalidAccessError,
    "invalid_modification": InvalidModificationError,
    "syntax": SessionDescriptionError,
}


def error_of(code: str, message: str) -> RtcError:
    """The native layer's word as an exception."""
    return _BY_CODE.get(code, OperationError)(message, code=code)
