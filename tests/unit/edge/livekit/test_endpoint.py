"""Whole connections over a played socket, a real room and an engine that only takes notes."""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest
from asgi_client import AsgiClient
from livekit.protocol import models, rtc
from service_fakes import World
from signal_fakes import FakeSocket
from starlette.applications import Starlette
from test_entry import wrapped

from roomful.auth.grant import Grant, VideoGrant
from roomful.core.commands import Bind, Leave, UpdateRoom
from roomful.core.events import LeaveReason
from roomful.core.occupant import Occupant
from roomful.core.participant import Participant
from roomful.core.policy import Policy
from roomful.edge.livekit.connection import Connection
from roomful.edge.livekit.edge import LiveKitEdge
from roomful.edge.livekit.session import Session
from roomful.edge.livekit.welcome import Welcome
from roomful.service.delivery import Member
from roomful.service.directory import Directory
from roomful.service.mailbox import Mailbox
from roomful.service.news import News

pytestmark = pytest.mark.asyncio


@dataclass
class Server:
    world: World = field(default_factory=World)

    def __post_init__(self) -> None:
        self.observed: list[LiveKitEdge] = []
        self.directory: Directory = replace_observer(self.world, self.observed)
        self.edge = LiveKitEdge(self.directory, {"key": "secret"}, Welcome())
        self.observed.append(self.edge)

    def token(self, identity: str = "ada", room: str = "tea", **video: object) -> str:
        rights = VideoGrant(room_join=True, room=room, **video)  # type: ignore[arg-type]
        return self.edge.tokens.sign(Grant(identity=identity, video=rights), 600)

    @asynccontextmanager
    async def connected(self, token: str = "", *, v1: bool = True, **query: str) -> AsyncIterator[FakeSocket]:
        """A connection that the test's client holds; it is hung up at the end."""
        request = rtc.JoinRequest(connection_settings=rtc.ConnectionSettings(auto_subscribe=True))
        request.client_info.protocol = 17
        asked = {"join_request": wrapped(request)} if v1 and "join_request" not in query else {"protocol": "16"}
        socket = FakeSocket({"access_token": token or self.token(), **asked, **query})
        task = asyncio.create_task(self.edge.signal.serve(socket, v1=v1))
        try:
            yield socket
        finally:
            socket.hang_up()
            await asyncio.wait_for(task, 5)


def replace_observer(world: World, edges: list[LiveKitEdge]) -> Directory:
    """The edge is made with the directory and listens to it too, as in a server."""
    directory = world.directory()
    directory._observers = (lambda happening: [one.observe(happening) for one in edges],)  # type: ignore[assignment]
    return directory


async def joined(socket: FakeSocket) -> rtc.JoinResponse:
    response = await socket.hear("join")
    assert response is not None
    return response.join


async def test_somebody_joins_and_hears_of_others() -> None:
    server = Server()
    async with server.connected() as ada:
        first = await joined(ada)
        assert (first.room.name, first.participant.identity, first.subscriber_primary) == ("tea", "ada", False)
        assert await ada.hear("refresh_token") is not None
        async with server.connected(server.token("bob")) as bob:
            assert [one.identity for one in (await joined(bob)).other_participants] == ["ada"]
            update = await ada.hear("update")
            assert update is not None and update.update.participants[0].identity == "bob"


async def test_two_transports_subscribe_first() -> None:
    server = Server()
    async with server.connected(v1=False) as ada:
        assert (await joined(ada)).subscriber_primary
    async with server.connected(server.token("bob", can_subscribe=False), v1=False) as bob:
        join = await joined(bob)
        assert (join.subscriber_primary, join.participant.permission.can_subscribe) == (False, False)


async def test_an_offer_in_the_join_request_is_answered_after_its_tracks() -> None:
    server = Server()
    request = rtc.JoinRequest(
        publisher_offer=rtc.SessionDescription(type="offer", sdp="o", id=1),
        add_track_requests=[rtc.AddTrackRequest(cid="c", type=models.TrackType.AUDIO)],
    )
    async with server.connected(join_request=wrapped(request)) as ada:
        kinds = []
        while "answer" not in kinds:
            response = await ada.hear()
            assert response is not None
            kinds.append(response.WhichOneof("message"))
        assert kinds[0] == "join"
        assert kinds.index("track_published") < kinds.index("answer")


async def test_publishing_muting_and_being_heard() -> None:
    server = Server()
    async with server.connected() as ada, server.connected(server.token("bob")) as bob:
        await joined(ada)
        await joined(bob)
        ada.say(add_track=rtc.AddTrackRequest(cid="c", type=models.TrackType.AUDIO, name="mic"))
        published = await ada.hear("track_published")
        assert published is not None
        sid = published.track_published.track.sid
        room = server.directory.require("tea")
        server.world.engine.sinks[room.info.sid](Bind(sid, "0", "opus"))
        while True:
            update = await bob.hear("update")
            assert update is not None
            if tracks := [track for one in update.update.participants for track in one.tracks]:
                break
        assert (tracks[0].sid, tracks[0].mime_type, tracks[0].muted) == (sid, "audio/opus", False)
        ada.say(mute=rtc.MuteTrackRequest(sid=sid, muted=True))
        update = await bob.hear("update")
        assert update is not None and update.update.participants[0].tracks[0].muted


async def test_what_is_not_allowed_is_refused_with_the_request() -> None:
    server = Server()
    async with server.connected(server.token(can_publish=False)) as ada:
        await joined(ada)
        ada.say(add_track=rtc.AddTrackRequest(cid="c", type=models.TrackType.AUDIO))
        refused = await ada.hear("request_response")
        assert refused is not None
        assert refused.request_response.reason == rtc.RequestResponse.NOT_ALLOWED
        assert refused.request_response.add_track.cid == "c"


async def test_the_older_of_two_with_one_identity_leaves() -> None:
    server = Server()
    async with server.connected() as first:
        await joined(first)
        async with server.connected() as second:
            await joined(second)
            leave = await first.hear("leave")
            assert leave is not None and leave.leave.reason == models.DisconnectReason.DUPLICATE_IDENTITY
            assert await first.hear("leave") is None
        assert len(server.directory.require("tea").participants()) == 1


@pytest.mark.parametrize("v1", [True, False])
async def test_a_lost_connection_is_resumed(v1: bool) -> None:
    server = Server()
    async with server.connected(v1=v1) as ada:
        sid = (await joined(ada)).participant.sid
    assert server.directory.require("tea").participant(sid) is not None
    server.world.engine.received[sid] = 7
    query = (
        {"join_request": wrapped(rtc.JoinRequest(reconnect=True, participant_sid=sid))}
        if v1
        else {"reconnect": "1", "sid": sid}
    )
    async with server.connected(v1=v1, **query) as again:
        for kind in ("reconnect", "update", "room_update"):
            response = await again.hear()
            assert response is not None and response.WhichOneof("message") == kind
            if kind == "reconnect":
                assert response.reconnect.last_message_seq == 7
        assert ("restart_ice" in [call[0] for call in server.world.engine.calls]) is not v1


async def test_a_resume_takes_over_from_a_connection_that_seems_alive() -> None:
    server = Server()
    async with server.connected() as old:
        sid = (await joined(old)).participant.sid
        request = wrapped(rtc.JoinRequest(reconnect=True, participant_sid=sid))
        async with server.connected(join_request=request) as new:
            assert await new.hear("reconnect") is not None
            assert await old.hear("leave") is None
        assert server.directory.require("tea").participant(sid) is not None


@pytest.mark.parametrize("sid", ["PA_gone", ""])
async def test_nothing_to_resume_sends_the_client_to_join(sid: str) -> None:
    server = Server()
    async with server.connected(v1=False, reconnect="1", sid=sid) as ada:
        leave = await ada.hear()
        assert leave is not None
        assert (leave.leave.reason, leave.leave.action) == (
            models.DisconnectReason.STATE_MISMATCH,
            rtc.LeaveRequest.RECONNECT,
        )
        assert await ada.hear() is None


async def test_a_client_may_ask_for_its_resume_to_be_dropped() -> None:
    server = Server()
    async with server.connected() as ada:
        sid = (await joined(ada)).participant.sid
        ada.say(simulate=rtc.SimulateScenario(disconnect_signal_on_resume_no_messages=True))
        ada.say(ping=1)
        assert await ada.hear("pong") is not None
    request = wrapped(rtc.JoinRequest(reconnect=True, participant_sid=sid))
    async with server.connected(join_request=request) as dropped:
        assert await dropped.hear() is None
    async with server.connected(join_request=request) as again:
        assert await again.hear("reconnect") is not None


@pytest.mark.parametrize(("believed", "goes_on"), [("", True), ("TR_gone", False)])
async def test_a_resume_with_a_track_that_waits_for_its_media_goes_on(believed: str, goes_on: bool) -> None:
    server = Server()
    async with server.connected() as ada:
        sid = (await joined(ada)).participant.sid
        ada.say(add_track=rtc.AddTrackRequest(cid="c", type=models.TrackType.AUDIO))
        published = await ada.hear("track_published")
        assert published is not None
    track = models.TrackInfo(sid=believed or published.track_published.track.sid)
    state = rtc.SyncState(publish_tracks=[rtc.TrackPublishedResponse(cid="c", track=track)])
    request = wrapped(rtc.JoinRequest(reconnect=True, participant_sid=sid, sync_state=state))
    async with server.connected(join_request=request) as again:
        assert await again.hear("reconnect") is not None
        again.say(ping=1)
        answer = await again.hear("pong" if goes_on else "leave")
        assert answer is not None
        assert goes_on or answer.leave.action == rtc.LeaveRequest.RECONNECT


async def test_a_client_may_ask_for_tcp_in_its_next_sessions() -> None:
    server = Server()
    tcp_only = server.world.engine.tcp_only
    for protocol, ways in (("TCP", 0), ("UDP", 1), ("UDP", 1)):
        async with server.connected() as ada:
            await joined(ada)
            assert len(tcp_only) == ways
            ada.say(
                simulate=rtc.SimulateScenario(switch_candidate_protocol=protocol),
            )
            ada.say(ping=1)
            assert await ada.hear("pong") is not None


async def test_leaving_ends_the_connection_and_the_participant() -> None:
    server = Server()
    async with server.connected() as ada:
        await joined(ada)
        ada.say(leave=rtc.LeaveRequest())
        assert await ada.hear("leave") is None
    assert server.directory.require("tea").participants() == ()


async def test_a_broken_frame_ends_the_connection_and_others_go_on() -> None:
    server = Server()
    async with server.connected() as ada, server.connected(server.token("bob")) as bob:
        await joined(ada)
        await joined(bob)
        ada.inbox.put_nowait(b"\xff\xff\xff")
        assert await ada.hear("leave") is None
        bob.say(ping=1)
        assert await bob.hear("pong") is not None


async def test_who_may_not_enter_hears_why() -> None:
    server = Server(World(policy=Policy(coalesce_ms=1, auto_create=False, max_participants=1)))
    cases = {
        "": 401,
        "nonsense": 401,
        server.token(room="tea"): 404,
        server.edge.tokens.sign(Grant(identity="a", video=VideoGrant(room="tea")), 600): 401,
        server.token("mallory", room_create=True): 403,
        server.token("x" * 300, room_create=True): 400,
    }
    for token, status in cases.items():
        socket = FakeSocket({"access_token": token})
        await server.edge.signal.serve(socket, v1=False)
        assert socket.refused is not None and socket.refused[0] == status, (token, socket.refused)
        assert socket.refused[1]
    async with server.connected(server.token(room_create=True)) as ada:
        await joined(ada)
        full = FakeSocket({"access_token": server.token("bob")})
        await server.edge.signal.serve(full, v1=False)
        assert full.refused == (403, "the room is full")


async def test_a_removed_participant_cannot_walk_back_in() -> None:
    server = Server()
    token = server.token()
    async with server.connected(token) as ada:
        await joined(ada)
        refreshed = await ada.hear("refresh_token")
        assert refreshed is not None
    server.edge.tokens.revoke("tea", "ada")
    for held in (token, refreshed.refresh_token):
        socket = FakeSocket({"access_token": held})
        await server.edge.signal.serve(socket, v1=False)
        assert socket.refused is not None and socket.refused[0] == 401
    async with server.connected(server.token("bob")) as bob:
        await joined(bob)


async def test_whoever_is_thrown_out_by_a_program_cannot_walk_back_in_either() -> None:
    server = Server()
    token = server.token()
    async with server.connected(token) as ada:
        sid = (await joined(ada)).participant.sid
        await server.directory.require("tea").ask(Leave(sid, "participant_removed"))
        assert await ada.hear("leave") is not None
    socket = FakeSocket({"access_token": token})
    await server.edge.signal.serve(socket, v1=False)
    assert socket.refused is not None and socket.refused[0] == 401


async def test_whoever_left_may_come_back_with_the_same_token() -> None:
    server = Server()
    token = server.token()
    for _ in range(2):
        async with server.connected(token) as ada:
            await joined(ada)
            ada.say(leave=rtc.LeaveRequest())
            assert await ada.hear("leave") is None


async def test_foreign_origins_are_refused_when_there_is_a_list() -> None:
    world = World()
    edge = LiveKitEdge(world.directory(), {"key": "secret"}, Welcome(), allowed_origins=["https://good.example/"])
    token = edge.tokens.sign(Grant(identity="a", video=VideoGrant(room_join=True, room="r")), 600)
    foreign = FakeSocket({"access_token": token}, {"origin": "https://evil.example"})
    await edge.signal.serve(foreign, v1=False)
    assert foreign.refused is not None and foreign.refused[0] == 403
    good = FakeSocket({"access_token": token}, {"origin": "https://GOOD.example"})
    task = asyncio.create_task(edge.signal.serve(good, v1=False))
    await joined(good)
    good.hang_up()
    await task


async def test_a_removed_right_ends_tracks_and_refreshes_the_token() -> None:
    from roomful.core.commands import UpdateParticipant
    from roomful.core.permission import Permission

    server = Server()
    async with server.connected() as ada:
        sid = (await joined(ada)).participant.sid
        ada.say(add_track=rtc.AddTrackRequest(cid="c", type=models.TrackType.AUDIO))
        assert await ada.hear("track_published") is not None
        change = UpdateParticipant(sid, permission=Permission(can_publish=False))
        await server.directory.require("tea").ask(change)
        kinds = [await ada.hear("track_unpublished", "refresh_token") for _ in range(2)]
        assert {one.WhichOneof("message") for one in kinds if one} == {"track_unpublished", "refresh_token"}
        fresh = next(one.refresh_token for one in kinds if one and one.refresh_token)
        assert server.edge.tokens.verify(fresh).video.can_publish is False


def validate(server: Server, path: str, **options: object) -> tuple[int, str]:
    response = AsgiClient(Starlette(routes=server.edge.routes())).get(path, **options)
    return response.status_code, response.text


async def test_validate_says_what_a_handshake_would() -> None:
    server = Server(World(policy=Policy(coalesce_ms=1, auto_create=False)))
    may, may_not = server.token(room_create=True), server.token()

    def ask() -> None:
        assert validate(server, f"/rtc/validate?access_token={may}") == (200, "success")
        assert validate(server, "/rtc/validate", headers={"authorization": f"Bearer {may}"}) == (200, "success")
        assert validate(server, f"/rtc/validate?access_token={may_not}") == (404, "requested room does not exist")
        assert validate(server, f"/rtc/v1/validate?access_token={may}")[0] == 400
        request = wrapped(rtc.JoinRequest())
        assert validate(server, f"/rtc/v1/validate?access_token={may}&join_request={request}") == (200, "success")
        assert validate(server, "/rtc/validate")[0] == 401
        assert validate(server, "/rtc/validate", headers={"authorization": "Basic x"})[0] == 401

    await asyncio.to_thread(ask)


async def test_validate_repeats_a_hooks_refusal() -> None:
    server = Server()
    token = server.token("mallory")
    socket = FakeSocket({"access_token": token})
    await server.edge.signal.serve(socket, v1=False)
    assert socket.refused == (403, "not you")
    told = await asyncio.to_thread(validate, server, f"/rtc/validate?access_token={token}")
    assert told == (403, "not you")
    server.world.clock.ms += 60_000
    assert (await asyncio.to_thread(validate, server, f"/rtc/validate?access_token={token}"))[0] == 200


async def test_everybody_is_told_when_the_server_ends() -> None:
    server = Server()
    async with server.connected() as ada:
        await joined(ada)
        await server.directory.drain()
        leave = await ada.hear("leave")
        assert leave is not None
        assert (leave.leave.reason, leave.leave.action) == (
            models.DisconnectReason.SERVER_SHUTDOWN,
            rtc.LeaveRequest.RECONNECT,
        )


async def test_a_reader_that_does_not_read_is_let_go() -> None:
    server = Server(World(policy=replace(Policy(), coalesce_ms=1, mailbox_limit=4)))
    async with server.connected() as slow:
        sid = (await joined(slow)).participant.sid

        async def stuck(message: str | bytes) -> None:
            await asyncio.sleep(3600)

        slow.slow = True
        slow.send = stuck  # type: ignore[method-assign]
        room = server.directory.require("tea")
        for number in range(20):
            await room.ask(UpdateRoom(str(number)))
        assert room.participant(sid) is None


async def test_a_room_told_at_once_hears_the_same_bytes_and_each_its_own() -> None:
    server = Server(World(policy=Policy(coalesce_ms=5)))
    async with server.connected() as ada, server.connected(server.token("bob")) as bob:
        for one in (ada, bob):
            await joined(one)
            await one.hear("refresh_token")
        async with server.connected(server.token("cat")) as cat:
            await joined(cat)
            raw = [await asyncio.wait_for(one.outbox.get(), 5) for one in (ada, bob)]
            while rtc.SignalResponse.FromString(raw[0]).update.participants[-1].identity != "cat":  # type: ignore[arg-type]
                raw[0] = await asyncio.wait_for(ada.outbox.get(), 5)
            assert raw[0] is raw[1]
            cat.say(update_metadata=rtc.UpdateParticipantMetadata(name="Cat"))
            # It may not: the refusal is its own, and nobody else hears of it.
            assert await cat.hear("request_response") is not None
            assert ada.outbox.empty() and bob.outbox.empty()


async def test_a_connection_that_fails_while_it_is_told_ends_alone() -> None:
    server = Server()
    async with server.connected() as ada, server.connected(server.token("bob")) as bob:
        for one in (ada, bob):
            await joined(one)
            await one.hear("refresh_token")

        def broken(messages: Sequence[str | bytes]) -> bool:
            if messages:
                raise RuntimeError("no")
            return True

        ada.send_now = broken  # type: ignore[method-assign]
        await server.directory.require("tea").ask(UpdateRoom("m"))
        assert await ada.hear("room_update") is None
        assert await bob.hear("room_update") is not None


async def test_coming_and_going_leaves_nothing_behind() -> None:
    """What is kept of people who have left: nothing, whichever of them one counts."""
    server = Server()

    async def visit(number: int) -> None:
        async with server.connected(server.token(f"guest {number}")) as guest:
            await joined(guest)
            if number % 2:
                guest.say(leave=rtc.LeaveRequest())
                assert await guest.hear("leave") is None

    async def crowd(first: int) -> None:
        for start in range(first, first + 200, 20):
            await asyncio.gather(*(visit(number) for number in range(start, start + 20)))
        actor = server.directory.require("tea")
        for one in actor.participants():
            if one.identity != "host":
                await actor.ask(Leave(one.sid, LeaveReason.SIGNAL_CLOSE))
        await asyncio.sleep(0.01)

    def held() -> dict[str, int]:
        for notes in (server.world.observed, server.world.hooks.happenings, server.world.engine.orders):
            notes.clear()
        gc.collect()
        kinds = (Occupant, Member, News, Mailbox, Session, Connection, asyncio.Task)
        count = Counter(type(one) for one in gc.get_objects())
        # The last event that went to many is kept, with whom it spoke of: a few of the last.
        assert len(server.edge.signal._responses.snapshots) <= count[Participant] < 50
        return {kind.__name__: count[kind] for kind in kinds} | {"tokens": len(server.edge.tokens._held)}

    async with server.connected(server.token("host")) as host:
        await joined(host)
        await crowd(0)
        before = held()
        await crowd(200)
        assert held() == before


async def test_somebody_is_taken_to_another_room_and_speaks_to_it() -> None:
    server = Server()
    async with (
        server.connected(server.token(room_admin=True)) as ada,
        server.connected(server.token("bob", "garden")) as bob,
    ):
        me = (await joined(ada)).participant
        await joined(bob)
        await server.directory.move("tea", "ada", "garden")
        response = await ada.hear("room_moved")
        assert response is not None
        moved = response.room_moved
        assert (moved.room.name, moved.participant.sid) == ("garden", me.sid)
        assert [one.identity for one in moved.other_participants] == ["bob"]
        grant = server.edge.tokens.verify(moved.token)
        assert (grant.video.room, grant.video.room_join, grant.video.room_admin) == ("garden", True, False)
        while True:
            update = await bob.hear("update")
            assert update is not None
            if [one.identity for one in update.update.participants] == ["ada"]:
                break
        ada.say(add_track=rtc.AddTrackRequest(cid="c", type=models.TrackType.AUDIO, name="mic"))
        published = await ada.hear("track_published")
        assert published is not None
        assert server.directory.require("tea").participants() == ()
        # The token opens the new room to a connection that comes back.
        async with server.connected(moved.token, v1=False, reconnect="1", sid=me.sid) as again:
            assert await again.hear("reconnect") is not None
        # Back at home its own token holds again.
        async with server.connected(server.token(room_admin=True), v1=False) as eve:
            await joined(eve)
    assert server.directory.require("garden").by_identity("ada") is not None


async def test_a_client_is_sent_to_a_room_on_another_thread() -> None:
    server = Server()
    server.world.engine.apart = True
    async with server.connected() as ada:
        await joined(ada)
        assert await ada.hear("refresh_token") is not None
        await server.directory.move("tea", "ada", "garden")
        token = await ada.hear("refresh_token")
        assert token is not None
        assert server.edge.tokens.verify(token.refresh_token).video.room == "garden"
        left = await ada.hear("leave")
        assert left is not None
        assert (left.leave.action, left.leave.reason) == (rtc.LeaveRequest.RECONNECT, models.DisconnectReason.MIGRATION)
