"""Who is told where STUN and TURN are, and who gets a password."""

from __future__ import annotations

from typing import Any

import pytest
from asgi_client import AsgiClient
from starlette.applications import Starlette

from roomful.auth.grant import Grant, VideoGrant
from roomful.auth.relay import Relays
from roomful.auth.token import sign
from roomful.edge.ice.endpoint import IceEndpoint
from roomful.edge.origins import Origins

NOW_S = 1_800_000_000
KEYS = {"key": "a secret of at least thirty-two bytes"}


class StillClock:
    def now_ms(self) -> int:
        return NOW_S * 1000


def ask(headers: dict[str, str] | None = None, *, visitors: bool = False, method: str = "GET") -> Any:
    relays = Relays(b"north", udp_port=3478)
    edge = IceEndpoint(relays, KEYS, StillClock(), Origins(), visitors_relay=visitors)  # pyright: ignore[reportArgumentType]
    client = AsgiClient(Starlette(routes=edge.routes()))
    return client.request(method, "/ice-servers", headers=headers or {})


def bearer(grant: Grant, **options: Any) -> dict[str, str]:
    chosen = {"key": "key", "secret": KEYS["key"], "now_s": NOW_S, "ttl_s": 60, **options}
    return {"Authorization": "Bearer " + sign(grant, **chosen)}


MAY_JOIN = Grant(identity="ada", video=VideoGrant(room_join=True, room="r"))


def test_a_second_port_is_told_beside_the_servers() -> None:
    edge = IceEndpoint(Relays(b"north", udp_port=1, second_udp_port=2), KEYS, StillClock(), Origins())  # pyright: ignore[reportArgumentType]
    told = AsgiClient(Starlette(routes=edge.routes())).request("GET", "/ice-servers", headers=bearer(MAY_JOIN)).json()
    assert told["natCheck"] == ["stun:testserver:1", "stun:testserver:2"]
    assert "natCheck" not in ask(bearer(MAY_JOIN)).json()


def test_a_join_token_gets_a_password_under_its_identity() -> None:
    response = ask(bearer(MAY_JOIN))
    stun, turn = response.json()["iceServers"]
    assert stun == {"urls": ["stun:testserver:3478"]}
    assert turn["username"] == f"{NOW_S + 6 * 3600}:ada"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Basic x"}, 401),
        ({"Authorization": "Bearer x.y.z"}, 401),
        (bearer(MAY_JOIN, secret="another secret that is long enough too"), 401),
        (bearer(MAY_JOIN, now_s=NOW_S - 3600), 401),
        (bearer(Grant(identity="ada")), 403),
        ({"Origin": "http://elsewhere"}, 401),
        ({"Sec-Fetch-Site": "cross-site"}, 401),
    ],
)
def test_others_get_nothing(headers: dict[str, str], status: int) -> None:
    response = ask(headers, visitors=True)
    assert response.status_code == status
    assert "iceServers" not in response.text


def test_a_page_asks_by_post_and_another_sites_gets_nothing() -> None:
    assert ask({"Origin": "http://testserver"}, method="POST").json()["iceServers"]
    for headers in ({}, {"Origin": "http://elsewhere"}, {"Origin": "null"}):
        response = ask(headers, method="POST", visitors=True)
        assert response.status_code == 401 and "iceServers" not in response.text, headers


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "same-origin"}, {"Origin": "http://testserver"}])
def test_a_page_of_this_server_gets_stun_and_a_relay_only_where_visitors_may(headers: dict[str, str]) -> None:
    assert ask(headers).json() == {"iceServers": [{"urls": ["stun:testserver:3478"]}]}
    allowed = ask(headers, visitors=True).json()["iceServers"]
    assert allowed[1]["username"].endswith(":visitor-192.0.2.7")


def test_browsers_may_ask_first() -> None:
    response = ask(method="OPTIONS")
    assert response.status_code == 200
    assert response.headers["access-control-allow-headers"] == "authorization"
