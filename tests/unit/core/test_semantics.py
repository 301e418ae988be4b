"""What people rely on, one by one: the meanings LiveKit's clients expect of a room."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

import pytest

from roomful.core.commands import (
    Activate,
    Bind,
    CannotSubscribe,
    Close,
    Command,
    Demand,
    FirstPacket,
    Join,
    Leave,
    MediaQuality,
    Mute,
    Publish,
    SetLoudest,
    SetSubscriptionRules,
    SetView,
    Speaking,
    StreamPaused,
    Subscribe,
    Tick,
    Unpublish,
    UpdateParticipant,
    UpdateRoom,
    UpdateTrack,
)
from roomful.core.effects import (
    AnnounceTrack,
    ChangeView,
    EndTrack,
    LimitVoices,
    MuteTrack,
    ParticipantAborted,
    ParticipantJoined,
    ParticipantLeft,
    Receive,
    RoomFinished,
    StopReceiving,
    TrackPublished,
    TrackUnpublished,
)
from roomful.core.events import (
    DemandChanged,
    LeaveReason,
    Left,
    Muted,
    Notice,
    ParticipantsChanged,
    PermissionChanged,
    Published,
    QualityChanged,
    Refused,
    RoomChanged,
    SpeakersChanged,
    StreamStateChanged,
    SubscriptionAllowed,
    SubscriptionFailed,
    TrackSubscribed,
    Unpublished,
)
from roomful.core.permission import Permission, SubscriptionRules, TrackRule
from roomful.core.policy import Policy
from roomful.core.room import Room
from roomful.core.room_info import RoomInfo
from roomful.core.track import AddTrack, Layer, TrackCodec, View

E = TypeVar("E")


class Scene:
    """A room and what it said last."""

    def __init__(self, policy: Policy | None = None, **info: Any) -> None:
        self.room = Room(RoomInfo("RM_1", "room", **info), policy or Policy())
        self.now = 0
        self.out: list[object] = []

    def send(self, command: Command) -> Scene:
        self.out = list(self.room.handle(command, self.now))
        return self

    def join(self, name: str, **fields: Any) -> Scene:
        return self.send(Join(f"PA_{name}", name, **fields))

    def publish(self, who: str, track: str, source: str = "camera", *, bound: bool = True, **fields: Any) -> Scene:
        kind = "audio" if source == "microphone" else "video"
        self.send(Publish(f"PA_{who}", track, AddTrack(f"cid-{track}", kind, source=source, **fields)))
        if bound:
            self.send(Bind(track, "1", "opus" if kind == "audio" else "vp8"))
        return self

    def told(self, name: str, kind: type[E]) -> list[E]:
        """Events of a kind that somebody was told."""
        return [
            one.event
            for one in self.out
            if isinstance(one, Notice) and f"PA_{name}" in one.to and isinstance(one.event, kind)
        ]

    def did(self, kind: type[E]) -> list[E]:
        return [one for one in self.out if isinstance(one, kind)]

    def refusal(self) -> str:
        return next(one.event.code for one in self.out if isinstance(one, Notice) and isinstance(one.event, Refused))


def test_a_track_is_shown_when_its_media_is_bound() -> None:
    scene = Scene().join("ann").join("ben").publish("ann", "TR_1", bound=False)
    assert scene.told("ann", Published)[0].track.sid == "TR_1"
    assert scene.did(AnnounceTrack)
    assert not scene.told("ben", ParticipantsChanged)
    scene.send(Bind("TR_1", "4", "vp8"))
    (changed,) = scene.told("ben", ParticipantsChanged)
    track = changed.participants[0].tracks[0]
    assert (track.mid, track.mime, track.codecs[0].codec) == ("4", "video/VP8", "vp8")
    assert scene.did(Receive) == [Receive("PA_ben", "TR_1", View())]
    assert scene.did(TrackPublished)
    assert not scene.told("ann", ParticipantsChanged), "the publisher is told by its own response"
    assert scene.room.info.publishers == 1


def test_announcing_the_same_track_again_gives_the_same_track() -> None:
    scene = Scene().join("ann").publish("ann", "TR_1", bound=False)
    scene.send(Publish("PA_ann", "TR_2", AddTrack("cid-TR_1", "video", source="camera")))
    assert scene.told("ann", Published)[0].track.sid == "TR_1"


def test_a_backup_codec_joins_its_track() -> None:
    codecs = (TrackCodec("vp9", "c1"), TrackCodec("vp8", ""))
    scene = Scene().join("ann").join("ben").publish("ann", "TR_1", bound=False, codecs=codecs)
    scene.send(Bind("TR_1", "1", "vp9"))
    scene.send(Publish("PA_ann", "TR_x", AddTrack("c2", "video", sid="TR_1", codecs=(TrackCodec("vp8", "c2"),))))
    assert scene.told("ann", Published)[0].track.sid == "TR_1"
    assert scene.did(AnnounceTrack)[0].track.sid == "TR_1"
    scene.send(Bind("TR_1", "2", "vp8"))
    track = scene.told("ben", ParticipantsChanged)[0].participants[0].tracks[0]
    assert [(one.codec, one.cid, one.mid) for one in track.codecs] == [("vp9", "c1", "1"), ("vp8", "c2", "2")]
    assert (track.mid, track.mime) == ("1", "video/VP9")
    assert not scene.did(Receive), "who receives it already is not subscribed twice"
    scene.send(Publish("PA_ben", "TR_y", AddTrack("c2", "video", sid="TR_1")))
    assert scene.refusal() == "not_found"


@pytest.mark.parametrize(
    ("rids", "expected"),
    [(("h", "q"), ("h", "q")), (("q", "h"), ("h", "q")), (("lo", "hi"), ("hi", "lo")), ((), ("", ""))],
)
def test_layers_learn_their_rids(rids: tuple[str, ...], expected: tuple[str, ...]) -> None:
    layers = (Layer(1, 640, 360), Layer(0, 320, 180))
    scene = Scene().join("ann").publish("ann", "TR_1", bound=False, layers=layers)
    scene.send(Bind("TR_1", "1", "vp8", rids))
    track = scene.room.participants()[0].tracks[0]
    assert tuple(layer.rid for layer in track.layers) == expected


def test_bounds_of_publishing() -> None:
    scene = Scene(Policy(max_tracks=1)).join("ann").publish("ann", "TR_1")
    assert scene.publish("ann", "TR_2", bound=False).refusal() == "limit_exceeded"
    scene = Scene().join("ann", permission=Permission(can_publish_sources=frozenset({"microphone"})))
    assert scene.publish("ann", "TR_1", bound=False).refusal() == "not_allowed"
    assert not scene.publish("ann", "TR_1", "microphone", bound=False).told("ann", Refused)
    assert scene.publish("ann", "TR_2", "microphone", bound=False, name="n" * 257).refusal() == "limit_exceeded"
    assert scene.send(Publish("PA_ann", "TR_3", AddTrack("c", "data", source="microphone"))).refusal() == "invalid"


def test_unpublishing_by_the_client() -> None:
    scene = Scene().join("ann").join("ben").publish("ann", "TR_1").send(Unpublish("TR_1"))
    assert scene.did(EndTrack) == [EndTrack("TR_1")]
    assert scene.did(TrackUnpublished)
    assert scene.told("ben", ParticipantsChanged)[0].participants[0].tracks == ()
    assert not scene.told("ann", Unpublished)
    assert scene.send(Unpublish("TR_1", by="PA_ann")).refusal() == "track_not_found"


def test_muting() -> None:
    scene = Scene().join("ann").join("ben").publish("ann", "TR_1").send(Mute("TR_1", True, by="PA_ann"))
    assert scene.did(MuteTrack) == [MuteTrack("TR_1", True)]
    assert scene.told("ben", ParticipantsChanged)[0].participants[0].tracks[0].muted
    assert not scene.told("ann", Muted)
    assert scene.send(Mute("TR_1", False, by="PA_ben")).refusal() == "track_not_found"
    assert scene.send(Mute("TR_1", False)).refusal() == "remote_unmute_disabled"
    scene.send(Mute("TR_1", False, by="PA_ann")).send(Mute("TR_1", True))
    assert scene.told("ann", Muted) == [Muted("TR_1", True)]
    assert not scene.send(Mute("TR_1", True)).out, "nothing changed"
    free = Scene(Policy(remote_unmute=True)).join("ann").publish("ann", "TR_1", muted=True).send(Mute("TR_1", False))
    assert free.told("ann", Muted) == [Muted("TR_1", False)]


def test_auto_subscribe_and_not() -> None:
    scene = Scene().join("ann").publish("ann", "TR_1").join("ben", auto_subscribe=False)
    assert not scene.did(Receive)
    scene.send(Subscribe("PA_ben", ("TR_1",), on=True))
    assert scene.did(Receive) == [Receive("PA_ben", "TR_1", View())]
    assert not scene.send(Subscribe("PA_ben", ("TR_1",), on=True)).out
    scene.send(Subscribe("PA_ben", ("TR_1",), on=False))
    assert scene.did(StopReceiving) == [StopReceiving("PA_ben", "TR_1")]
    assert scene.join("cat").did(Receive) == [Receive("PA_cat", "TR_1", View())]
    scene.send(Subscribe("PA_ben", ("TR_9",), on=True))
    assert scene.told("ben", SubscriptionFailed) == [SubscriptionFailed("TR_9", "track_not_found")]
    scene.send(CannotSubscribe("PA_cat", "TR_1"))
    assert scene.told("cat", SubscriptionFailed) == [SubscriptionFailed("TR_1", "codec_unsupported")]


def test_adaptive_streams_start_low_and_views_are_kept() -> None:
    scene = Scene().join("ann").publish("ann", "TR_1").join("ben", adaptive_stream=True)
    assert scene.did(Receive)[0].view == View(quality=0)
    view = View(width=640, height=360)
    assert scene.send(SetView("PA_ben", ("TR_1", "TR_9"), view)).did(ChangeView) == [ChangeView("PA_ben", "TR_1", view)]
    scene.send(Subscribe("PA_ben", ("TR_1",), on=False)).send(Subscribe("PA_ben", ("TR_1",), on=True))
    assert scene.did(Receive)[0].view == view


def test_a_publisher_says_who_may_receive() -> None:
    scene = Scene().join("ann").publish("ann", "TR_1").publish("ann", "TR_2", "microphone").join("ben").join("cat")
    scene.join("rec", permission=Permission(recorder=True))
    only_ben = SubscriptionRules(False, (TrackRule(identity="ben", tracks=frozenset({"TR_2"})),))
    scene.send(SetSubscriptionRules("PA_ann", only_ben))
    stopped = {(one.participant, one.track) for one in scene.did(StopReceiving)}
    assert stopped == {("PA_ben", "TR_1"), ("PA_cat", "TR_1"), ("PA_cat", "TR_2")}
    assert scene.told("ben", SubscriptionAllowed) == [SubscriptionAllowed("PA_ann", "TR_1", allowed=False)]
    scene.join("dan")
    assert not scene.did(Receive)
    assert len(scene.told("dan", SubscriptionAllowed)) == 2
    scene.send(SetSubscriptionRules("PA_ann", SubscriptionRules()))
    assert {(one.participant, one.track) for one in scene.did(Receive)} == stopped | {
        ("PA_dan", "TR_1"),
        ("PA_dan", "TR_2"),
    }
    assert SubscriptionAllowed("PA_ann", "TR_1", allowed=True) in scene.told("cat", SubscriptionAllowed)
    scene.send(SetSubscriptionRules("PA_ann", SubscriptionRules(False, (TrackRule(all_tracks=True),))))
    assert scene.refusal() == "invalid"


def test_rights_that_are_taken_end_what_they_allowed() -> None:
    scene = Scene().join("ann").publish("ann", "TR_1").publish("ann", "TR_2", "microphone").join("ben")
    no_camera = Permission(can_publish_sources=frozenset({"microphone"}))
    scene.send(UpdateParticipant("PA_ann", permission=no_camera))
    assert scene.did(EndTrack) == [EndTrack("TR_1")]
    assert scene.told("ann", Unpublished) == [Unpublished("TR_1")]
    assert scene.told("ann", PermissionChanged) == [PermissionChanged(no_camera)]
    deaf = Permission(can_subscribe=False)
    scene.send(UpdateParticipant("PA_ben", permission=deaf))
    assert scene.did(StopReceiving) == [StopReceiving("PA_ben", "TR_2")]
    scene.send(UpdateParticipant("PA_ben", permission=Permission()))
    assert scene.did(Receive) == [Receive("PA_ben", "TR_2", View())]
    assert scene.send(UpdateParticipant("PA_ben", permission=deaf, by="PA_ben")).refusal() == "not_allowed"


def test_hidden_participants() -> None:
    scene = Scene().join("ann").join("spy", permission=Permission(hidden=True))
    assert not scene.told("ann", ParticipantsChanged)
    assert scene.room.others("PA_ann") == ()
    assert [one.identity for one in scene.room.others("PA_spy")] == ["ann"]
    assert scene.room.info.participants == 1
    scene.publish("spy", "TR_1").publish("ann", "TR_2")
    assert scene.did(Receive) == [Receive("PA_spy", "TR_2", View())]
    scene.send(Speaking((("PA_spy", 0.9, True),)))
    assert not scene.out
    scene.send(UpdateParticipant("PA_spy", permission=Permission()))
    assert scene.told("ann", ParticipantsChanged)[-1].participants[0].identity == "spy"
    assert Receive("PA_ann", "TR_1", View()) in scene.did(Receive)
    scene.send(UpdateParticipant("PA_spy", permission=Permission(hidden=True)))
    assert scene.told("ann", ParticipantsChanged)[0].participants[0].state == "disconnected"
    assert StopReceiving("PA_ann", "TR_1") in scene.did(StopReceiving)
    assert not scene.send(Leave("PA_spy", LeaveReason.CLIENT)).told("ann", ParticipantsChanged)


def test_metadata_and_its_bounds() -> None:
    scene = Scene(Policy(max_metadata=5, max_attributes=6, max_name=3)).join("ann").join("ben", metadata="12345")
    assert scene.send(UpdateParticipant("PA_ann", name="x", by="PA_ann")).refusal() == "not_allowed"
    scene.send(UpdateParticipant("PA_ann", permission=Permission(can_update_metadata=True)))
    scene.send(UpdateParticipant("PA_ann", name="x", attributes={"a": "1", "b": "2"}, by="PA_ann"))
    (changed,) = scene.told("ben", ParticipantsChanged)
    assert changed.participants[0].attributes == {"a": "1", "b": "2"}
    assert scene.told("ann", ParticipantsChanged)
    scene.send(UpdateParticipant("PA_ann", attributes={"a": ""}, by="PA_ann"))
    assert scene.room.participants()[0].attributes == {"b": "2"}
    refused: list[tuple[dict[str, Any], str]] = [
        ({"name": "1234"}, "name_length"),
        ({"metadata": "123456"}, "metadata_size"),
        ({"attributes": {"long": "long"}}, "attributes_size"),
    ]
    for fields, code in refused:
        assert scene.send(UpdateParticipant("PA_ann", by="PA_ann", **fields)).refusal() == code
        assert scene.room.participants()[0].name == "x"
    assert scene.join("cat", metadata="123456").refusal() == "metadata_size"
    assert scene.send(UpdateRoom("123456")).refusal() == "metadata_size"
    assert scene.send(UpdateRoom("12345")).told("ann", RoomChanged)[0].room.metadata == "12345"
    assert scene.send(Join("PA_x", "")).refusal() == "identity_length"


def test_duplicates_replace_and_full_rooms_refuse() -> None:
    scene = Scene(max_participants=2).join("ann").join("ben")
    assert scene.join("cat").refusal() == "room_full"
    scene.send(Join("PA_ann2", "ann"))
    assert scene.told("ann", Left) == [Left(LeaveReason.DUPLICATE)]
    changed = [one.participants[0] for one in scene.told("ben", ParticipantsChanged)]
    assert [(one.sid, one.state) for one in changed] == [("PA_ann", "disconnected"), ("PA_ann2", "joined")]
    assert changed[0].leave_reason == "duplicate_identity"
    assert scene.join("bot", kind="agent").told("ben", ParticipantsChanged)


def test_becoming_active_and_leaving_are_told_to_observers() -> None:
    scene = Scene().join("ann").send(Activate("PA_ann"))
    assert scene.did(ParticipantJoined)[0].participant.state == "active"
    assert not scene.send(Activate("PA_ann")).out
    scene.publish("ann", "TR_1").send(Leave("PA_ann", LeaveReason.REMOVED))
    assert scene.did(TrackUnpublished)[0].track.sid == "TR_1"
    assert scene.did(ParticipantLeft)[0].participant.leave_reason == "participant_removed"
    assert scene.join("ben").send(Leave("PA_ben", LeaveReason.CLIENT)).did(ParticipantAborted)


def test_rooms_end_when_nobody_is_there() -> None:
    scene = Scene(empty_timeout_s=10, departure_timeout_s=3)
    scene.now = 9_999
    assert not scene.send(Tick()).did(RoomFinished)
    scene.join("bot", kind="agent").join("ann")
    scene.now = 60_000
    assert not scene.send(Tick()).did(RoomFinished)
    scene.send(Leave("PA_ann", LeaveReason.CLIENT))
    scene.now = 62_999
    assert not scene.send(Tick()).did(RoomFinished)
    scene.now = 63_000
    assert scene.send(Tick()).did(RoomFinished), "an agent does not keep a room open"
    assert scene.told("bot", Left) == [Left(LeaveReason.ROOM_CLOSED)]
    assert scene.room.closed
    assert not scene.join("late").out
    assert Scene(empty_timeout_s=0).send(Tick()).did(RoomFinished)


def test_closing() -> None:
    scene = Scene().join("ann").join("ben").send(Close(LeaveReason.SHUTDOWN))
    assert scene.told("ann", Left) == scene.told("ben", Left) == [Left(LeaveReason.SHUTDOWN)]
    assert scene.did(RoomFinished)[0].room.participants == 0


def test_news_of_the_engine() -> None:
    scene = Scene().join("ann").publish("ann", "TR_1").join("ben").join("cat", auto_subscribe=False)
    scene.send(Speaking((("PA_ann", 0.5, True), ("PA_gone", 0.1, True))))
    assert scene.told("cat", SpeakersChanged) == [SpeakersChanged((("PA_ann", 0.5, True),))]
    scene.send(MediaQuality("PA_ann", "poor", 1.5))
    assert scene.told("ann", QualityChanged) == scene.told("ben", QualityChanged)
    assert not scene.told("cat", QualityChanged), "it does not receive her"
    scene.send(Subscribe("PA_cat", ("TR_1",), on=True))
    assert scene.told("cat", QualityChanged) == [QualityChanged((("PA_ann", "poor", 1.5),))]
    codecs = (("vp8", (True, False, False)),)
    assert scene.send(Demand("TR_1", codecs)).told("ann", DemandChanged) == [DemandChanged("TR_1", codecs)]
    paused = scene.send(StreamPaused("PA_ben", "TR_1", True)).told("ben", StreamStateChanged)
    assert paused == [StreamStateChanged("PA_ann", "TR_1", True)]
    assert scene.send(FirstPacket("PA_ben", "TR_1")).told("ann", TrackSubscribed) == [TrackSubscribed("TR_1")]
    assert not scene.send(FirstPacket("PA_cat", "TR_1")).out, "told once"
    assert not scene.send(Bind("TR_9", "0", "vp8")).out


def test_updating_a_track() -> None:
    scene = Scene().join("ann").join("ben").publish("ann", "TR_1")
    scene.send(UpdateTrack("TR_1", width=320, height=180, by="PA_ann"))
    track = scene.told("ben", ParticipantsChanged)[0].participants[0].tracks[0]
    assert (track.width, track.height) == (320, 180)
    assert not scene.send(UpdateTrack("TR_1", width=320, by="PA_ann")).out
    assert scene.send(UpdateTrack("TR_1", width=1, by="PA_ben")).refusal() == "track_not_found"


def test_counts_are_told_with_the_next_tick_and_recording_at_once() -> None:
    scene = Scene().join("ann")
    assert not scene.told("ann", RoomChanged)
    assert scene.send(Tick()).told("ann", RoomChanged)[0].room.participants == 1
    assert not scene.send(Tick()).out
    recorder = replace(Permission(), recorder=True, hidden=True)
    assert scene.join("rec", permission=recorder).told("ann", RoomChanged)[0].room.active_recording
    assert not scene.send(Leave("PA_rec", LeaveReason.CLIENT)).told("ann", RoomChanged)[0].room.active_recording


def test_only_the_loudest_are_sent_on_where_a_room_asks_for_it() -> None:
    room = Room(RoomInfo("RM_1", "hall", loudest=3), Policy())
    assert LimitVoices(3) in room.start()
    scene = Scene().send(SetLoudest(2))
    assert scene.did(LimitVoices) == [LimitVoices(2)]
    assert scene.room.info.loudest == 2
    assert scene.send(SetLoudest(2)).out == []
    assert not any(isinstance(one, LimitVoices) for one in Scene().room.start())
