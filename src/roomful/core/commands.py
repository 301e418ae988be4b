"""What can be asked of a room. Written by edges and services, handled by `core.room.Room`; never does anything itself.

Times are milliseconds of the wall clock (`_ms`), ids are the text ids that people meet on the wire.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from roomful.core.participant import Participant
from roomful.core.permission import Permission, SubscriptionRules
from roomful.core.policy import RoomRules
from roomful.core.role import Role
from roomful.core.track import AddTrack, DataTrackSpec, View

if TYPE_CHECKING:
    from roomful.core.moving import Traveller


@dataclass(frozen=True, slots=True)
class Join:
    """Somebody enters, or enters again in place of an older session of the same identity."""

    participant: str
    """`PA_…`, made by the caller."""
    identity: str
    name: str = ""
    metadata: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict[str, str])
    permission: Permission = field(default_factory=Permission)
    kind: str = "standard"
    kind_details: tuple[str, ...] = ()
    auto_subscribe: bool = True
    auto_subscribe_data: bool = True
    adaptive_stream: bool = False
    client: Mapping[str, str] = field(default_factory=dict[str, str])
    client_protocol: int = 0
    single_transport: bool = True
    """v1: one peer connection which the client offers; False is v0 with two."""
    tcp_only: bool = False
    """Media shall go over TCP."""
    region: str = ""
    role: Role | None = None
    """By its token; None is what the room makes of guests."""
    guest: bool = False
    """It came through the page's door, which has a lobby."""


@dataclass(frozen=True, slots=True)
class Activate:
    """Media is up: the participant becomes `active`."""

    participant: str


@dataclass(frozen=True, slots=True)
class Leave:
    participant: str
    reason: str
    """A `core.events.LeaveReason` value."""


@dataclass(frozen=True, slots=True)
class Depart:
    """It goes to another room, which has taken it: the others see it leave, its media is left alone."""

    participant: str


@dataclass(frozen=True, slots=True)
class Arrive:
    """It comes from another room, with all it has there (`core.moving`)."""

    traveller: Traveller


@dataclass(frozen=True, slots=True)
class ShowGuest:
    """A participant of another room is shown here too, or what is shown of it changed."""

    participant: Participant
    """As its own room sees it."""
    rules: SubscriptionRules


@dataclass(frozen=True, slots=True)
class EndGuest:
    participant: str


@dataclass(frozen=True, slots=True)
class Publish:
    participant: str
    track: str
    """`TR_…`, made by the caller; an existing one when `add` names it (a backup codec)."""
    add: AddTrack


@dataclass(frozen=True, slots=True)
class Bind:
    """The engine matched a section to a track."""

    track: str
    mid: str
    codec: str
    rids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unpublish:
    """Its publisher, or the engine, ended it."""

    track: str
    by: str | None = None
    """The participant that asks; None is the server."""


@dataclass(frozen=True, slots=True)
class Mute:
    track: str
    muted: bool
    by: str | None = None
    """The participant that asks; None is the server."""


@dataclass(frozen=True, slots=True)
class Subscribe:
    participant: str
    tracks: tuple[str, ...]
    on: bool


@dataclass(frozen=True, slots=True)
class SetView:
    participant: str
    tracks: tuple[str, ...]
    view: View


@dataclass(frozen=True, slots=True)
class SetSubscriptionRules:
    """Who may receive a publisher's tracks."""

    participant: str
    rules: SubscriptionRules


@dataclass(frozen=True, slots=True)
class UpdateParticipant:
    """None leaves a field as it is; an attribute with an empty value is removed."""

    participant: str
    name: str | None = None
    metadata: str | None = None
    attributes: Mapping[str, str] | None = None
    permission: Permission | None = None
    by: str | None = None


@dataclass(frozen=True, slots=True)
class UpdateTrack:
    """A publisher's own description of its track changed."""

    track: str
    features: tuple[int, ...] | None = None
    """LiveKit's AudioTrackFeature numbers."""
    width: int | None = None
    height: int | None = None
    by: str | None = None


@dataclass(frozen=True, slots=True)
class UpdateRoom:
    metadata: str


@dataclass(frozen=True, slots=True)
class SetLoudest:
    """So many voices are sent on from now on, the loudest; 0 for all."""

    count: int


@dataclass(frozen=True, slots=True)
class PublishData:
    """A data track (LiveKit data tracks)."""

    participant: str
    track: str
    """`DTR_…`"""
    spec: DataTrackSpec


@dataclass(frozen=True, slots=True)
class UnpublishData:
    participant: str
    handle: int


@dataclass(frozen=True, slots=True)
class Sync:
    """Somebody who came back believes that these are published; refused (`state_mismatch`) when one is not."""

    participant: str
    tracks: tuple[str, ...]
    data_tracks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SubscribeData:
    participant: str
    track: str
    on: bool


@dataclass(frozen=True, slots=True)
class Speaking:
    """Loudness from the engine: (participant, level 0.0–1.0, active)."""

    levels: tuple[tuple[str, float, bool], ...]


@dataclass(frozen=True, slots=True)
class MediaQuality:
    participant: str
    quality: str
    """`lost`, `poor`, `good`, `excellent`"""
    score: float


@dataclass(frozen=True, slots=True)
class Demand:
    """What is watched of a track: for each codec [low, medium, high]."""

    track: str
    codecs: tuple[tuple[str, tuple[bool, bool, bool]], ...]


@dataclass(frozen=True, slots=True)
class StreamPaused:
    participant: str
    track: str
    paused: bool


@dataclass(frozen=True, slots=True)
class FirstPacket:
    """The first packet of a track reached a subscriber."""

    participant: str
    track: str


@dataclass(frozen=True, slots=True)
class CannotSubscribe:
    """No codec in common."""

    participant: str
    track: str


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passes: empty and departure timeouts, lost sessions."""


@dataclass(frozen=True, slots=True)
class Close:
    reason: str = "room_deleted"


@dataclass(frozen=True, slots=True)
class Knock:
    """Somebody at the page's door asks to come in. Refused: `removed`, `room_locked`, `lobby_waiting`, `lobby_refused`, `lobby_full`."""

    identity: str
    name: str
    role: Role | None = None


@dataclass(frozen=True, slots=True)
class Silence:
    """A moderator mutes what somebody sends, or ends a screen; everybody's but moderators' when nobody is named."""

    by: str | None
    """The moderator; None is the server, in this and the following commands."""
    participant: str | None
    sources: tuple[str, ...]
    """`microphone`, `camera`, `screen_share`"""


@dataclass(frozen=True, slots=True)
class Expel:
    """Somebody is thrown out, and does not come back as the same one while the room lasts."""

    by: str | None
    participant: str


@dataclass(frozen=True, slots=True)
class SetRole:
    by: str | None
    participant: str
    role: Role


@dataclass(frozen=True, slots=True)
class LowerHand:
    """Of one, or of all."""

    by: str | None
    participant: str | None


@dataclass(frozen=True, slots=True)
class SetRules:
    by: str | None
    rules: RoomRules


@dataclass(frozen=True, slots=True)
class Decide:
    """On somebody in the lobby; on all of them when nobody is named."""

    by: str | None
    identity: str | None
    admit: bool


@dataclass(frozen=True, slots=True)
class EndForAll:
    by: str | None


Moderation = Silence | Expel | SetRole | LowerHand | SetRules | Decide | EndForAll
"""What a moderator may ask."""

Command = (
    Knock | Silence | Expel | SetRole | LowerHand | SetRules | Decide | EndForAll
    | Join | Activate | Leave | Depart | Arrive | ShowGuest | EndGuest | Publish | Bind | Unpublish | Mute | Subscribe | SetView | SetSubscriptionRules
    | UpdateParticipant | UpdateTrack | UpdateRoom | SetLoudest | PublishData | UnpublishData | SubscribeData | Sync | Speaking
    | MediaQuality | Demand | StreamPaused | FirstPacket | CannotSubscribe | Tick | Close
)  # fmt: skip
