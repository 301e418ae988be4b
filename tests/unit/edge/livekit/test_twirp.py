"""RoomService over HTTP: rights, bodies, errors, and what each method does."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from livekit.protocol import models, room
from service_fakes import World
from starlette.applications import Starlette

from roomful.auth.grant import Grant, VideoGrant
from roomful.core.commands import Bind, Join, Publish
from roomful.core.events import Left
from roomful.core.track import AddTrack
from roomful.edge.livekit.edge import LiveKitEdge
from roomful.edge.livekit.twirp import remote_call
from roomful.edge.livekit.welcome import Welcome
from roomful.ports import DataPassed

pytestmark = pytest.mark.asyncio


class Api:
    """A program with a token."""

    def __init__(self, world: World | None = None) -> None:
        self.world = world or World()
        self.directory = self.world.directory()
        self.edge = LiveKitEdge(self.directory, {"key": "secret"}, Welcome())
        self.app = Starlette(routes=self.edge.routes())

    def token(self, **video: Any) -> str:
        return self.edge.tokens.sign(Grant(video=VideoGrant(**video)), 600)

    async def post(self, method: str, content: bytes | str, **options: Any) -> httpx.Response:
        """With every right in the room `tea` unless `video` says otherwise."""
        video = options.pop("video", {"room_create": True, "room_list": True, "room_admin": True, "room": "tea"})
        headers = {"content-type": "application/json", "authorization": f"Bearer {self.token(**video)}"}
        headers |= options.pop("headers", {})
        transport = httpx.ASGITransport(app=self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            path = f"/twirp/livekit.RoomService/{method}"
            return await client.request(options.pop("verb", "POST"), path, content=content, headers=headers)

    async def json(self, method: str, **fields: Any) -> Any:
        response = await self.post(method, json.dumps(fields))
        assert response.status_code == 200, response.text
        return response.json()

    async def ada(self) -> str:
        """Somebody with a track in the room `tea`; her sid."""
        self.mailbox = self.directory.new_mailbox()
        actor, joined = await self.directory.enter("tea", Join("PA_ada", "ada"), self.mailbox)
        await actor.ask(Publish("PA_ada", "TR_1", AddTrack("c", "audio", source="microphone")))
        await actor.ask(Bind("TR_1", "0", "opus"))
        return joined.participant.sid


async def test_rooms_are_made_listed_changed_and_deleted() -> None:
    api = Api()
    made = await api.json("CreateRoom", name="tea", empty_timeout=60, metadata="m", unknown=1)
    assert (made["name"], made["empty_timeout"], made["metadata"], made["num_participants"]) == ("tea", 60, "m", 0)
    assert (await api.json("CreateRoom", name="tea", metadata="other"))["metadata"] == "m"
    assert [one["name"] for one in (await api.json("ListRooms"))["rooms"]] == ["tea"]
    assert (await api.json("ListRooms", names=["other"]))["rooms"] == []
    assert (await api.json("UpdateRoomMetadata", room="tea", metadata="new"))["metadata"] == "new"
    assert await api.json("DeleteRoom", room="tea") == {}
    again = await api.post("DeleteRoom", '{"room": "tea"}')
    assert (again.status_code, again.json()["code"]) == (404, "not_found")
    assert again.json()["msg"] == "requested room does not exist"


async def test_protobuf_in_protobuf_out() -> None:
    api = Api()
    response = await api.post(
        "CreateRoom",
        room.CreateRoomRequest(name="tea").SerializeToString(),
        headers={"content-type": "application/protobuf"},
    )
    assert response.headers["content-type"] == "application/protobuf"
    assert models.Room.FromString(response.content).name == "tea"


async def test_participants_are_listed_changed_muted_and_removed() -> None:
    api = Api()
    await api.ada()
    listed = (await api.json("ListParticipants", room="tea"))["participants"]
    assert [(one["identity"], one["tracks"][0]["sid"]) for one in listed] == [("ada", "TR_1")]
    changed = await api.json("UpdateParticipant", room="tea", identity="ada", name="Ada", attributes={"k": "v"})
    assert (changed["name"], changed["attributes"], changed["permission"]["can_publish"]) == ("Ada", {"k": "v"}, True)
    muted = await api.json("MutePublishedTrack", room="tea", identity="ada", track_sid="TR_1", muted=True)
    assert muted["track"]["muted"] is True
    unmute = await api.post("MutePublishedTrack", '{"room": "tea", "identity": "ada", "track_sid": "TR_1"}')
    assert (unmute.status_code, unmute.json()["code"]) == (412, "failed_precondition")
    missing = await api.post("MutePublishedTrack", '{"room": "tea", "identity": "ada", "track_sid": "TR_9"}')
    assert missing.json() == {"code": "not_found", "msg": "track is not found"}
    permission = {"can_subscribe": True, "can_publish": False}
    silenced = await api.json("UpdateParticipant", room="tea", identity="ada", permission=permission)
    assert silenced["tracks"] == []
    assert await api.json("UpdateSubscriptions", room="tea", identity="ada", track_sids=["TR_9"], subscribe=True) == {}
    assert await api.json("RemoveParticipant", room="tea", identity="ada") == {}
    assert any(isinstance(item, Left) for item in api.mailbox.take_ready())
    gone = await api.post("GetParticipant", '{"room": "tea", "identity": "ada"}')
    assert gone.json() == {"code": "not_found", "msg": "participant does not exist"}


async def test_a_removed_participants_tokens_stop_working() -> None:
    api = Api()
    await api.ada()
    held = Grant(identity="ada", video=VideoGrant(room_join=True, room="tea"))
    token = api.edge.tokens.verify(api.edge.tokens.sign(held, 600))
    assert not api.edge.tokens.refuses("tea", token)
    await api.json("RemoveParticipant", room="tea", identity="ada")
    assert api.edge.tokens.refuses("tea", token)
    assert not api.edge.tokens.refuses("other", token)


async def test_data_goes_to_those_named() -> None:
    api = Api()
    await api.ada()
    await api.json("SendData", room="tea", data="aGk=", kind="LOSSY", topic="t", destination_identities=["ada"])
    name, kind, packet, to = api.world.engine.calls[-1]
    assert (name, kind, to) == ("send_data", "lossy", ("PA_ada",))
    assert isinstance(packet, bytes)
    user = models.DataPacket.FromString(packet).user
    assert (user.payload, user.topic) == (b"hi", "t")
    calls = len(api.world.engine.calls)
    await api.json("SendData", room="tea", data="aGk=", destination_identities=["nobody"])
    assert len(api.world.engine.calls) == calls
    await api.json("SendData", room="tea", data="aGk=")
    assert api.world.engine.calls[-1][3] == ()
    nonce = await api.post("SendData", '{"room": "tea", "nonce": "aGk="}')
    assert (nonce.status_code, nonce.json()["code"]) == (400, "invalid_argument")


@pytest.mark.parametrize(
    ("method", "video"),
    [
        ("CreateRoom", {"room_admin": True, "room": "tea"}),
        ("DeleteRoom", {"room_admin": True, "room": "tea"}),
        ("ListRooms", {"room_create": True}),
        ("ListParticipants", {"room_admin": True, "room": "other"}),
        ("ListParticipants", {"room_join": True, "room": "tea"}),
        ("GetParticipant", {"room_create": True}),
        ("RemoveParticipant", {"room_create": True}),
        ("MutePublishedTrack", {"room_create": True}),
        ("UpdateParticipant", {"room_create": True}),
        ("UpdateSubscriptions", {"room_create": True}),
        ("SendData", {"room_create": True}),
        ("UpdateRoomMetadata", {"room_create": True}),
        ("PerformRpc", {"room_create": True}),
    ],
)
async def test_every_method_asks_for_its_right(method: str, video: dict[str, Any]) -> None:
    response = await Api().post(
        method, '{"room": "tea"}' if method not in ("CreateRoom", "ListRooms") else "{}", video=video
    )
    assert (response.status_code, response.json()["code"]) == (401, "unauthenticated")


@pytest.mark.parametrize(
    ("options", "status", "code"),
    [
        ({"content": "{"}, 400, "malformed"),
        ({"content": '{"names": 1}'}, 400, "malformed"),
        ({"content": b"\xff"}, 400, "malformed"),
        ({"content": "[" * 10_000}, 400, "malformed"),
        ({"content": "", "headers": {"content-type": "text/plain"}}, 404, "bad_route"),
        ({"content": "{}", "headers": {"authorization": "Bearer x"}}, 401, "unauthenticated"),
        ({"content": "{}", "headers": {"authorization": ""}}, 401, "unauthenticated"),
        ({"content": " " * (5 << 20)}, 413, "resource_exhausted"),
        ({"content": "", "verb": "GET"}, 404, "bad_route"),
        ({"content": b"\x0a\xff", "headers": {"content-type": "application/protobuf"}}, 400, "malformed"),
    ],
)
async def test_bad_requests_get_twirps_errors(options: dict[str, Any], status: int, code: str) -> None:
    response = await Api().post("ListRooms", **options)
    assert (response.status_code, response.json()["code"]) == (status, code), response.text
    assert response.json()["msg"]


async def test_unknown_methods_are_no_routes() -> None:
    assert (await Api().post("Nonsense", "{}")).json()["code"] == "bad_route"


async def test_going_to_another_room_needs_a_token_that_names_it() -> None:
    api = Api()
    await api.ada()
    body = json.dumps({"room": "tea", "identity": "ada", "destination_room": "garden"})
    both = {"room_admin": True, "room": "tea", "destination_room": "garden"}
    lacking = ({**both, "destination_room": "other"}, {**both, "room": "other"}, {**both, "room_admin": False})
    for method in ("MoveParticipant", "ForwardParticipant"):
        for video in lacking:
            response = await api.post(method, body, video=video)
            assert (response.status_code, response.json()["code"]) == (401, "unauthenticated")
    assert (await api.post("ForwardParticipant", body, video=both)).json() == {}
    (guest,) = api.directory.require("garden").participants()
    assert (guest.identity, guest.kind_details) == ("ada", ("forwarded",))
    again = await api.post("ForwardParticipant", body, video=both)
    assert (again.status_code, again.json()["code"]) == (409, "already_exists")
    # Nothing takes this mailbox's participant along: a protocol that knows no other room.
    stays = await api.post("MoveParticipant", body, video=both)
    assert (stays.status_code, stays.json()["code"]) == (400, "invalid_argument")
    same = await api.post(
        "MoveParticipant",
        json.dumps({"room": "tea", "identity": "ada", "destination_room": "tea"}),
        video={**both, "destination_room": "tea"},
    )
    assert same.json()["code"] == "invalid_argument"
    api.mailbox.relocate = lambda actor: None
    assert (await api.post("MoveParticipant", body, video=both)).json() == {}
    assert api.directory.require("tea").participants() == ()
    moved = api.directory.require("garden").by_identity("ada")
    assert moved is not None and moved.kind_details == ()


async def test_a_program_calls_a_participant() -> None:
    api = Api()
    await api.ada()
    sink = api.world.engine.sinks[api.directory.require("tea").info.sid]
    asked = asyncio.create_task(
        api.post("PerformRpc", '{"room": "tea", "destination_identity": "ada", "method": "m", "payload": "p"}')
    )
    request = await the_call(api)
    acknowledged = models.DataPacket(rpc_ack=models.RpcAck(request_id=request.id))
    answered = models.DataPacket(rpc_response=models.RpcResponse(request_id=request.id, payload="done"))
    for packet in (acknowledged, answered):
        sink(DataPassed("PA_other", "reliable", b"not from ada"))
        sink(DataPassed("PA_ada", "reliable", b"\xff"))
        sink(DataPassed("PA_ada", "reliable", packet.SerializeToString()))
    assert (await asked).json() == {"payload": "done"}
    assert api.world.engine.calls[-1] == ("watch_data", False)


async def the_call(api: Api) -> models.RpcRequest:
    async with asyncio.timeout(5):
        while True:
            for call in api.world.engine.calls:
                if call[0] == "send_data" and isinstance(call[2], bytes):
                    packet = models.DataPacket.FromString(call[2])
                    assert call[3] == ("PA_ada",)
                    assert packet.participant_identity == packet.rpc_request.id
                    return packet.rpc_request
            await asyncio.sleep(0.001)


async def test_a_callees_own_error_keeps_its_code() -> None:
    api = Api()
    await api.ada()
    sink = api.world.engine.sinks[api.directory.require("tea").info.sid]
    asked = asyncio.create_task(api.post("PerformRpc", '{"room": "tea", "destination_identity": "ada", "method": "m"}'))
    error = models.RpcError(code=1400, message="Method not supported", data="d")
    response = models.RpcResponse(request_id=(await the_call(api)).id, error=error)
    sink(DataPassed("PA_ada", "reliable", models.DataPacket(rpc_response=response).SerializeToString()))
    answer = await asked
    assert answer.json() == {
        "code": "unimplemented", "msg": "Method not supported", "meta": {"rpc_code": "1400", "rpc_data": "d"},
    }  # fmt: skip


async def test_calls_that_nobody_answers_end(monkeypatch: pytest.MonkeyPatch) -> None:
    api = Api()
    await api.ada()
    monkeypatch.setattr(remote_call, "ACK_S", 0.01)
    silent = await api.post("PerformRpc", '{"room": "tea", "destination_identity": "ada", "method": "m"}')
    assert (silent.status_code, silent.json()["meta"]["rpc_code"]) == (408, "1501")
    payload = json.dumps({"room": "tea", "destination_identity": "ada", "payload": "x" * 16_000})
    assert (await api.post("PerformRpc", payload)).json()["meta"]["rpc_code"] == "1402"
    assert (await api.post("PerformRpc", '{"room": "tea"}')).json()["code"] == "invalid_argument"


async def test_any_page_may_ask_with_a_token() -> None:
    response = await Api().post("ListRooms", "", verb="OPTIONS", headers={"origin": "https://elsewhere.example"})
    assert (response.status_code, response.headers["access-control-allow-origin"]) == (204, "*")
