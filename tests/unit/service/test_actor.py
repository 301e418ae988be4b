"""A room at work: joining, resuming, detaching, media, slow readers and the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from service_fakes import World

from roomful.core.commands import Bind, Join, Leave, Publish, Speaking, UpdateParticipant
from roomful.core.effects import ParticipantJoined, ParticipantLeft, Receive, RoomFinished, RoomStarted
from roomful.core.errors import Denied, LimitExceeded, NotAllowed, NotFound, Unavailable
from roomful.core.events import LeaveReason, Left, ParticipantsChanged, Published, SpeakersChanged
from roomful.core.permission import Permission
from roomful.core.policy import Policy, RoomOptions
from roomful.core.track import AddTrack
from roomful.ports import DataPassed, EngineDied, SectionsWanted, SlowReader, TransportChanged
from roomful.service.actor import RoomActor
from roomful.service.directory import Directory
from roomful.service.mailbox import Item, Mailbox


def run(body: Callable[[World, Directory], Awaitable[None]], world: World | None = None) -> None:
    world = world or World()
    made = world

    async def main() -> None:
        directory = made.directory()
        await body(made, directory)
        await directory.drain()
        assert directory.rooms == 0
        assert not made.engine.sinks

    asyncio.run(asyncio.wait_for(main(), 20))


async def enter(directory: Directory, sid: str, identity: str, **fields: object) -> tuple[RoomActor, Mailbox]:
    mailbox = directory.new_mailbox()
    actor, _ = await directory.enter("room", Join(sid, identity, **fields), mailbox)  # type: ignore[arg-type]
    return actor, mailbox


async def until(mailbox: Mailbox, kind: type[object]) -> tuple[Item, list[Item]]:
    """The first item of a kind, and what came before it."""
    before: list[Item] = []
    async for item in mailbox:
        if isinstance(item, kind):
            return item, before
        before.append(item)
    raise AssertionError(f"no {kind.__name__} came, only {before}")


def connected(sid: str, transport: str, state: str = "connected") -> TransportChanged:
    return TransportChanged(sid, transport, "single", state, "udp", "192.0.2.1:9", "")


def test_joining_publishing_and_leaving() -> None:
    async def body(world: World, directory: Directory) -> None:
        actor, ann = await enter(directory, "PA_a", "ann")
        _, ben = await enter(directory, "PA_b", "ben")
        assert [role for _, _, role in world.engine.transports] == ["single", "single"]
        changed, _ = await until(ann, ParticipantsChanged)
        assert isinstance(changed, ParticipantsChanged)
        assert [one.identity for one in changed.participants] == ["ben"]

        await actor.ask(Publish("PA_a", "TR_1", AddTrack("cid", "video", source="camera")))
        published, _ = await until(ann, Published)
        assert isinstance(published, Published)
        assert (published.cid, published.track.sid) == ("cid", "TR_1")
        world.engine.sinks[actor.info.sid](Bind("TR_1", "3", "vp8"))
        changed, _ = await until(ben, ParticipantsChanged)
        assert isinstance(changed, ParticipantsChanged)
        assert [track.sid for track in changed.participants[0].tracks] == ["TR_1"]
        assert any(isinstance(one, Receive) and one.participant == "PA_b" for one in world.engine.orders)

        await actor.ask(Leave("PA_a", LeaveReason.CLIENT))
        left, _ = await until(ann, Left)
        assert left == Left(LeaveReason.CLIENT)
        assert await ann.get() is None
        changed, _ = await until(ben, ParticipantsChanged)
        assert isinstance(changed, ParticipantsChanged)
        assert changed.participants[0].state == "disconnected"

    run(body)


def test_media_makes_active_and_observers_hear_of_it() -> None:
    async def body(world: World, directory: Directory) -> None:
        actor, _ = await enter(directory, "PA_a", "ann")
        transport = actor.transports("PA_a")["single"]
        world.engine.sinks[actor.info.sid](connected("PA_a", transport))
        await actor.ask(Leave("PA_a", LeaveReason.CLIENT))
        await directory.delete("room")
        kinds = [type(one) for one in world.observed]
        assert kinds == [RoomStarted, ParticipantJoined, ParticipantLeft, RoomFinished]
        assert world.hooks.happenings == world.observed

    run(body)


def test_two_transports_for_older_clients() -> None:
    async def body(world: World, directory: Directory) -> None:
        actor, _ = await enter(directory, "PA_a", "ann", single_transport=False)
        assert set(actor.transports("PA_a")) == {"publisher", "subscriber"}
        await actor.restart_ice("PA_a")
        await actor.answer("PA_a", "sdp", 4)
        subscriber = actor.transports("PA_a")["subscriber"]
        assert world.engine.calls[-2:] == [("restart_ice", subscriber), ("answer", subscriber, "sdp", 4)]
        answer = await actor.offer("PA_a", "sdp", "publisher")
        assert answer.transport == actor.transports("PA_a")["publisher"]

    run(body)


def test_a_duplicate_identity_throws_the_older_one_out() -> None:
    async def body(world: World, directory: Directory) -> None:
        actor, older = await enter(directory, "PA_1", "ann")
        _, newer = await enter(directory, "PA_2", "ann")
        left, _ = await until(older, Left)
        assert left == Left(LeaveReason.DUPLICATE)
        assert [one.sid for one in actor.participants()] == ["PA_2"]
        assert not newer.closed

    run(body)


def test_hooks_may_refuse_and_no_room_is_made_for_nothing() -> None:
    async def body(world: World, directory: Directory) -> None:
        with pytest.raises(Denied, match="not you"):
            await enter(directory, "PA_1", "mallory")
        assert directory.rooms == 0

    run(body)


def test_refusals_are_raised_to_who_asks() -> None:
    async def body(world: World, directory: Directory) -> None:
        permission = Permission(can_publish=False)
        actor, mailbox = await enter(directory, "PA_1", "ann", permission=permission)
        with pytest.raises(NotAllowed):
            await actor.ask(Publish("PA_1", "TR_1", AddTrack("c", "audio")))
        with pytest.raises(NotAllowed):
            await actor.ask(UpdateParticipant("PA_1", name="x", by="PA_1"))
        with pytest.raises(NotFound, match="no such participant"):
            await actor.ask(Leave("PA_9", LeaveReason.CLIENT))
        assert mailbox.take_ready() == []

    run(body)


def test_room_full() -> None:
    async def body(world: World, directory: Directory) -> None:
        await directory.get_or_create("room", by_join=False, options=RoomOptions(max_participants=1))
        await enter(directory, "PA_1", "ann")
        with pytest.raises(LimitExceeded) as refused:
            await enter(directory, "PA_2", "ben")
        assert refused.value.code == "room_full"
        await enter(directory, "PA_3", "ann")
        await enter(directory, "PA_4", "robot", kind="agent")

    run(body)


def test_resume_hears_what_was_missed() -> None:
    async def body(world: World, directory: Directory) -> None:
        actor, ann = await enter(directory, "PA_a", "ann")
        await enter(directory, "PA_b", "ben")
        await until(ann, ParticipantsChanged)
        transport = actor.transports("PA_a")["single"]
        actor.detach("PA_a", ann)
        await actor.ask(Leave("PA_b", LeaveReason.CLIENT))
        await enter(directory, "PA_c", "cat")
        again = directory.new_mailbox()
        joined = await actor.resume("PA_a", again)
        assert [one.identity for one in joined.others] == ["cat"]
        assert joined.transports["single"] == transport
        changed, _ = await until(again, ParticipantsChanged)
        assert isinstance(changed, ParticipantsChanged)
        assert [(one.identity, one.state) for one in changed.participants] == [("ben", "disconnected")]
        with pytest.raises(NotFound):
            await actor.resume("PA_b", directory.new_mailbox())

    run(body)


def test_media_speaks_of_people_after_they_were_introduced() -> None:
    world = World(policy=Policy(coalesce_ms=20))

    async def body(world: World, directory: Directory) -> None:
        actor, ann = await enter(directory, "PA_a", "ann")
        await enter(directory, "PA_b", "ben")
        await until(ann, ParticipantsChanged)
        await enter(directory, "PA_c", "cat")
        tell = world.engine.sinks[actor.info.sid]
        tell(SectionsWanted("PA_a", "TP_1", 2, 1))
        tell(SectionsWanted("PA_a", "TP_1", 0, 1))
        wanted, before = await until(ann, SectionsWanted)
        assert wanted == SectionsWanted("PA_a", "TP_1", 2, 2)
        assert [type(one) for one in before] == [ParticipantsChanged]

    run(body, world)


def test_who_does_not_come_back_leaves() -> None:
    async def body(world: World, directory: Directory) -> None:
        actor, ann = await enter(directory, "PA_a", "ann")
        actor.detach("PA_a", ann)
        world.clock.ms += world.policy.resume_grace_ms - 1
        actor.tick()
        assert actor.participant("PA_a") is not None
        world.clock.ms += 1
        actor.tick()
        assert actor.participant("PA_a") is None

    run(body)


def test_lost_media_ends_a_stay_unless_it_comes_back() -> None:
    async def body(world: World, directory: Directory) -> None:
        actor, ann = await enter(directory, "PA_a", "ann")
        transport = actor.transports("PA_a")["single"]
        tell = world.engine.sinks[actor.info.sid]
        for state in ("failed", "connected", "disconnected"):
            tell(connected("PA_a", transport, state))
        await actor.ask(UpdateParticipant("PA_a", name="x"))
        world.clock.ms += world.policy.media_grace_ms
        actor.tick()
        left, _ = await until(ann, Left)
        assert left == Left(LeaveReason.CONNECTION_TIMEOUT)

    run(body)


def test_slow_readers_leave_and_the_room_goes_on() -> None:
    world = World(policy=Policy(coalesce_ms=1, mailbox_limit=4))

    async def body(world: World, directory: Directory) -> None:
        actor, slow = await enter(directory, "PA_a", "ann")
        _, _ = await enter(directory, "PA_b", "ben")
        for n in range(8):
            await actor.ask(Publish("PA_a", f"TR_{n}", AddTrack(f"c{n}", "audio")))
            if actor.participant("PA_a") is None:
                break
        assert actor.participant("PA_a") is None
        assert slow.take_ready() == [Left(LeaveReason.SLOW_READER)]
        world.engine.sinks[actor.info.sid](SlowReader("PA_b"))
        await asyncio.sleep(0.01)
        assert actor.participants() == ()

    run(body, world)


def test_levels_overwrite_each_other() -> None:
    async def body(world: World, directory: Directory) -> None:
        actor, ann = await enter(directory, "PA_a", "ann")
        tell = world.engine.sinks[actor.info.sid]
        for n in range(1, 6):
            tell(Speaking((("PA_a", n / 10, True),)))
        heard, _ = await until(ann, SpeakersChanged)
        assert heard == SpeakersChanged((("PA_a", 0.5, True),))
        assert ann.take_ready() == []

    run(body)


def test_data_reaches_the_hook() -> None:
    world = World()
    world.hooks.wants_data = True

    async def body(world: World, directory: Directory) -> None:
        actor, _ = await enter(directory, "PA_a", "ann")
        assert ("watch_data", True) in world.engine.calls
        world.engine.sinks[actor.info.sid](DataPassed("PA_a", "reliable", b"x"))
        world.engine.sinks[actor.info.sid](DataPassed("PA_gone", "reliable", b"y"))
        await asyncio.sleep(0.01)
        assert world.hooks.messages == [("room", "ann", b"x")]

    run(body, world)


def test_a_dead_engine_ends_the_room() -> None:
    async def body(world: World, directory: Directory) -> None:
        actor, ann = await enter(directory, "PA_a", "ann")
        world.engine.sinks[actor.info.sid](EngineDied("boom"))
        left, _ = await until(ann, Left)
        assert left == Left(LeaveReason.MEDIA_FAILURE)
        await asyncio.sleep(0.01)
        assert directory.get("room") is None
        with pytest.raises(NotFound):
            await actor.ask(UpdateParticipant("PA_a", name="x"))

    run(body)


def test_a_flooded_room_says_so() -> None:
    world = World(policy=Policy(inbox_limit=10))

    async def body(world: World, directory: Directory) -> None:
        actor, _ = await enter(directory, "PA_a", "ann")
        with pytest.raises(Unavailable) as refused:
            for n in range(20):
                actor.post(UpdateParticipant("PA_a", name=str(n)))
        assert refused.value.code == "overloaded"

    run(body, world)


def test_bounds_of_the_directory() -> None:
    world = World(policy=Policy(max_rooms=1, auto_create=False))

    async def body(world: World, directory: Directory) -> None:
        with pytest.raises(NotFound):
            await enter(directory, "PA_1", "ann")
        with pytest.raises(LimitExceeded):
            await directory.get_or_create("x" * 257, by_join=False)
        await directory.get_or_create("room", by_join=False)
        with pytest.raises(LimitExceeded) as refused:
            await directory.get_or_create("other", by_join=False)
        assert refused.value.code == "too_many_rooms"
        await enter(directory, "PA_1", "ann")
        assert [one.info.name for one in directory.list(["room", "nowhere"])] == ["room"]
        assert (directory.rooms, directory.participants) == (1, 1)
        await directory.delete("room")
        with pytest.raises(NotFound):
            await directory.delete("room")

    run(body, world)


def test_draining_tells_everybody_and_takes_nobody() -> None:
    async def body(world: World, directory: Directory) -> None:
        _, ann = await enter(directory, "PA_a", "ann")
        await directory.drain()
        left, _ = await until(ann, Left)
        assert left == Left(LeaveReason.SHUTDOWN)
        with pytest.raises(Unavailable):
            await enter(directory, "PA_b", "ben")

    run(body)


def test_a_room_that_ended_in_between_is_made_anew() -> None:
    async def body(world: World, directory: Directory) -> None:
        actor = await directory.get_or_create("room", by_join=False)
        closing = asyncio.create_task(actor.close())
        await asyncio.sleep(0)
        again, _ = await enter(directory, "PA_a", "ann")
        await closing
        assert again.info.sid != actor.info.sid
        assert directory.get("room") is again

    run(body)


def test_empty_rooms_end_in_time() -> None:
    async def body(world: World, directory: Directory) -> None:
        options = replace(RoomOptions(), empty_timeout_s=5, departure_timeout_s=2)
        actor = await directory.get_or_create("room", by_join=False, options=options)
        world.clock.ms += 4_999
        actor.tick()
        assert not actor.closed
        await enter(directory, "PA_a", "ann")
        world.clock.ms += 10_000
        actor.tick()
        assert not actor.closed
        await actor.ask(Leave("PA_a", LeaveReason.CLIENT))
        world.clock.ms += 1_999
        actor.tick()
        assert not actor.closed
        world.clock.ms += 1
        actor.tick()
        assert actor.closed

    run(body)
