"""Going from room to room, and being shown in another: what each room says, and what it asks of the engine."""

from __future__ import annotations

from test_semantics import Scene

from roomful.core.commands import (
    Activate,
    Arrive,
    Bind,
    Depart,
    EndGuest,
    Join,
    Leave,
    Mute,
    PublishData,
    ShowGuest,
    UpdateParticipant,
)
from roomful.core.effects import (
    AddMember,
    HideTrack,
    MoveMember,
    MuteTrack,
    ParticipantJoined,
    ParticipantLeft,
    Receive,
    ReceiveData,
    RemoveMember,
    ShowTrack,
    TrackPublished,
    TrackUnpublished,
)
from roomful.core.events import DataHandles, Left, Moved, ParticipantsChanged
from roomful.core.permission import SubscriptionRules
from roomful.core.track import DataTrackSpec


def go(name: str, old: Scene, new: Scene) -> None:
    """The new room takes it in, then the old one lets go."""
    taken = old.room.traveller(f"PA_{name}")
    assert taken is not None
    new.send(Arrive(taken))
    old.send(Depart(f"PA_{name}"))


def scenes() -> tuple[Scene, Scene]:
    """Ann, who publishes, and Ben in one room; Cat, who publishes, in the other."""
    old = Scene().join("ann").join("ben").send(Activate("PA_ann")).publish("ann", "TR_a")
    old.send(PublishData("PA_ann", "DTR_a", DataTrackSpec(7, "ticks")))
    new = Scene().join("cat").publish("cat", "TR_c", source="microphone")
    return old, new


def test_who_moves_keeps_its_ids_and_receives_what_is_there() -> None:
    old, new = scenes()
    go("ann", old, new)
    (moved,) = new.told("ann", Moved)
    assert (moved.participant.sid, [one.sid for one in moved.participant.tracks]) == ("PA_ann", ["TR_a"])
    assert [one.sid for one in moved.others] == ["PA_cat"]
    assert moved.room.participants == 2
    first = next(one for one in new.out if getattr(one, "to", None) == ("PA_ann",))
    assert first.event is moved, "nothing of the new room is told before"  # type: ignore[attr-defined]
    assert new.did(MoveMember) == [MoveMember("PA_ann")]
    assert not new.did(AddMember)
    assert {(one.participant, one.track) for one in new.did(Receive)} == {("PA_cat", "TR_a"), ("PA_ann", "TR_c")}
    assert [one.track.sid for one in new.did(TrackPublished)] == ["TR_a"]
    assert new.did(ParticipantJoined)
    (seen,) = new.told("cat", ParticipantsChanged)
    assert (seen.participants[0].sid, seen.participants[0].state) == ("PA_ann", "active")
    # What it publishes from now on is of the new room.
    new.send(Mute("TR_a", muted=True, by="PA_ann"))
    assert new.did(MuteTrack) == [MuteTrack("TR_a", muted=True)]


def test_the_old_room_sees_it_leave_and_its_media_is_left_alone() -> None:
    old, new = scenes()
    go("ann", old, new)
    (seen,) = old.told("ben", ParticipantsChanged)
    assert (seen.participants[0].state, seen.participants[0].leave_reason) == ("disconnected", "migration")
    assert not old.told("ann", Left)
    assert not old.did(RemoveMember)
    assert old.did(ParticipantLeft)
    assert old.did(TrackUnpublished)
    assert old.room.participant("PA_ann") is None
    assert old.room.info.participants == 1
    old.send(Bind("TR_a", "1", "vp8"))
    assert old.out == [], "the old room knows nothing of its tracks"


def test_versions_grow_on_the_way_so_that_clients_take_the_news() -> None:
    old, new = scenes()
    before = old.room.participant("PA_ann")
    go("ann", old, new)
    go("ann", new, old)
    now = old.room.participant("PA_ann")
    assert before is not None
    assert now is not None
    assert now.version > before.version + 1
    assert [one.sid for one in now.tracks] == ["TR_a"]


def test_data_tracks_go_along() -> None:
    old, new = scenes()
    new.join("dan", auto_subscribe_data=True)
    go("ann", old, new)
    assert {one.participant for one in new.did(ReceiveData)} == {"PA_cat", "PA_dan"}
    (handles,) = new.told("dan", DataHandles)
    assert list(handles.handles.values()) == [("ann", "PA_ann", "DTR_a")]


def test_a_full_room_takes_nobody_and_nothing_has_changed() -> None:
    old, _ = scenes()
    full = Scene(max_participants=1).join("cat")
    taken = old.room.traveller("PA_ann")
    assert taken is not None
    full.send(Arrive(taken))
    assert full.refusal() == "room_full"
    assert [one.sid for one in full.room.participants()] == ["PA_cat"]


def test_the_same_identity_in_the_new_room_gives_way() -> None:
    old, _ = scenes()
    taken = old.room.traveller("PA_ann")
    assert taken is not None
    new = Scene().send(Join("PA_older", "ann")).send(Arrive(taken))
    assert new.told("older", Left)
    assert [one.sid for one in new.room.participants()] == ["PA_ann"]


def guest_scene() -> tuple[Scene, Scene]:
    old, new = scenes()
    ann = old.room.participant("PA_ann")
    assert ann is not None
    return old, new.send(ShowGuest(ann, SubscriptionRules()))


def test_a_guest_is_seen_and_received_and_nobody_entered() -> None:
    _, new = guest_scene()
    (seen,) = new.told("cat", ParticipantsChanged)
    guest = seen.participants[0]
    assert (guest.sid, guest.kind_details, guest.data_tracks) == ("PA_ann", ("forwarded",), ())
    assert new.did(ShowTrack) == [ShowTrack("TR_a")]
    assert [(one.participant, one.track) for one in new.did(Receive)] == [("PA_cat", "TR_a")]
    assert not new.did(ParticipantJoined)
    assert not new.did(TrackPublished)
    assert not new.did(AddMember)
    # Who comes later receives it, too.
    new.join("dan")
    assert ("PA_dan", "TR_a") in {(one.participant, one.track) for one in new.did(Receive)}


def test_a_guest_follows_its_own_room() -> None:
    old, new = guest_scene()
    old.send(Mute("TR_a", muted=True, by="PA_ann")).publish("ann", "TR_s", source="screen_share")
    ann = old.room.participant("PA_ann")
    assert ann is not None
    new.send(ShowGuest(ann, SubscriptionRules()))
    assert new.did(ShowTrack) == [ShowTrack("TR_s")]
    (seen,) = new.told("cat", ParticipantsChanged)
    assert {one.sid: one.muted for one in seen.participants[0].tracks} == {"TR_a": True, "TR_s": False}
    new.send(ShowGuest(ann, SubscriptionRules(everyone=False)))
    assert new.room.receivers("TR_a") == frozenset()
    new.send(EndGuest("PA_ann"))
    assert {one.track for one in new.did(HideTrack)} == {"TR_a", "TR_s"}
    assert not new.did(RemoveMember)
    assert new.told("cat", ParticipantsChanged)[0].participants[0].state == "disconnected"


def test_a_guest_is_changed_in_its_own_room_only_and_may_be_sent_away() -> None:
    _, new = guest_scene()
    for command in (Mute("TR_a", muted=True), UpdateParticipant("PA_ann", name="x"), Depart("PA_ann")):
        assert new.send(command).refusal() == "not_allowed", command
    assert new.room.traveller("PA_ann") is None
    new.send(Leave("PA_ann", "participant_removed"))
    assert new.did(HideTrack)
    assert not new.did(RemoveMember)
    assert not new.did(ParticipantLeft)


def test_a_guest_neither_keeps_a_room_open_nor_takes_a_name() -> None:
    old, new = guest_scene()
    ann = old.room.participant("PA_ann")
    assert ann is not None
    named = Scene().send(Join("PA_other", "ann")).send(ShowGuest(ann, SubscriptionRules()))
    assert named.refusal() == "identity_taken"
    # In person it takes the guest's place.
    taken = old.room.traveller("PA_ann")
    assert taken is not None
    new.send(Arrive(taken))
    new.send(EndGuest("PA_ann"))
    now = new.room.participant("PA_ann")
    assert now is not None
    assert now.kind_details == ()
