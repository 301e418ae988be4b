"""Hosts over HTTP: who is heard, what is understood, and that forged commands do nothing."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from service_fakes import World
from starlette.applications import Starlette

from roomful.auth.grant import Grant, VideoGrant
from roomful.core.commands import Join
from roomful.core.effects import RoomGoverned
from roomful.core.errors import RoomfulError, Unauthenticated
from roomful.core.policy import PRESETS, RoomRules
from roomful.core.role import HAND, Role
from roomful.edge.moderation.endpoint import ModerationEndpoint
from roomful.edge.moderation.request import ACTS, command_of, parse
from roomful.service.actor import RoomActor


def grant_of(token: str) -> Grant:
    """`identity@room`, an administrator's with `!` at its end."""
    identity, at, room = token.rstrip("!").partition("@")
    if not at:
        raise Unauthenticated("no")
    return Grant(identity=identity, video=VideoGrant(room_join=True, room=room, room_admin=token.endswith("!")))


@pytest_asyncio.fixture
async def world() -> AsyncIterator[tuple[World, RoomActor, httpx.AsyncClient]]:
    made = World()
    directory = made.directory()
    actor = await directory.get_or_create("r", by_join=False)
    for who, role in (("host", Role.HOST), ("ann", None), ("ben", None)):
        await actor.join(Join(f"PA_{who}", who, who, role=role, guest=True), directory.new_mailbox())
    app = Starlette(routes=ModerationEndpoint(directory, grant_of).routes())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://testserver") as client:
        yield made, actor, client
    await directory.drain()


async def act(client: httpx.AsyncClient, token: str, body: object) -> tuple[int, dict[str, object]]:
    headers = {"Authorization": f"Bearer {token}"}
    answer = await client.post("/api/room", content=json.dumps(body), headers=headers)
    return answer.status_code, answer.json()


@pytest.mark.asyncio
async def test_hosts_see_and_change_their_room(world: tuple[World, RoomActor, httpx.AsyncClient]) -> None:
    made, actor, client = world
    state = (await client.get("/api/room", headers={"Authorization": "Bearer host@r"})).json()
    assert state["rules"]["preset"] == "call" and state["waiting"] == [] and set(state["presets"]) == set(PRESETS)
    status, state = await act(client, "host@r", {"act": "rules", "rules": {"preset": "webinar", "locked": True}})
    assert status == 200 and actor.rules.locked and actor.rules.guest is Role.LISTENER
    assert isinstance(made.observed[-1], RoomGoverned) and made.observed[-1].moderators == ("PA_host",)
    assert (await act(client, "host@r", {"act": "role", "identity": "ann", "role": "cohost"}))[0] == 200
    assert actor.moderates("PA_ann")
    assert (await act(client, "ann@r", {"act": "remove", "identity": "ben"}))[0] == 200
    assert actor.by_identity("ben") is None
    assert await act(client, "ann@r", {"act": "end"}) == (
        403,
        {"code": "not_allowed", "message": "only hosts may do this"},
    )
    assert (await act(client, "host@r", {"act": "end"}))[0] == 200
    assert actor.closed


@pytest.mark.asyncio
async def test_forged_commands_do_nothing(world: tuple[World, RoomActor, httpx.AsyncClient]) -> None:
    _, actor, client = world
    for token in ("ann@r", "stranger@r", "host@other", "host", ""):
        for body in ({"act": "remove", "identity": "ben"}, {"act": "end"}, {"act": "rules", "rules": {"locked": True}}):
            status, answer = await act(client, token, body)
            assert status in (401, 403, 404), (token, body)
            assert set(answer) == {"code", "message"}
    assert len(actor.participants()) == 3 and actor.rules == RoomRules()
    assert (await client.get("/api/room", headers={"Authorization": "Bearer ann@r"})).status_code == 403
    assert (await client.post("/api/room", content=b"{}")).status_code == 401


@pytest.mark.asyncio
async def test_an_administrator_s_program_need_not_be_there(world: tuple[World, RoomActor, httpx.AsyncClient]) -> None:
    _, actor, client = world
    assert (await act(client, "bot@r!", {"act": "remove", "identity": "host"}))[0] == 200
    assert actor.by_identity("host") is None


@pytest.mark.asyncio
async def test_what_makes_no_sense_is_said(world: tuple[World, RoomActor, httpx.AsyncClient]) -> None:
    _, _, client = world
    for body in (
        [],
        {"act": "fly"},
        {"act": "role", "identity": "ann", "role": "king"},
        {"act": "remove"},
        {"act": "mute", "source": "clipboard"},
        {"act": "rules", "rules": {"guest": "host"}},
        {"act": "rules", "rules": {"lobby": "yes"}},
        {"act": "rules", "rules": {"preset": "circus"}},
        {"act": "rules", "rules": 7},
        {"act": "mute", "identity": "x" * 300},
    ):
        assert (await act(client, "host@r", body))[0] == 400, body
    assert (await act(client, "host@r", {"act": "remove", "identity": "gone"}))[0] == 404
    assert (await act(client, "host@r", {"act": "admit", "identity": "x" * 5_000}))[0] == 413


@pytest.mark.asyncio
async def test_nobody_asks_without_end(world: tuple[World, RoomActor, httpx.AsyncClient]) -> None:
    _, _, client = world
    statuses = {(await act(client, "ann@r", {"act": "end"}))[0] for _ in range(60)}
    assert statuses == {403, 429}
    assert (await client.get("/api/room", headers={"Authorization": "Bearer host@r"})).status_code == 200


@given(st.binary(max_size=200))
def test_any_body_is_an_object_or_refused(body: bytes) -> None:
    try:
        assert isinstance(parse(body), dict)
    except RoomfulError as error:
        assert error.code == "invalid"


@given(
    st.dictionaries(
        st.sampled_from(["act", "identity", "role", "source", "rules"]),
        st.sampled_from([*ACTS, "host", "camera", None, 1, [], {"preset": "call"}, {"lobby": True}, {HAND: "x"}]),
    )
)
def test_any_object_is_a_command_or_refused(fields: dict[str, object]) -> None:
    try:
        assert command_of(fields, "PA_1", RoomRules(), lambda identity: identity).by == "PA_1"
    except RoomfulError as error:
        assert error.code == "invalid"
