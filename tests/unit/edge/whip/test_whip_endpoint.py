"""WHIP and WHEP over HTTP against rooms, with an engine that only takes notes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from offers import SIMULCAST, offer
from service_fakes import Clock, Engine, World
from starlette.applications import Starlette

from roomful.auth.grant import Grant, VideoGrant
from roomful.auth.relay import Relays
from roomful.auth.revocation import Revocations
from roomful.auth.token import sign, verify
from roomful.core.commands import Bind
from roomful.core.effects import AnnounceTrack, ChangeView, Receive
from roomful.core.errors import RoomfulError, Unauthenticated
from roomful.core.events import LeaveReason
from roomful.core.policy import Policy
from roomful.edge.whip import problem
from roomful.edge.whip.endpoint import WhipEndpoint
from roomful.edge.whip.sessions import Bounds, Sessions
from roomful.ports import MediaAnswer, TransportChanged
from roomful.service.actor import RoomActor
from roomful.service.directory import Directory

pytestmark = pytest.mark.asyncio
SECRET = "a secret of at least thirty-two bytes"


class Answering(Engine):
    """Takes every section, and gives each subscription one."""

    refuse = False

    async def offer(self, transport: str, sdp: str) -> MediaAnswer:
        receives = [one for one in self.orders if isinstance(one, Receive)]
        participant = next(who for who, name, _ in self.transports if name == transport)
        mids = {str(at): one.track for at, one in enumerate(receives) if one.participant == participant}
        self.calls.append(("offer", transport, sdp))
        return MediaAnswer(transport, offer("inactive" if self.refuse else "recvonly"), {} if self.refuse else mids)


class Keys:
    """Tokens of one key."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.revocations = Revocations()
        self.held: dict[str, str] = {}

    def token(self, identity: str, room: str = "tv", **video: Any) -> str:
        grant = Grant(identity=identity, name=identity.title(), video=VideoGrant(room_join=True, room=room, **video))
        return sign(grant, key="key", secret=SECRET, now_s=self._clock.ms // 1000, ttl_s=60)

    def grant(self, headers: Any, query: Any) -> Grant:
        header = headers.get("authorization", "")
        if not header.startswith("Bearer "):
            raise Unauthenticated("no token was sent")
        return verify(header[7:], keys={"key": SECRET}, now_s=self._clock.ms / 1000)

    def refuses(self, room: str, grant: Grant) -> bool:
        return self.revocations.refuses(room, grant)

    def hold(self, participant: str, grant: Grant) -> None:
        self.held[participant] = grant.fingerprint


@dataclass
class House:
    world: World
    directory: Directory
    keys: Keys
    sessions: Sessions
    engine: Answering
    http: httpx.AsyncClient

    @property
    def room(self) -> RoomActor:
        return self.directory.require("tv")

    async def post(self, path: str, text: str, token: str, **headers: str) -> httpx.Response:
        auth = {"Authorization": f"Bearer {token}"} if token else {}
        return await self.http.post(path, content=text, headers={"Content-Type": "application/sdp", **auth, **headers})

    async def publish(self, who: str = "ann", *, bind: bool = True, text: str = "", **video: Any) -> httpx.Response:
        response = await self.post("/whip/tv", text or offer(), self.keys.token(who, **video))
        if bind and response.status_code == 201:
            for at, order in enumerate(self.announced()[-2:]):
                self.room.post(Bind(order.track.sid, str(at), "opus" if order.track.kind == "audio" else "vp8"))
            await self.turn()
        return response

    async def watch(self, who: str = "eve", **video: Any) -> httpx.Response:
        return await self.post("/whep/tv", offer("recvonly"), self.keys.token(who, **video))

    def announced(self) -> list[AnnounceTrack]:
        return [one for one in self.engine.orders if isinstance(one, AnnounceTrack)]

    async def turn(self) -> None:
        """The rooms do what was asked of them."""
        for _ in range(10):
            await asyncio.sleep(0)

    async def connected(self, response: httpx.Response) -> None:
        seat = self.sessions._seats[response.headers["location"].split("/")[3]]  # pyright: ignore[reportPrivateUsage]
        transport = self.room.transports(seat.session.participant)["single"]
        sink = self.engine.sinks[self.room.info.sid]
        sink(TransportChanged(seat.session.participant, transport, "single", "connected", "udp", "", ""))
        await self.turn()

    async def listen(self, response: httpx.Response, *kinds: str) -> str:
        made = await self.http.post(
            response.headers["location"] + "/events", content=json.dumps(kinds) if kinds else ""
        )
        assert made.status_code == 201, made.text
        return made.headers["location"]

    def heard(self, stream: str) -> list[str]:
        """What waits in an event stream, as `event data`."""
        _, _, _, id, _, name = stream.split("/")
        waiting = self.sessions._seats[id].streams[name]._waiting  # pyright: ignore[reportPrivateUsage]
        return [one.decode().replace("event: ", "").replace("\ndata: ", " ").strip() for one in waiting]


@asynccontextmanager
async def house(bounds: Bounds | None = None, **policy: Any) -> AsyncIterator[House]:
    engine = Answering()
    world = World(policy=Policy(coalesce_ms=1, **policy), engine=engine)
    observers: list[Any] = []
    directory = Directory(
        engine=engine,
        clock=world.clock,
        ids=world.directory().ids,
        policy=world.policy,
        hooks=world.hooks,
        observers=(lambda happening: [one(happening) for one in observers],),  # pyright: ignore[reportArgumentType]
    )
    keys = Keys(world.clock)
    sessions = Sessions(directory, keys, bounds)
    observers.append(sessions.observe)
    relays = Relays(b"north", udp_port=3478)
    edge = WhipEndpoint(sessions, keys, world.clock.now_ms, relays.ice_servers)
    transport = httpx.ASGITransport(app=Starlette(routes=edge.routes()), client=("192.0.2.7", 1234))
    async with httpx.AsyncClient(transport=transport, base_url="http://tv.example") as http:
        yield House(world, directory, keys, sessions, engine, http)
        await directory.drain()
        await sessions.stop()
        assert len(sessions) == 0


async def test_a_publisher_is_a_participant_with_one_transport() -> None:
    async with house() as at:
        response = await at.publish(text=offer(more=SIMULCAST))
        assert response.status_code == 201
        assert response.headers["content-type"] == "application/sdp"
        assert response.headers["accept-patch"] == "application/trickle-ice-sdpfrag"
        assert response.headers["etag"].startswith('"')
        assert response.headers["location"].startswith("/whip/tv/")
        assert "Location" in response.headers["access-control-expose-headers"]
        stun, turn = response.headers.get_list("link")
        assert stun == '<stun:tv.example:3478>; rel="ice-server"'
        assert 'credential-type="password"' in turn
        (ann,) = at.room.participants()
        assert (ann.identity, ann.name, ann.kind) == ("ann", "Ann", "ingress")
        assert [role for _, _, role in at.engine.transports] == ["single"]
        sound, picture = at.announced()
        assert (sound.add.kind, sound.add.cid, sound.add.source) == ("audio", "voice-1", "microphone")
        assert {layer.rid: layer.quality for layer in picture.add.layers} == {"a": 2, "b": 0}
        assert at.room.info.mode == "broadcast"


async def test_a_viewer_is_hidden_and_gets_the_publishers_tracks() -> None:
    async with house() as at:
        assert (await at.watch()).status_code == 409
        published = await at.publish()
        response = await at.watch()
        assert response.status_code == 201
        links = response.headers.get_list("link")
        assert any("server-sent-events" in one and "viewercount" in one for one in links)
        assert any("ext:core:layer" in one for one in links)
        viewer = at.room.participants()[1]
        assert viewer.identity.startswith("eve#")
        assert viewer.permission.hidden
        assert not viewer.permission.can_publish
        received = [one.track for one in at.engine.orders if isinstance(one, Receive)]
        assert received == [one.track.sid for one in at.announced()]
        # A second one by the same token is somebody else.
        assert (await at.watch()).status_code == 201
        assert len(at.room.participants()) == 3
        assert (await at.http.delete(published.headers["location"])).status_code == 200


@pytest.mark.parametrize(
    ("path", "token", "text", "status", "code"),
    [
        ("/whip/tv", "", offer(), 401, "unauthenticated"),
        ("/whip/tv", "room=other", offer(), 403, "not_allowed"),
        ("/whip/tv", "can_publish=no", offer(), 403, "not_allowed"),
        ("/whep/tv", "can_subscribe=no", offer("recvonly"), 403, "not_allowed"),
        ("/whip/tv", "ok", "no sdp", 400, "sdp_invalid"),
        ("/whip/tv", "ok", "v=0" + "x" * 200_000, 413, "too_large"),
        ("/whip/tv", "ok", offer("recvonly"), 422, "direction_unsupported"),
        ("/whep/tv", "ok", offer("sendonly"), 422, "direction_unsupported"),
        (
            "/whip/tv",
            "ok",
            offer(more=offer(audio=False).partition("m=")[2].join(["m=", ""])),
            422,
            "too_many_sections",
        ),
        ("/whep/tv", "ok", offer("recvonly"), 409, "not_live"),
    ],
)
async def test_what_is_refused_says_why(path: str, token: str, text: str, status: int, code: str) -> None:
    async with house() as at:
        rights: dict[str, Any] = {}
        if "=no" in token:
            rights[token.partition("=")[0]] = False
        if token.startswith("room="):
            rights["room"] = token[5:]
        response = await at.post(path, text, at.keys.token("ann", **rights) if token else "")
        assert (response.status_code, response.json()["code"]) == (status, code)
        assert response.headers["content-type"] == "application/problem+json"
        assert response.headers["access-control-allow-origin"] == "*"
        assert ("retry-after" in response.headers) == (status in (409, 429, 503))
        assert ("www-authenticate" in response.headers) == (status == 401)
        assert at.directory.get("tv") is None


async def test_a_codec_that_nobody_takes_leaves_nobody_behind() -> None:
    async with house() as at:
        at.engine.refuse = True
        response = await at.publish(bind=False)
        await at.turn()
        assert (response.status_code, response.json()["code"]) == (422, "codec_unsupported")
        assert at.room.participants() == ()
        assert len(at.sessions) == 0


async def test_any_page_may_ask_and_nobody_else_learns_of_relays() -> None:
    async with house() as at:
        told = await at.http.options("/whip/tv", headers={"Origin": "https://elsewhere.example"})
        assert told.status_code == 200
        assert told.headers["accept-post"] == "application/sdp"
        assert "If-Match" in told.headers["access-control-allow-headers"]
        assert "PATCH" in told.headers["access-control-allow-methods"]
        assert "link" not in told.headers
        known = await at.http.options("/whep/tv", headers={"Authorization": f"Bearer {at.keys.token('eve')}"})
        assert "stun:tv.example:3478" in known.headers["link"]
        assert (await at.http.head("/whep/tv")).headers["content-type"] == "application/sdp"
        assert (await at.http.put("/whip/tv")).status_code == 405
        for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/events"), ("POST", "/layer")):
            gone = await at.http.request(method, f"/whep/tv/nobody{path}")
            assert (gone.status_code, gone.json()["code"]) == (404, "session_not_found")


FRAGMENT = "a=ice-ufrag:{ufrag}\r\na=ice-pwd:{pwd}\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\na=candidate:1 1 udp 1 192.0.2.9 9 typ host\r\n"


async def patch(at: House, response: httpx.Response, ufrag: str, pwd: str, **headers: str) -> httpx.Response:
    content = FRAGMENT.format(ufrag=ufrag, pwd=pwd)
    headers = {"Content-Type": "application/trickle-ice-sdpfrag", **headers}
    return await at.http.patch(response.headers["location"], content=content, headers=headers)


async def test_trickle_and_restart_name_their_ice_session() -> None:
    async with house() as at:
        made = await at.publish()
        first, old = made.headers["etag"], ("EsAw", "bP+XJMM09aR8AiX1jdukzR6Y")
        new = ("next", "another-password-of-22-and-more")
        assert (await patch(at, made, *old)).status_code == 428
        assert (await patch(at, made, *old, **{"If-Match": '"another"'})).status_code == 412
        trickled = await patch(at, made, *old, **{"If-Match": first})
        assert (trickled.status_code, trickled.content, "etag" in trickled.headers) == (204, b"", False)
        transport = at.engine.transports[0][1]
        assert ("candidate", transport, "candidate:1 1 udp 1 192.0.2.9 9 typ host") in at.engine.calls
        restarted = await patch(at, made, *new, **{"If-Match": "*"})
        assert restarted.status_code == 200
        assert restarted.headers["content-type"] == "application/trickle-ice-sdpfrag"
        assert restarted.headers["etag"] != first
        assert "a=ice-pwd:" in restarted.text
        assert "a=ice-ufrag:next\r\n" in str(at.engine.calls[-2][2])
        # What was meant for the session before it is late.
        assert (await patch(at, made, *old, **{"If-Match": first})).status_code == 412
        assert (await patch(at, made, *new, **{"If-Match": restarted.headers["etag"]})).status_code == 204
        wrong = await at.http.patch(made.headers["location"], content="x", headers={"Content-Type": "text/plain"})
        assert wrong.status_code == 415


async def test_a_session_ends_by_delete_once_and_not_by_another_token() -> None:
    async with house() as at:
        made = await at.publish()
        path = made.headers["location"]
        stranger = {"Authorization": f"Bearer {at.keys.token('mal')}"}
        assert (await at.http.delete(path, headers=stranger)).status_code == 401
        assert (await at.http.delete(path.replace("/whip/", "/whep/"))).status_code == 404
        assert (await at.http.delete(path)).status_code == 200
        await at.turn()
        assert at.room.participants() == ()
        assert (await at.http.delete(path)).status_code == 404


async def test_a_client_that_never_comes_is_forgotten() -> None:
    async with house(Bounds(connect_s=0.0)) as at:
        await at.publish(bind=False)
        await asyncio.sleep(0.01)
        await at.turn()
        assert at.room.participants() == ()
        assert len(at.sessions) == 0


async def test_whom_the_room_lets_go_has_no_session_and_a_removed_one_no_key() -> None:
    async with house() as at:
        made = await at.publish()
        (ann,) = at.room.participants()
        assert ann.sid in at.keys.held
        grant = at.keys.grant({"authorization": f"Bearer {at.keys.token('ann')}"}, {})
        at.keys.revocations.revoke("tv", "ann", at.world.clock.ms // 1000 + 1, fingerprint=grant.fingerprint)
        await at.directory.require("tv").close(LeaveReason.ROOM_DELETED)
        assert len(at.sessions) == 0
        assert (await at.http.get(made.headers["location"])).status_code == 404
        assert (await at.publish()).status_code == 403


async def test_a_publisher_who_comes_again_takes_its_own_place() -> None:
    async with house() as at:
        first = await at.publish()
        second = await at.publish()
        assert second.status_code == 201
        assert len(at.room.participants()) == 1
        assert (await at.http.get(first.headers["location"])).status_code == 404


async def test_there_are_bounds() -> None:
    async with house(Bounds(per_address=4, publishers=1), max_viewers=2) as at:
        await at.publish()
        crowded = await at.publish("bob")
        assert (crowded.status_code, crowded.json()["code"]) == (503, "too_many_sessions")
        assert [(await at.watch()).status_code for _ in range(2)] == [201, 201]
        late = await at.watch()
        assert (late.status_code, late.json()["code"]) == (503, "too_many_viewers")
        assert late.headers["retry-after"]
        elsewhere = await at.post("/whip/radio", offer(), at.keys.token("cid", "radio"))
        assert elsewhere.status_code == 201
        over = await at.post("/whip/radio", offer(), at.keys.token("dan", "radio"))
        assert (over.status_code, over.json()["code"]) == (503, "too_many_sessions")


async def test_asking_too_often_is_told_to_wait() -> None:
    async with house() as at:
        statuses = [(await at.post("/whip/tv", "", "")).status_code for _ in range(401)]
        assert statuses == [401] * 400 + [429]


async def test_a_viewer_chooses_a_layer() -> None:
    async with house() as at:
        await at.publish(text=offer(more=SIMULCAST))
        made = await at.watch()
        path = made.headers["location"] + "/layer"

        async def ask(body: object) -> httpx.Response:
            return await at.http.post(path, content=json.dumps(body))

        assert (await ask({"mediaId": "1", "rid": "b"})).status_code == 200
        assert (await ask({})).status_code == 200
        views = [one.view.quality for one in at.engine.orders if isinstance(one, ChangeView)]
        assert views == [0, 2]
        unknown = await ask({"rid": "z"})
        assert (unknown.status_code, unknown.json()["code"]) == (422, "layer_not_found")
        assert (await ask([])).status_code == 400
        assert (await at.http.post(path, content="{")).status_code == 400


async def test_players_hear_of_layers_viewers_and_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("roomful.edge.whip.sessions.SETTLE_S", 0.0)
    monkeypatch.setattr("roomful.edge.whip.sessions.COUNT_S", 0.0)
    async with house() as at:
        published = await at.publish(text=offer(more=SIMULCAST))
        made = await at.watch()
        silent = await at.watch()
        assert (await at.http.post(made.headers["location"] + "/events", content='["scte35"]')).status_code == 400
        stream = await at.listen(made, "active", "inactive", "layers", "reconnect", "viewercount")
        assert at.heard(stream) == [
            "active {}",
            'layers {"1":[{"rid":"a"},{"rid":"b"}]}',
            'viewercount {"viewercount":0}',
        ]
        await at.connected(made)
        await asyncio.sleep(0.01)
        assert at.heard(stream)[3:] == ['viewercount {"viewercount":1}']
        await at.http.delete(published.headers["location"])
        await asyncio.sleep(0.01)
        assert at.heard(stream)[4:] == ["inactive {}"]
        await at.publish("bob", text=offer())
        await asyncio.sleep(0.01)
        assert at.heard(stream)[5:7] == ["active {}", "reconnect {}"]
        # Who listens to no events is let go, and begins anew by itself.
        assert (await at.http.get(silent.headers["location"])).status_code == 404
        assert (await at.http.delete(stream)).status_code == 200
        assert (await at.http.get(stream)).status_code == 404


async def test_an_event_stream_is_read_until_its_session_ends() -> None:
    async with house() as at:
        await at.publish()
        made = await at.watch()
        stream = await at.listen(made)
        reading = asyncio.create_task(at.http.get(stream))
        await at.turn()
        await at.http.delete(made.headers["location"])
        response = await reading
        assert response.headers["content-type"].startswith("text/event-stream")
        assert "event: active\ndata: {}\n\n" in response.text


async def test_every_code_has_one_status() -> None:
    class Odd(RoomfulError):
        pass

    assert problem.status_of(Odd("?")) == 500
    assert problem.details(Unauthenticated("no", code="token_expired"))["status"] == 401
