"""The page hands out the CA and nothing else, whatever host it is asked under."""

from __future__ import annotations

import pytest
from asgi_client import AsgiClient
from starlette.applications import Starlette

from roomful.edge.ca.endpoint import routes

CLIENT = AsgiClient(Starlette(routes=routes(b"PEM", b"DER", "AA:BB", port=7443)))


def test_it_has_steps_for_each_system_and_a_way_on() -> None:
    answer = CLIENT.get("/ca", headers={"host": "192.168.1.9:7880"})
    assert answer.status_code == 200
    for system in ("iPhone", "Android", "macOS", "Windows", "Linux", "Firefox"):
        assert system in answer.text
    assert 'href="https://192.168.1.9:7443/"' in answer.text
    assert "AA:BB" in answer.text
    assert "script" not in answer.text


@pytest.mark.parametrize("host", ['x"><script>', "a/b", "", "x:99999999"])
def test_a_strange_host_gets_into_no_link(host: str) -> None:
    assert 'href="https://localhost:7443/"' in CLIENT.get("/ca", headers={"host": host}).text


@pytest.mark.parametrize(("name", "data"), [("roomful-ca.pem", b"PEM"), ("roomful-ca.crt", b"DER")])
def test_the_certificate_is_a_download(name: str, data: bytes) -> None:
    answer = CLIENT.get(f"/ca/{name}")
    assert answer.content == data
    assert name in answer.headers["content-disposition"]
    assert answer.headers["x-content-type-options"] == "nosniff"
