"""What a `Session` wants done: frames to send, commands for the room, questions to media. Carried out by `connection`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from livekit.protocol.rtc import RequestResponse

from roomful.core.commands import Command
from roomful.core.events import Moved


@dataclass(frozen=True, slots=True)
class Send:
    frame: bytes | str


@dataclass(frozen=True, slots=True)
class Post:
    """A command nobody waits for."""

    command: Command


@dataclass(frozen=True, slots=True)
class Ask:
    """A command whose outcome the client is told: `Session.asked` makes the answer."""

    command: Command
    response: RequestResponse
    """Holds the request's id and its copy; lacks the outcome."""
    say_ok: bool = False


@dataclass(frozen=True, slots=True)
class OfferMedia:
    """The client offers; `Session.answered` or `Session.media_failed` come next."""

    role: str
    sdp: str
    offer_id: int


@dataclass(frozen=True, slots=True)
class AnswerMedia:
    sdp: str
    offer_id: int


@dataclass(frozen=True, slots=True)
class Candidate:
    role: str
    text: str


@dataclass(frozen=True, slots=True)
class RestartIce:
    pass


@dataclass(frozen=True, slots=True)
class Replay:
    """Reliable data that was missed: (publisher, last sequence seen)."""

    seen: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Refresh:
    """The client shall get a fresh token: `Session.refreshed` makes the frame."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """The client shall hear of the room it is in now, with a token for it: `Session.moved` makes the frame."""

    moved: Moved


@dataclass(frozen=True, slots=True)
class SendOn:
    """The client shall get a token for another room, in which it will join."""

    room: str


@dataclass(frozen=True, slots=True)
class Prefer:
    """A test of clients: their next sessions are offered TCP alone, a relay over TLS alone, or everything again."""

    way: Literal["any", "tcp", "tls"]


@dataclass(frozen=True, slots=True)
class LimitBandwidth:
    """A test of clients: their videos come as over a link of so many bits a second; 0 ends it."""

    bps: int


@dataclass(frozen=True, slots=True)
class DropOnResume:
    """A test of clients: the next resume's connection is dropped, before its first message or after its last."""

    before: bool


@dataclass(frozen=True, slots=True)
class Close:
    """The connection ends; what was sent before goes out first. A participant that has not left may come back."""

    reason: str = ""


Output = (
    Send
    | Post
    | Ask
    | OfferMedia
    | AnswerMedia
    | Candidate
    | RestartIce
    | Replay
    | Refresh
    | Arrived
    | SendOn
    | Prefer
    | LimitBandwidth
    | DropOnResume
    | Close
)
