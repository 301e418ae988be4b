"""Names and passwords of relays, and where clients are told that relays are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomful.auth.relay import Relays, credentials, host_name

ALL = Relays(b"north", udp_port=3478, tcp_port=3478, tls_port=443)


def test_the_password_is_the_one_that_others_make() -> None:
    # echo -n 1700000000:ada | openssl dgst -binary -sha1 -hmac north | openssl base64
    assert credentials(b"north", "ada", 1_700_000_000) == ("1700000000:ada", "ndZ88ryT1whVxdkcRLepT9D1MpM=")


def test_servers_are_told_under_the_name_that_the_client_came_by() -> None:
    stun, turn = ALL.ice_servers("example.org:7880", "ada", 1_000)
    assert stun == {"urls": ["stun:example.org:3478"]}
    assert turn["urls"] == [
        "turn:example.org:3478?transport=udp",
        "turn:example.org:3478?transport=tcp",
        "turns:example.org:443?transport=tcp",
    ]
    assert turn["username"] == "22600:ada"
    assert ALL.ice_servers("[2001:db8::1]:7880", "ada", 1)[0] == {"urls": ["stun:[2001:db8::1]:3478"]}


def test_a_domain_goes_before_the_name_and_closed_ports_are_not_told() -> None:
    told = Relays(b"s", tls_port=443, domain="turn.example.org").ice_servers("10.0.0.1", "ada", 1)
    assert [one["urls"] for one in told] == [["turns:turn.example.org:443?transport=tcp"]]
    assert Relays(b"s").ice_servers("h", "ada", 1) == []
    assert Relays(b"s", udp_port=1).stun("") == []


def test_two_stun_ports_are_told_for_whoever_looks_at_a_nat() -> None:
    two = Relays(b"s", udp_port=3478, second_udp_port=3479)
    assert two.nat_check("example.org:7880") == ["stun:example.org:3478", "stun:example.org:3479"]
    assert two.nat_check("") == []
    assert ALL.nat_check("example.org") == [], "one port tells nothing"


def test_the_secret_is_in_no_text() -> None:
    assert "north" not in repr(ALL)


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("example.org", "example.org"),
        ("192.0.2.1:80", "192.0.2.1"),
        ("[::1]", "[::1]"),
        ("[::1]:80", "[::1]"),
        ("", ""),
        ("a b", ""),
        ("evil?x", ""),
        ("[::1@x]", ""),
        ("x]", ""),
        ("ä.example", ""),
    ],
)
def test_the_name_in_a_host_header(host: str, name: str) -> None:
    assert host_name(host) == name


@given(st.text(max_size=60))
def test_no_host_header_puts_anything_else_into_an_address(host: str) -> None:
    assert set(host_name(host)) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.:[]")
