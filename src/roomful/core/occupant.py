"""What a room keeps of one participant and one publication while they last. Changed only by `core.room` and its parts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from roomful.core.commands import Join
from roomful.core.participant import Participant
from roomful.core.permission import Permission, SubscriptionRules
from roomful.core.role import Role
from roomful.core.track import DataTrack, Track, View

WHOLE = View()
"""How a track is looked at unless somebody says otherwise."""
THRIFTY = View(quality=0)
"""How video is looked at first by a client that will say what it needs (adaptive stream)."""


@dataclass(slots=True)
class Publication:
    """A track, its publisher and its listeners."""

    publisher: str
    track: Track
    bound: bool = False
    """Media has a section: from then on others see it."""
    announced: bool = False
    """Hooks were told."""
    told_subscribed: bool = False
    receivers: set[str] = field(default_factory=set[str])
    denied: set[str] = field(default_factory=set[str])
    """Wanted by these, and withheld by the publisher's rules."""


@dataclass(slots=True)
class DataPublication:
    publisher: str
    track: DataTrack
    receivers: set[str] = field(default_factory=set[str])


@dataclass(slots=True)
class Occupant:
    """One participant in a room."""

    snapshot: Participant
    join: Join
    rules: SubscriptionRules = field(default_factory=SubscriptionRules)
    publications: dict[str, Publication] = field(default_factory=dict[str, Publication])
    data_publications: dict[str, DataPublication] = field(default_factory=dict[str, DataPublication])
    wanted: set[str] = field(default_factory=set[str])
    """Tracks it asked for, or was given; kept while a right is missing."""
    wanted_data: set[str] = field(default_factory=set[str])
    views: dict[str, View] = field(default_factory=dict[str, View])
    handles: dict[str, int] = field(default_factory=dict[str, int])
    """Data track → the handle this participant receives it under."""
    next_handle: int = 1
    activated: bool = False
    quality: tuple[str, float] | None = None
    role: Role = Role.SPEAKER
    guest: bool = False
    """It is in another room, and only shown here."""

    @property
    def sid(self) -> str:
        return self.snapshot.sid

    @property
    def hidden(self) -> bool:
        return self.snapshot.permission.hidden

    @property
    def granted(self) -> Permission:
        """Its rights before the room's rules."""
        return self.snapshot.granted or self.snapshot.permission

    @property
    def dependent(self) -> bool:
        """Agents, recorders and guests: they neither fill a room nor keep it open."""
        permission = self.snapshot.permission
        return self.guest or self.snapshot.kind in ("agent", "egress") or permission.agent or permission.recorder

    def change(self, **fields: object) -> Participant:
        """A new snapshot with the next version."""
        self.snapshot = replace(self.snapshot, version=self.snapshot.version + 1, **fields)  # type: ignore[arg-type]
        return self.snapshot

    def refresh_tracks(self) -> Participant:
        """A new snapshot after its publications changed."""
        return self.change(
            tracks=tuple(one.track for one in self.publications.values() if one.bound),
            data_tracks=tuple(one.track for one in self.data_publications.values()),
        )
