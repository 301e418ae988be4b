"""Whom viewers watch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from roomful.core.effects import Happening, RoomFinished, RoomStarted, TrackPublished, TrackUnpublished
from roomful.core.participant import Participant
from roomful.core.permission import Permission
from roomful.core.room_info import RoomInfo
from roomful.core.track import Track
from roomful.edge.whip.audience import Audience

ROOM = RoomInfo("RM_1", "tv")


def track(sid: str, kind: str, source: str = "") -> Track:
    fields: dict[str, Any] = {
        "sid": sid, "kind": kind, "source": source or {"audio": "microphone", "video": "camera"}[kind], "name": "",
        "muted": False, "width": 0, "height": 0, "codecs": (), "layers": (), "mime": "", "mid": "", "stereo": False,
        "disable_dtx": False, "disable_red": False, "encryption": 0, "stream": "", "backup_policy": 0, "features": (),
        "trailer_features": (),
    }  # fmt: skip
    return Track(**fields)


def person(sid: str, **fields: Any) -> Participant:
    return Participant(sid, sid, "", "active", "", {}, Permission(**fields), 0)


def audience(*happenings: Happening) -> Audience:
    made = Audience()
    for one in (RoomStarted(ROOM), *happenings):
        made.observe(one)
    return made


def began(who: str, one: Track, **fields: Any) -> Happening:
    return TrackPublished(ROOM, person(who, **fields), one)


def stopped(who: str, one: Track) -> Happening:
    return TrackUnpublished(ROOM, person(who), one)


def watched(made: Audience) -> tuple[str, ...]:
    source = made.source("RM_1")
    return source.tracks if source else ()


def test_the_first_with_a_picture_is_watched_until_it_stops() -> None:
    voice, first, second = track("TR_v", "audio"), track("TR_1", "video"), track("TR_2", "video")
    made = audience(began("ann", voice))
    assert watched(made) == ("TR_v",)
    assert made.observe(began("bob", first))
    assert watched(made) == ("TR_1",)
    assert not made.observe(began("cid", second))
    assert made.observe(stopped("bob", first))
    assert watched(made) == ("TR_2",)
    made.observe(stopped("cid", second))
    assert watched(made) == ("TR_v",)
    made.observe(stopped("ann", voice))
    assert watched(made) == ()


def test_a_screen_comes_before_a_camera_and_a_voice_before_a_screens_sound() -> None:
    mixed = (track("TR_s", "audio", "screen_share_audio"), track("TR_c", "video"), track("TR_v", "audio"))
    made = audience(*(began("ann", one) for one in mixed))
    assert watched(made) == ("TR_v", "TR_c")
    made.observe(began("ann", track("TR_d", "video", "screen_share")))
    assert watched(made) == ("TR_v", "TR_d")


def test_who_is_hidden_is_not_watched_and_rooms_are_apart() -> None:
    made = audience(began("ghost", track("TR_1", "video"), hidden=True))
    assert watched(made) == ()
    other = replace(ROOM, sid="RM_2")
    made.observe(RoomStarted(other))
    made.observe(TrackPublished(other, person("ann"), track("TR_2", "video")))
    assert watched(made) == ()
    assert made.observe(RoomFinished(other))
    assert made.source("RM_2") is None


def test_what_comes_after_the_end_is_nothing() -> None:
    made = audience(RoomFinished(ROOM))
    after: list[Callable[[str, Track], Happening]] = [began, stopped]
    assert not any(made.observe(one("ann", track("TR_1", "video"))) for one in after)
