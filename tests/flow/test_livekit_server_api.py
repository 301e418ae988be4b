"""A real server, the PyPI `livekit-api` and `livekit` packages: rooms, participants, data, calls, webhooks, removal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from livekit import api, rtc
from livekit.protocol.room import PerformRpcRequest, PerformRpcResponse
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from roomful import Roomful
from roomful.app.listen import Listener, bind
from roomful.app.parts import for_tests
from roomful.config.settings import Webhook

pytestmark = [
    pytest.mark.asyncio,
    # PyJWT warns of the development secret's length, which is LiveKit's choice.
    pytest.mark.filterwarnings("ignore:The HMAC key is"),
]


@asynccontextmanager
async def a_server(folder: Path, **changes: object) -> AsyncIterator[tuple[str, api.LiveKitAPI]]:
    server = Roomful(replace(for_tests(folder), **changes))  # type: ignore[arg-type]
    await server.start()
    programs = api.LiveKitAPI(f"http://127.0.0.1:{server.port}", "devkey", "secret")
    try:
        yield f"ws://127.0.0.1:{server.port}", programs
    finally:
        await programs.aclose()  # type: ignore[no-untyped-call]
        await server.stop()


def token(identity: str, room: str = "tea") -> str:
    grants = api.VideoGrants(room_join=True, room=room)
    return api.AccessToken("devkey", "secret").with_identity(identity).with_grants(grants).to_jwt()


async def test_a_program_runs_a_room(tmp_path: Path) -> None:
    async with a_server(tmp_path) as (url, programs):
        made = await programs.room.create_room(api.CreateRoomRequest(name="tea", metadata="m", empty_timeout=60))
        assert (made.name, made.metadata) == ("tea", "m")
        room, data, over = rtc.Room(), asyncio.Queue[bytes](), asyncio.Event()
        room.on("data_received", lambda packet: data.put_nowait(packet.data))
        room.on("disconnected", lambda reason: over.set())
        held = token("ada")
        await room.connect(url, held)

        @room.local_participant.register_rpc_method("greet")
        async def greet(call: rtc.RpcInvocationData) -> str:
            return f"hello {call.payload}"

        listed = await programs.room.list_participants(api.ListParticipantsRequest(room="tea"))
        assert [one.identity for one in listed.participants] == ["ada"]
        await programs.room.send_data(api.SendDataRequest(room="tea", data=b"hi", topic="t"))
        assert await asyncio.wait_for(data.get(), 10) == b"hi"
        changed = await programs.room.update_participant(
            api.UpdateParticipantRequest(room="tea", identity="ada", name="Ada", attributes={"k": "v"})
        )
        assert (changed.name, changed.attributes["k"]) == ("Ada", "v")
        service = programs.room
        answer = await service._client.request(
            "RoomService",
            "PerformRpc",
            PerformRpcRequest(room="tea", destination_identity="ada", method="greet", payload="you"),
            service._auth_header(api.VideoGrants(room_admin=True, room="tea")),
            PerformRpcResponse,
        )
        assert answer.payload == "hello you"
        await programs.room.remove_participant(api.RoomParticipantIdentity(room="tea", identity="ada"))
        await asyncio.wait_for(over.wait(), 10)
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"{url}/rtc?access_token={held}")
        assert refused.value.response.status_code == 401
        with pytest.raises(api.TwirpError) as missing:
            await programs.room.get_participant(api.RoomParticipantIdentity(room="tea", identity="ada"))
        assert missing.value.code == "not_found"
        await programs.room.delete_room(api.DeleteRoomRequest(room="tea"))
        assert list((await programs.room.list_rooms(api.ListRoomsRequest())).rooms) == []


async def test_dispatches_are_made_and_listed(tmp_path: Path) -> None:
    async with a_server(tmp_path) as (_, programs):
        made = await programs.agent_dispatch.create_dispatch(
            api.CreateAgentDispatchRequest(room="tea", agent_name="helper", metadata="m")
        )
        listed = await programs.agent_dispatch.list_dispatch(room_name="tea")
        assert made.id in [one.id for one in listed]
        await programs.agent_dispatch.delete_dispatch(made.id, "tea")


async def test_webhooks_arrive_in_order_and_are_drained_at_the_end(tmp_path: Path) -> None:
    told: list[str] = []
    joined = asyncio.Event()
    receiver = api.WebhookReceiver(api.TokenVerifier("devkey", "secret"))

    async def hook(request: Request) -> Response:
        body = (await request.body()).decode()
        told.append(receiver.receive(body, request.headers["authorization"]).event)
        if told[-1] == "participant_joined":
            joined.set()
        return Response()

    listener = Listener(Starlette(routes=[Route("/hook", hook, methods=["POST"])]), bind(["127.0.0.1"], 0, flag=""))
    await listener.start()
    try:
        webhook = Webhook(urls=(f"http://127.0.0.1:{listener.port}/hook",))
        async with a_server(tmp_path, webhook=webhook) as (url, _):
            room = rtc.Room()
            await room.connect(url, token("ada"))
            await asyncio.wait_for(joined.wait(), 10)
            await room.disconnect()
        assert told == ["room_started", "participant_joined", "participant_left", "room_finished"]
    finally:
        await listener.stop()
