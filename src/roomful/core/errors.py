"""The one error tree. Raised by core and services, turned into each protocol's words by its edge; never carries secrets.

`code` is stable text that programs may compare; `message` is for people.
"""

from __future__ import annotations


class RoomfulError(Exception):
    """Anything Roomful refuses. Codes in use: see the subclasses."""

    code = "internal"

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.message = message
        if code:
            self.code = code


class NotAllowed(RoomfulError):
    """The asker has no right to this."""

    code = "not_allowed"


class Denied(RoomfulError):
    """A hook, or a rule of the room, refuses an entry. The message may be shown to the person."""

    code = "denied"


class Unauthenticated(RoomfulError):
    """No token, or one that does not hold."""

    code = "unauthenticated"


class NotFound(RoomfulError):
    """`room_not_found`, `participant_not_found`, `track_not_found` …"""

    code = "not_found"


class AlreadyExists(RoomfulError):
    code = "already_exists"


class LimitExceeded(RoomfulError):
    """A bound was met: rooms, participants (`room_full`), tracks, sizes, rates."""

    code = "limit_exceeded"


class Invalid(RoomfulError):
    """What was sent makes no sense; also `sdp_invalid` and `wrong_state`."""

    code = "invalid"


class Unavailable(RoomfulError):
    """The server cannot do this now: `shutting_down`, `overloaded`, `engine_dead`, `timeout`."""

    code = "unavailable"


class ConfigError(RoomfulError):
    """A setting that does not hold, or a place that cannot be used (port taken, data directory unwritable)."""

    code = "config"
