"""What there is to watch in each room, and who watches. Pure: happenings in, answers out.

Fed by `endpoint` with everything that happens in rooms, in order. A viewer is sent one publisher's sound and picture: the first
who has both kinds to give, and that one until it stops.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from roomful.core.effects import (
    Happening,
    ParticipantAborted,
    ParticipantJoined,
    ParticipantLeft,
    RoomFinished,
    RoomGoverned,
    RoomStarted,
    TrackPublished,
    TrackUnpublished,
)
from roomful.core.track import Track

_VIDEOS = ("screen_share", "camera")
"""What is watched rather, where somebody publishes both."""


@dataclass(frozen=True, slots=True)
class Source:
    """Whom viewers see and hear."""

    publisher: str
    """`PA_…`"""
    audio: Track | None
    video: Track | None

    @property
    def tracks(self) -> tuple[str, ...]:
        return tuple(one.sid for one in (self.audio, self.video) if one is not None)


@dataclass(slots=True)
class Hall:
    """One room's."""

    published: dict[str, dict[str, Track]] = field(default_factory=dict[str, dict[str, Track]])
    """`PA_…` → its tracks by `TR_…`, who began first first."""
    source: Source | None = None


class Audience:
    """Halls by the room's sid."""

    def __init__(self) -> None:
        self._halls: dict[str, Hall] = {}

    def source(self, room: str) -> Source | None:
        hall = self._halls.get(room)
        return hall.source if hall else None

    def observe(self, happening: Happening) -> bool:
        """Whether the room's source is another now."""
        room = happening.room.sid
        match happening:
            case RoomStarted():
                self._halls[room] = Hall()
                return False
            case RoomFinished():
                hall = self._halls.pop(room, None)
                return hall is not None and hall.source is not None
            case TrackPublished():
                if happening.participant.permission.hidden or (hall := self._halls.get(room)) is None:
                    return False
                hall.published.setdefault(happening.participant.sid, {})[happening.track.sid] = happening.track
            case TrackUnpublished():
                if (hall := self._halls.get(room)) is None:
                    return False
                tracks = hall.published.get(happening.participant.sid, {})
                tracks.pop(happening.track.sid, None)
                if not tracks:
                    hall.published.pop(happening.participant.sid, None)
            case ParticipantJoined() | ParticipantLeft() | ParticipantAborted() | RoomGoverned():
                return False
        before, hall.source = hall.source, _choose(hall)
        return before != hall.source


def _choose(hall: Hall) -> Source | None:
    sources = [_source(publisher, tracks) for publisher, tracks in hall.published.items()]
    if hall.source is not None:
        # Somebody who has a picture to show is not left for another who begins later.
        kept = next((one for one in sources if one.publisher == hall.source.publisher), None)
        if kept is not None and (kept.video or not any(one.video for one in sources)):
            return kept
    return next((one for one in sources if one.video), sources[0] if sources else None)


def _source(publisher: str, tracks: dict[str, Track]) -> Source:
    videos = [one for one in tracks.values() if one.kind == "video"]
    videos.sort(key=lambda one: _VIDEOS.index(one.source) if one.source in _VIDEOS else len(_VIDEOS))
    sounds = [one for one in tracks.values() if one.kind == "audio"]
    # A voice is what a broadcast is heard by; a screen's sound comes after it.
    sounds.sort(key=lambda one: one.source == "screen_share_audio")
    return Source(publisher, sounds[0] if sounds else None, videos[0] if videos else None)
