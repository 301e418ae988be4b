"""What people are told. Made by `core.room.Room`, carried by each edge in its own words; never sent by itself.

An event is addressed (`to`): the participants whose sessions get it. Snapshots are immutable, so that an edge may
cache what it made of one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from roomful.core.participant import Participant
from roomful.core.permission import Permission
from roomful.core.room_info import RoomInfo
from roomful.core.track import DataTrack, Track


class LeaveReason(StrEnum):
    """Why somebody left; LiveKit's DisconnectReason by other names."""

    CLIENT = "client_initiated"
    DUPLICATE = "duplicate_identity"
    SHUTDOWN = "server_shutdown"
    REMOVED = "participant_removed"
    ROOM_DELETED = "room_deleted"
    STATE_MISMATCH = "state_mismatch"
    JOIN_FAILURE = "join_failure"
    MIGRATION = "migration"
    SIGNAL_CLOSE = "signal_close"
    ROOM_CLOSED = "room_closed"
    CONNECTION_TIMEOUT = "connection_timeout"
    MEDIA_FAILURE = "media_failure"
    SLOW_READER = "slow_reader"


@dataclass(frozen=True, slots=True)
class ParticipantsChanged:
    """Somebody came, changed or left (`state == "disconnected"`). Coalesced by the service over 20–50 ms."""

    participants: tuple[Participant, ...]


@dataclass(frozen=True, slots=True)
class Published:
    """To the publisher: its track has its id."""

    cid: str
    track: Track


@dataclass(frozen=True, slots=True)
class Unpublished:
    """To the publisher: the server ended its track."""

    track: str


@dataclass(frozen=True, slots=True)
class Muted:
    """To the publisher: the server muted it (a client must not be unmuted by force)."""

    track: str
    muted: bool


@dataclass(frozen=True, slots=True)
class SpeakersChanged:
    levels: tuple[tuple[str, float, bool], ...]


@dataclass(frozen=True, slots=True)
class RoomChanged:
    room: RoomInfo


@dataclass(frozen=True, slots=True)
class QualityChanged:
    """(participant, quality, score) of everybody whose quality changed."""

    updates: tuple[tuple[str, str, float], ...]


@dataclass(frozen=True, slots=True)
class StreamStateChanged:
    publisher: str
    track: str
    paused: bool


@dataclass(frozen=True, slots=True)
class DemandChanged:
    """To the publisher: which qualities of its track are watched (dynacast)."""

    track: str
    codecs: tuple[tuple[str, tuple[bool, bool, bool]], ...]


@dataclass(frozen=True, slots=True)
class SubscriptionAllowed:
    publisher: str
    track: str
    allowed: bool


@dataclass(frozen=True, slots=True)
class SubscriptionFailed:
    track: str
    reason: str
    """`codec_unsupported` or `track_not_found`"""


@dataclass(frozen=True, slots=True)
class TrackSubscribed:
    """To the publisher: somebody receives its track for the first time."""

    track: str


@dataclass(frozen=True, slots=True)
class PermissionChanged:
    """To the participant itself; its edge also sends a fresh token."""

    permission: Permission


@dataclass(frozen=True, slots=True)
class DataPublished:
    """To the publisher."""

    track: DataTrack


@dataclass(frozen=True, slots=True)
class DataUnpublished:
    """To the publisher."""

    track: DataTrack


@dataclass(frozen=True, slots=True)
class DataHandles:
    """To a subscriber of data tracks: handle → (publisher identity, publisher, track)."""

    handles: Mapping[int, tuple[str, str, str]]


@dataclass(frozen=True, slots=True)
class Moved:
    """To somebody who was taken to another room: where it is now. What it hears afterwards is of that room."""

    room: RoomInfo
    participant: Participant
    others: tuple[Participant, ...]
    """Everybody else it may see."""


@dataclass(frozen=True, slots=True)
class SentOn:
    """To somebody who shall join another room: its edge makes the token, and `Left` follows."""

    room: str


@dataclass(frozen=True, slots=True)
class Left:
    """To somebody who must go (or whose leaving is confirmed)."""

    reason: LeaveReason


@dataclass(frozen=True, slots=True)
class Refused:
    """To the one who asked: `asked` is the command; `code` is stable (`not_allowed`, `not_found`, `limit_exceeded` …)."""

    asked: object
    code: str
    message: str


Event = (
    ParticipantsChanged | Published | Unpublished | Muted | SpeakersChanged | RoomChanged | QualityChanged
    | StreamStateChanged | DemandChanged | SubscriptionAllowed | SubscriptionFailed | TrackSubscribed
    | PermissionChanged | DataPublished | DataUnpublished | DataHandles | Moved | SentOn | Left | Refused
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Notice:
    """An event and whom it is for."""

    to: tuple[str, ...]
    event: Event
