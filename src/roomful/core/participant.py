"""A participant as everybody sees it: an immutable snapshot, versioned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from roomful.core.permission import Permission
from roomful.core.track import DataTrack, Track


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Participant:
    """`version` grows with each change, so that an edge can cache what it made of a snapshot while that lives."""

    sid: str
    identity: str
    name: str
    state: str
    """`joining`, `joined`, `active`, `disconnected`"""
    metadata: str
    attributes: Mapping[str, str]
    permission: Permission
    joined_at_ms: int
    kind: str = "standard"
    kind_details: tuple[str, ...] = ()
    tracks: tuple[Track, ...] = ()
    data_tracks: tuple[DataTrack, ...] = ()
    version: int = 0
    region: str = ""
    leave_reason: str = ""
    client_protocol: int = 0
    client: Mapping[str, str] = field(default_factory=dict[str, str])
    granted: Permission | None = None
    """Its rights before the room's rules narrow them; None when they narrow nothing."""
