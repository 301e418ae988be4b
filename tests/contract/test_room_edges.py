"""Every edge that brings people into rooms, against a real server: what a room allows holds by whatever way they come.

Parametrised over the edges; a new edge adds one class to `EDGES`. What is so is asked of the room, by RoomService.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pytest
from livekit import api
from livekit.protocol import models, rtc
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from roomful import Roomful
from roomful.app.parts import for_tests
from roomful.core.policy import Policy

pytestmark = [
    pytest.mark.asyncio,
    # PyJWT warns of the development secret's length, which is LiveKit's choice.
    pytest.mark.filterwarnings("ignore:The HMAC key is"),
]
ROOM = "contract"


def token(identity: str, *, secret: str = "secret", hidden: bool = False, can_publish: bool = True) -> str:
    grants = api.VideoGrants(room_join=True, room=ROOM, hidden=hidden, can_publish=can_publish)
    return api.AccessToken("devkey", secret).with_identity(identity).with_grants(grants).to_jwt()


class Seat(Protocol):
    """Somebody in the room by one edge."""

    async def sees(self) -> set[str]:
        """Identities of the others, as the edge told them so far."""
        ...

    async def publish(self) -> bool:
        """Announces sound; False when it is refused."""
        ...

    async def leave(self) -> None: ...

    async def ended(self) -> None:
        """Returns once the edge has let it go."""
        ...

    async def close(self) -> None:
        """Hangs up, whatever went before."""
        ...


class RoomEdge(Protocol):
    async def enter(self, port: int, token: str) -> Seat:
        """Raises PermissionError when the edge refuses."""
        ...


class LiveKitSeat:
    """Reads only when it is asked something."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._others: set[str] = set()

    async def _hear(self, *kinds: str) -> rtc.SignalResponse:
        async with asyncio.timeout(10):
            while True:
                response = rtc.SignalResponse.FromString(await self._socket.recv(decode=False))
                self._note(response)
                if response.WhichOneof("message") in kinds:
                    return response

    def _note(self, response: rtc.SignalResponse) -> None:
        self._others |= {one.identity for one in response.join.other_participants}
        for one in response.update.participants:
            gone = one.state == models.ParticipantInfo.DISCONNECTED
            self._others = self._others - {one.identity} if gone else self._others | {one.identity}

    async def joined(self) -> None:
        self._me = (await self._hear("join")).join.participant.identity

    async def sees(self) -> set[str]:
        await self._socket.send(rtc.SignalRequest(ping=1).SerializeToString())
        await self._hear("pong")
        return self._others - {self._me}

    async def publish(self) -> bool:
        add = rtc.AddTrackRequest(cid="c", type=models.TrackType.AUDIO, source=models.TrackSource.MICROPHONE)
        await self._socket.send(rtc.SignalRequest(add_track=add).SerializeToString())
        return (await self._hear("track_published", "request_response")).WhichOneof("message") == "track_published"

    async def leave(self) -> None:
        await self._socket.send(rtc.SignalRequest(leave=rtc.LeaveRequest()).SerializeToString())
        await self._socket.close()

    async def ended(self) -> None:
        with pytest.raises(ConnectionClosed):
            await self._hear("no such kind")

    async def close(self) -> None:
        self._socket.transport.abort()
        await self._socket.wait_closed()


class LiveKit:
    """LiveKit's signaling: one transport (v1) or two (v0)."""

    def __init__(self, *, v1: bool) -> None:
        self._v1 = v1

    async def enter(self, port: int, token: str) -> Seat:
        request = rtc.JoinRequest(connection_settings=rtc.ConnectionSettings(auto_subscribe=True))
        request.client_info.protocol = 16
        wrapped = rtc.WrappedJoinRequest(join_request=request.SerializeToString()).SerializeToString()
        asked = base64.urlsafe_b64encode(wrapped).decode()
        path = f"/rtc/v1?join_request={asked}" if self._v1 else "/rtc?protocol=16&auto_subscribe=1"
        try:
            # One message at a time is held by the client, so that a reader that stops is felt by the server.
            socket = await connect(f"ws://127.0.0.1:{port}{path}&access_token={token}", max_queue=1, max_size=None)
        except InvalidStatus as refused:
            raise PermissionError(refused.response.status_code) from None
        seat = LiveKitSeat(socket)
        await seat.joined()
        return seat


EDGES: dict[str, RoomEdge] = {"livekit-v0": LiveKit(v1=False), "livekit-v1": LiveKit(v1=True)}
edges = pytest.mark.parametrize("edge", EDGES.values(), ids=list(EDGES))


class Server:
    def __init__(self, port: int, programs: api.LiveKitAPI, seats: AsyncExitStack) -> None:
        self._port = port
        self.programs = programs
        self._seats = seats

    async def enter(self, edge: RoomEdge, identity: str, *, hidden: bool = False, can_publish: bool = True) -> Seat:
        return await self.try_to_enter(edge, token(identity, hidden=hidden, can_publish=can_publish))

    async def try_to_enter(self, edge: RoomEdge, token: str) -> Seat:
        """Raises PermissionError."""
        seat = await edge.enter(self._port, token)
        self._seats.push_async_callback(seat.close)
        return seat

    async def inside(self) -> set[str]:
        """Identities in the room, hidden ones too."""
        listed = await self.programs.room.list_participants(api.ListParticipantsRequest(room=ROOM))
        return {one.identity for one in listed.participants}


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Server]:
    policy = Policy(coalesce_ms=1, mailbox_limit=16)
    server = Roomful(replace(for_tests(folder), policy=policy))

    @server.on_join
    def gate(request: object) -> bool:
        return getattr(request, "identity", "") != "mallory"

    await server.start()
    programs = api.LiveKitAPI(f"http://127.0.0.1:{server.port}", "devkey", "secret")
    try:
        await programs.room.create_room(api.CreateRoomRequest(name=ROOM))
        async with AsyncExitStack() as seats:
            yield Server(server.port, programs, seats)
    finally:
        await programs.aclose()  # type: ignore[no-untyped-call]
        await server.stop()


async def until(check: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        # Each check asks the server, which paces this.
        while not await check():
            pass


@edges
async def test_people_come_see_each_other_and_go(tmp_path: Path, edge: RoomEdge) -> None:
    async with running(tmp_path) as server:
        ada = await server.enter(edge, "ada")
        bob = await server.enter(edge, "bob")
        assert await server.inside() == {"ada", "bob"}

        async def both() -> bool:
            return await ada.sees() == {"bob"} and await bob.sees() == {"ada"}

        await until(both)
        await bob.leave()

        async def alone() -> bool:
            return await ada.sees() == set() and await server.inside() == {"ada"}

        await until(alone)


@edges
async def test_the_right_to_publish_decides(tmp_path: Path, edge: RoomEdge) -> None:
    async with running(tmp_path) as server:
        assert await (await server.enter(edge, "ada")).publish()
        assert not await (await server.enter(edge, "bob", can_publish=False)).publish()


@edges
async def test_strangers_stay_outside(tmp_path: Path, edge: RoomEdge) -> None:
    async with running(tmp_path) as server:
        for bad in ("", "no-token", token("eve", secret="a guess"), token("mallory")):
            with pytest.raises(PermissionError) as refused:
                await server.try_to_enter(edge, bad)
            assert refused.value.args[0] in (401, 403)
        assert await server.inside() == set()


@edges
async def test_who_is_hidden_is_told_to_nobody(tmp_path: Path, edge: RoomEdge) -> None:
    async with running(tmp_path) as server:
        ada = await server.enter(edge, "ada")
        ghost = await server.enter(edge, "ghost", hidden=True)
        late = await server.enter(edge, "late")
        assert await server.inside() == {"ada", "ghost", "late"}
        assert await ghost.sees() >= {"ada"}

        async def without_ghost() -> bool:
            return await ada.sees() == {"late"} and await late.sees() == {"ada"}

        await until(without_ghost)


@edges
async def test_a_reader_that_stops_goes_and_the_others_stay(tmp_path: Path, edge: RoomEdge) -> None:
    async with running(tmp_path) as server:
        ada = await server.enter(edge, "ada")
        slow = await server.enter(edge, "slow")
        reading = asyncio.create_task(_read_on(ada))
        try:
            async with asyncio.timeout(60):
                n = 0
                while "slow" in await server.inside():
                    n += 1
                    change = api.UpdateParticipantRequest(room=ROOM, identity="ada", metadata=f"{n}" + "m" * 60_000)
                    await server.programs.room.update_participant(change)
        finally:
            reading.cancel()
        assert await server.inside() == {"ada"}
        await slow.ended()


async def _read_on(seat: Seat) -> None:
    while True:
        await seat.sees()
