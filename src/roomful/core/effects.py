"""What a room asks of the services: orders to the media engine, and happenings that hooks and webhooks are told of.

Made by `core.room.Room`, carried out by `service.actor`; never performs anything itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from roomful.core.participant import Participant
from roomful.core.room_info import RoomInfo
from roomful.core.track import AddTrack, Track, View


@dataclass(frozen=True, slots=True)
class AddMember:
    """To the engine: somebody enters."""

    participant: str
    identity: str
    subscribe: bool
    publish_data: bool
    hidden: bool = False
    agent: bool = False
    """Its data may speak for others."""


@dataclass(frozen=True, slots=True)
class SetRights:
    """To the engine: rights changed; one taken away ends what it allowed at once."""

    participant: str
    subscribe: bool
    publish_data: bool
    hidden: bool = False
    agent: bool = False


@dataclass(frozen=True, slots=True)
class RemoveMember:
    """To the engine: somebody left; transports, tracks and subscriptions go along."""

    participant: str


@dataclass(frozen=True, slots=True)
class MoveMember:
    """To the engine: somebody of another room comes into this one, with transports and tracks, and receives nothing yet."""

    participant: str


@dataclass(frozen=True, slots=True)
class LimitVoices:
    """To the engine: of the room's voices so many are sent on, the loudest; 0 for all."""

    count: int


@dataclass(frozen=True, slots=True)
class ShowTrack:
    """To the engine: a track of another room may be received in this one."""

    track: str


@dataclass(frozen=True, slots=True)
class HideTrack:
    track: str


@dataclass(frozen=True, slots=True)
class AnnounceTrack:
    """To the engine: media of this track will come, or will also come in another codec."""

    participant: str
    track: Track
    add: AddTrack


@dataclass(frozen=True, slots=True)
class EndTrack:
    track: str


@dataclass(frozen=True, slots=True)
class MuteTrack:
    track: str
    muted: bool


@dataclass(frozen=True, slots=True)
class Receive:
    """To the engine: a participant shall receive a track."""

    participant: str
    track: str
    view: View


@dataclass(frozen=True, slots=True)
class StopReceiving:
    participant: str
    track: str


@dataclass(frozen=True, slots=True)
class ChangeView:
    participant: str
    track: str
    view: View


@dataclass(frozen=True, slots=True)
class AnnounceDataTrack:
    participant: str
    track: str
    handle: int
    """The publisher's."""


@dataclass(frozen=True, slots=True)
class EndDataTrack:
    track: str


@dataclass(frozen=True, slots=True)
class ReceiveData:
    participant: str
    track: str
    handle: int
    """The subscriber's."""


@dataclass(frozen=True, slots=True)
class StopReceivingData:
    participant: str
    track: str


MediaOrder = (
    AddMember | SetRights | RemoveMember | MoveMember | LimitVoices | ShowTrack | HideTrack | AnnounceTrack | EndTrack | MuteTrack
    | Receive | StopReceiving | ChangeView | AnnounceDataTrack | EndDataTrack | ReceiveData | StopReceivingData
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RoomStarted:
    room: RoomInfo


@dataclass(frozen=True, slots=True)
class RoomFinished:
    """The last thing a room says; its task ends after it."""

    room: RoomInfo


@dataclass(frozen=True, slots=True)
class ParticipantJoined:
    """Said when media is up (`active`), as LiveKit does."""

    room: RoomInfo
    participant: Participant


@dataclass(frozen=True, slots=True)
class ParticipantLeft:
    """Of somebody who had become active."""

    room: RoomInfo
    participant: Participant


@dataclass(frozen=True, slots=True)
class ParticipantAborted:
    """Of somebody who left before media was up."""

    room: RoomInfo
    participant: Participant


@dataclass(frozen=True, slots=True)
class TrackPublished:
    room: RoomInfo
    participant: Participant
    track: Track


@dataclass(frozen=True, slots=True)
class TrackUnpublished:
    room: RoomInfo
    participant: Participant
    track: Track


@dataclass(frozen=True, slots=True)
class RoomGoverned:
    """What moderators see of a room changed: its rules, or who waits. Nothing for hooks and webhooks."""

    room: RoomInfo
    moderators: tuple[str, ...]


Happening = (
    RoomStarted
    | RoomFinished
    | ParticipantJoined
    | ParticipantLeft
    | ParticipantAborted
    | TrackPublished
    | TrackUnpublished
    | RoomGoverned
)

Effect = MediaOrder | Happening
