"""The page's door: identities, hosts, origins, rates and odd bodies."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
from asgi_client import AsgiClient
from hypothesis import given
from hypothesis import strategies as st
from service_fakes import World
from starlette.applications import Starlette

from roomful.core.commands import Knock
from roomful.core.errors import Denied, Invalid
from roomful.core.policy import PRESETS
from roomful.core.rates import Rates, network_of
from roomful.core.room_info import RoomInfo
from roomful.core.state import Waiting
from roomful.edge.join.endpoint import JoinEndpoint, JoinSettings
from roomful.edge.join.identity import holds, key_of
from roomful.edge.join.request import JoinBody, parse, same_origin

SECRET = b"s" * 32


class Open:
    """A room with somebody in it, and what it says to who knocks."""

    def __init__(self, problem: str = "", mode: str = "call") -> None:
        self.info = RoomInfo("RM_1", "r", mode=mode)
        self.rules = PRESETS["classroom"]
        self._problem = problem
        self.waiting: tuple[Waiting, ...] = ()
        self.knocks: list[Knock] = []

    def participants(self) -> tuple[str, ...]:
        return ("somebody",)

    async def ask(self, command: Knock) -> None:
        self.knocks.append(command)
        if self._problem and command.role is None:
            if self._problem == "lobby_waiting":
                self.waiting = (Waiting(command.identity, command.name, 0, 0),)
            raise Denied("no", code=self._problem)


def door(
    *, anybody: bool = False, rooms: tuple[str, ...] = (), problem: str = "", broadcasts: tuple[str, ...] = ()
) -> AsgiClient:
    world = World()
    directory = world.directory()
    for room in (*rooms, *broadcasts):
        mode = "broadcast" if room in broadcasts else "call"
        directory._rooms[room] = Open(problem, mode)  # type: ignore[assignment]
    settings = JoinSettings(SECRET, "the-host-key", anybody, "0.0.0")

    def token_for(identity: str, name: str, room: str, host: bool, admin: bool, role: str) -> str:
        return f"{identity}|{name}|{room}|{host}|{admin}" + ("" if role == "member" else f"|{role}")

    endpoint = JoinEndpoint(directory, settings, token_for)
    return AsgiClient(Starlette(routes=endpoint.routes()))


def test_a_device_keeps_its_identity_and_nobody_else_may() -> None:
    client = door(anybody=True)
    first = client.post("/api/join", json={"room": "r", "name": "Ann"}).json()
    assert first["token"] == f"{first['identity']}|Ann|r|True|False"
    kept = {"identity": first["identity"], "identity_key": first["identity_key"]}
    again = client.post("/api/join", json={"room": "r", "name": "Ann B", **kept}).json()
    assert again["identity"] == first["identity"]
    thief = client.post("/api/join", json={"room": "r", "name": "Ann", **kept, "identity_key": "0" * 64}).json()
    assert thief["identity"] != first["identity"]
    other = client.post("/api/join", json={"room": "r", "name": "Ann"}).json()
    assert other["identity"] not in (first["identity"], thief["identity"])


def test_only_the_host_makes_rooms() -> None:
    client = door(rooms=("open",))
    refused = client.post("/api/join", json={"room": "closed", "name": "Ben"})
    assert (refused.status_code, refused.json()["code"]) == (404, "room_not_found")
    assert client.post("/api/join", json={"room": "open", "name": "Ben"}).json()["host"] is False
    host = client.post("/api/join", json={"room": "closed", "name": "Ann", "host_key": "the-host-key"})
    assert host.json()["host"] is True
    wrong = client.post("/api/join", json={"room": "closed", "name": "Eve", "host_key": "the-host-kez"})
    assert (wrong.status_code, wrong.json()["code"]) == (403, "host_key_invalid")
    assert "the-host-key" not in wrong.text + host.text


def test_who_waits_gets_no_token_and_is_the_same_one_when_asking_again() -> None:
    client = door(rooms=("r",), problem="lobby_waiting")
    waits = client.post("/api/join", json={"room": "r", "name": "Ben"})
    assert waits.status_code == 202
    body = waits.json()
    assert body["waiting"] is True and "token" not in body
    kept = {"identity": body["identity"], "identity_key": body["identity_key"]}
    assert client.post("/api/join", json={"room": "r", "name": "Ben", **kept}).json()["identity"] == body["identity"]
    host = client.post("/api/join", json={"room": "r", "name": "Ann", "host_key": "the-host-key"})
    assert (host.status_code, host.json()["quiet"]) == (200, False)


def test_who_waits_may_ask_again_while_others_of_its_address_may_not() -> None:
    client = door(rooms=("r",), problem="lobby_waiting")
    body = client.post("/api/join", json={"room": "r", "name": "Ben"}).json()
    kept = {"identity": body["identity"], "identity_key": body["identity_key"]}
    statuses = [client.post("/api/join", json={"room": "elsewhere", "name": "Eve"}).status_code for _ in range(25)]
    assert statuses[-1] == 429
    assert client.post("/api/join", json={"room": "r", "name": "Ben", **kept}).status_code == 202
    forged = {**kept, "identity_key": "0" * 64}
    assert client.post("/api/join", json={"room": "r", "name": "Ben", **forged}).status_code == 429


@pytest.mark.parametrize("problem", ["room_locked", "lobby_refused", "removed"])
def test_who_is_kept_out_hears_why(problem: str) -> None:
    answer = door(rooms=("r",), problem=problem).post("/api/join", json={"room": "r", "name": "Eve"})
    assert (answer.status_code, answer.json()["code"]) == (403, problem)


def test_newcomers_are_quiet_where_the_rules_say_so() -> None:
    assert door(rooms=("r",)).post("/api/join", json={"room": "r", "name": "Ben"}).json()["quiet"] is True


def test_a_broadcast_is_watched_by_all_and_joined_by_hosts() -> None:
    client = door(broadcasts=("tv",))

    def ask(**fields: str) -> tuple[int, str]:
        answer = client.post("/api/join", json={"room": "tv", "name": "Ben", **fields})
        body = answer.json()
        return answer.status_code, body.get("code") or body["token"].partition("|")[2]

    assert ask() == (403, "broadcast_only")
    assert ask(role="broadcaster") == (403, "host_needed")
    assert ask(role="viewer") == (200, "Ben|tv|False|False|viewer")
    assert ask(role="viewer", room="soon") == (200, "Ben|soon|False|False|viewer")
    assert ask(role="broadcaster", host_key="the-host-key") == (200, "Ben|tv|True|True|broadcaster")
    assert ask(host_key="the-host-key") == (200, "Ben|tv|True|True")
    assert ask(role="king") == (400, "invalid")


def test_info_says_nothing_secret() -> None:
    told = door().get("/api/info")
    assert told.json() == {
        "server": "roomful",
        "version": "0.0.0",
        "anybody_makes_rooms": False,
        "https_port": None,
    }


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        (b'"r"', 400),
        (b"{" * 5_000, 400),
        (b"[" * 8_000, 400),
        (b"\xff\xfe", 400),
        (b'{"name": "x"}', 400),
        (b'{"room": 7}', 400),
        (b'{"room": "  "}', 400),
        (json.dumps({"room": "r" * 257}).encode(), 413),
        (b'{"room": "' + b"r" * 9_000 + b'"}', 413),
    ],
)
def test_odd_bodies(body: bytes, status: int) -> None:
    answer = door(anybody=True).post("/api/join", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == status
    assert set(answer.json()) == {"code", "message"}


def test_foreign_pages_may_not_ask() -> None:
    client = door(anybody=True)
    body = {"room": "r", "name": "x"}
    assert client.post("/api/join", json=body, headers={"origin": "http://testserver"}).status_code == 200
    for origin in ("https://evil.example", "null", "http://testserver.evil.example", "http://testserver:81"):
        assert client.post("/api/join", json=body, headers={"origin": origin}).status_code == 403
    form = client.post("/api/join", content=json.dumps(body), headers={"content-type": "text/plain"})
    assert form.status_code == 415


def test_one_address_cannot_ask_for_ever() -> None:
    client = door(anybody=True)
    codes = [client.post("/api/join", json={"room": "r", "name": ""}).status_code for _ in range(25)]
    assert codes[:20] == [200] * 20
    assert codes[-1] == 429


def test_rates_refill_and_forget() -> None:
    rates = Rates(burst=2, per_minute=60, addresses=2)
    assert [rates.allow("192.0.2.1", 0) for _ in range(3)] == [True, True, False]
    assert rates.allow("192.0.2.1", 1_000)
    assert not rates.allow("192.0.2.1", 1_001)
    assert rates.allow("192.0.2.2", 1_001)
    assert rates.allow("192.0.2.3", 1_001)
    assert rates.allow("192.0.2.1", 1_001), "the oldest address was forgotten"


def test_one_customer_is_one_address() -> None:
    assert network_of("2001:db8:1:2:3::4") == network_of("2001:db8:1:2:ffff::") != network_of("2001:db8:1:3::")
    assert network_of("::ffff:192.0.2.1") == network_of("192.0.2.1")
    assert network_of("testclient") == "testclient"


def test_keys() -> None:
    assert holds("ann", key_of("ann", SECRET), SECRET)
    assert not holds("ann", key_of("ben", SECRET), SECRET)
    assert not holds("ann", key_of("ann", b"other"), SECRET)
    assert not holds("", key_of("", SECRET), SECRET)
    assert not holds("ann", "ä", SECRET)


def test_origins() -> None:
    assert same_origin(None, "a:1")
    assert same_origin("http://A:1", "a:1")
    assert not same_origin("http://a:1", None)
    assert not same_origin("http://a:1", "")


@given(st.binary(max_size=300) | st.recursive(st.text() | st.none() | st.integers(), st.lists, max_leaves=5).map(
    lambda value: json.dumps({"room": value, "name": value}).encode()
))  # fmt: skip
def test_parse_takes_or_refuses_anything(body: bytes) -> None:
    try:
        parsed = parse(body)
    except Invalid:
        return
    assert isinstance(parsed, JoinBody)
    assert 0 < len(parsed.room.encode()) <= 256
    assert parsed.room.isprintable() or all(c >= " " for c in parsed.room)


def test_a_body_that_never_ends_is_cut() -> None:
    client = door(anybody=True)

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 1_024

    answer = client.post("/api/join", content=endless(), headers={"content-type": "application/json"})
    assert answer.status_code == 413
