"""Two rooms at work: somebody is moved or forwarded between them, and each session hears what it must."""

from __future__ import annotations

import pytest
from service_fakes import World
from test_actor import run, until

from roomful.core.commands import Bind, Join, Leave, Mute, Publish
from roomful.core.effects import HideTrack, MoveMember, ParticipantJoined, ParticipantLeft, RemoveMember, ShowTrack
from roomful.core.errors import AlreadyExists, Invalid, LimitExceeded, NotFound, Unavailable
from roomful.core.events import LeaveReason, Left, Moved, ParticipantsChanged, SentOn
from roomful.core.policy import RoomOptions
from roomful.core.track import AddTrack
from roomful.ports import TransportChanged
from roomful.service.actor import RoomActor
from roomful.service.directory import Directory
from roomful.service.mailbox import Mailbox


class Session:
    """What an edge does: it speaks to the room it is in."""

    def __init__(self, actor: RoomActor, mailbox: Mailbox) -> None:
        self.actor = actor
        self.mailbox = mailbox
        mailbox.relocate = self._relocate

    def _relocate(self, actor: RoomActor) -> None:
        self.actor = actor


async def enter(directory: Directory, room: str, identity: str) -> Session:
    mailbox = directory.new_mailbox()
    actor, _ = await directory.enter(room, Join(f"PA_{identity}", identity), mailbox)
    return Session(actor, mailbox)


async def with_track(directory: Directory, world: World) -> Session:
    ann = await enter(directory, "here", "ann")
    transport = ann.actor.transports("PA_ann")["single"]
    await ann.actor.ask(Publish("PA_ann", "TR_1", AddTrack("cid", "video", source="camera")))
    sink = world.engine.sinks[ann.actor.info.sid]
    sink(Bind("TR_1", "3", "vp8"))
    sink(TransportChanged("PA_ann", transport, "single", "connected", "udp", "192.0.2.1:9", ""))
    await ann.actor.ask(Mute("TR_1", muted=False, by="PA_ann"))
    return ann


def test_a_session_goes_on_in_the_other_room() -> None:
    async def body(world: World, directory: Directory) -> None:
        ann = await with_track(directory, world)
        ben = await enter(directory, "there", "ben")
        transports = ann.actor.transports("PA_ann")
        await directory.move("here", "ann", "there")
        moved, _ = await until(ann.mailbox, Moved)
        assert isinstance(moved, Moved)
        assert (moved.room.name, [one.identity for one in moved.others]) == ("there", ["ben"])
        assert ann.actor is ben.actor
        assert ann.actor.transports("PA_ann") == transports
        changed, _ = await until(ben.mailbox, ParticipantsChanged)
        assert isinstance(changed, ParticipantsChanged)
        assert [track.sid for track in changed.participants[0].tracks] == ["TR_1"]
        assert MoveMember("PA_ann") in world.engine.orders
        assert not any(isinstance(one, RemoveMember) for one in world.engine.orders)
        told = [one for one in world.observed if isinstance(one, ParticipantJoined | ParticipantLeft)]
        assert [(type(one).__name__, one.room.name) for one in told] == [
            ("ParticipantJoined", "here"),
            ("ParticipantLeft", "here"),
            ("ParticipantJoined", "there"),
        ]
        # It is a participant of the new room like any other.
        await ann.actor.ask(Mute("TR_1", muted=True, by="PA_ann"))
        await ann.actor.ask(Leave("PA_ann", LeaveReason.CLIENT))
        assert (await until(ann.mailbox, Left))[0] == Left(LeaveReason.CLIENT)
        assert RemoveMember("PA_ann") in world.engine.orders

    run(body)


def test_where_media_threads_differ_the_client_is_sent_on() -> None:
    async def body(world: World, directory: Directory) -> None:
        ann = await with_track(directory, world)
        world.engine.apart = True
        await directory.move("here", "ann", "there")
        assert await ann.mailbox.get() is not None
        sent, _ = await until(ann.mailbox, SentOn)
        assert sent == SentOn("there")
        assert (await until(ann.mailbox, Left))[0] == Left(LeaveReason.MIGRATION)
        assert RemoveMember("PA_ann") in world.engine.orders
        await with_track(directory, world)
        with pytest.raises(Unavailable) as refused:
            await directory.forward("here", "ann", "there")
        assert refused.value.code == "other_thread"

    run(body)


def test_what_cannot_be_moved_stays() -> None:
    async def body(world: World, directory: Directory) -> None:
        ann = await with_track(directory, world)
        await directory.get_or_create("full", by_join=False, options=RoomOptions(max_participants=1))
        await enter(directory, "full", "cat")
        with pytest.raises(LimitExceeded):
            await directory.move("here", "ann", "full")
        for wrong in (("nowhere", "ann", "there"), ("here", "eve", "there")):
            with pytest.raises(NotFound):
                await directory.move(*wrong)
        with pytest.raises(Invalid):
            await directory.move("here", "ann", "here")
        ann.mailbox.relocate = None
        with pytest.raises(Invalid):
            await directory.move("here", "ann", "there")
        ann.actor.detach("PA_ann", ann.mailbox)
        with pytest.raises(Invalid):
            await directory.move("here", "ann", "there")
        assert ann.actor.participant("PA_ann") is not None
        assert not any(isinstance(one, MoveMember) for one in world.engine.orders)

    run(body)


def test_a_forwarded_participant_is_followed_until_it_is_gone() -> None:
    async def body(world: World, directory: Directory) -> None:
        ann = await with_track(directory, world)
        ben = await enter(directory, "there", "ben")
        await directory.forward("here", "ann", "there")
        assert ShowTrack("TR_1") in world.engine.orders
        with pytest.raises(AlreadyExists):
            await directory.forward("here", "ann", "there")
        await ann.actor.ask(Mute("TR_1", muted=True, by="PA_ann"))
        await ben.actor.ask(Publish("PA_ben", "TR_2", AddTrack("cid", "audio", source="microphone")))
        guest = ben.actor.participant("PA_ann")
        assert guest is not None
        assert (guest.kind_details, guest.tracks[0].muted) == (("forwarded",), True)
        await ann.actor.ask(Leave("PA_ann", LeaveReason.CLIENT))
        await ben.actor.ask(Mute("TR_2", muted=True, by="PA_ben"))
        assert ben.actor.participant("PA_ann") is None
        assert HideTrack("TR_1") in world.engine.orders

    run(body)


def test_a_guest_that_is_thrown_out_stays_out() -> None:
    async def body(world: World, directory: Directory) -> None:
        ann = await with_track(directory, world)
        ben = await enter(directory, "there", "ben")
        await directory.forward("here", "ann", "there")
        await ben.actor.ask(Leave("PA_ann", LeaveReason.REMOVED))
        await ann.actor.ask(Mute("TR_1", muted=True, by="PA_ann"))
        await ben.actor.ask(Publish("PA_ben", "TR_2", AddTrack("cid", "audio", source="microphone")))
        assert ben.actor.participant("PA_ann") is None
        # Asked again, it is shown again; a room that ends lets go.
        await directory.forward("here", "ann", "there")
        assert ben.actor.participant("PA_ann") is not None
        await directory.delete("there")
        await ann.actor.ask(Mute("TR_1", muted=False, by="PA_ann"))
        assert ann.actor.participant("PA_ann") is not None

    run(body)


def test_who_is_shown_somewhere_and_then_goes_there_is_there_once() -> None:
    async def body(world: World, directory: Directory) -> None:
        await with_track(directory, world)
        ben = await enter(directory, "there", "ben")
        await directory.forward("here", "ann", "there")
        await directory.move("here", "ann", "there")
        await ben.actor.ask(Publish("PA_ben", "TR_2", AddTrack("cid", "audio", source="microphone")))
        now = ben.actor.participant("PA_ann")
        assert now is not None
        assert now.kind_details == ()
        assert len(ben.actor.participants()) == 2

    run(body)
