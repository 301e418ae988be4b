"""What a server announces that asks for its public address."""

from __future__ import annotations

import pytest

from roomful.app.public import with_public_address
from roomful.config.settings import Settings
from roomful.core.errors import ConfigError

OWN = ("192.168.1.5", "2001:db8::5")


def announced(outside: str = "203.0.113.7", **settings: object) -> tuple[str, ...]:
    given = Settings(node_ip_from="stun.example.org", **settings)  # pyright: ignore[reportArgumentType]
    return with_public_address(given, lambda server: (outside, 1, 1), lambda: OWN).node_ips


def test_the_public_address_is_told_before_those_of_the_inside() -> None:
    assert announced() == ("203.0.113.7", *OWN)
    assert announced(bind=("192.168.1.5",)) == ("203.0.113.7", "192.168.1.5")
    assert announced(bind=("127.0.0.1",), rtc_bind=("0.0.0.0",)) == ("203.0.113.7", *OWN)
    assert announced(node_ips=("10.0.0.9", "203.0.113.7")) == ("203.0.113.7", "10.0.0.9")


def test_without_nat_nothing_changes() -> None:
    assert announced(outside=OWN[0]) == ()


def test_nobody_is_asked_unless_named() -> None:
    def ask(server: str) -> tuple[str, int, int]:
        raise AssertionError(server)

    assert with_public_address(Settings(), ask).node_ips == ()


def test_a_server_that_finds_no_address_says_so() -> None:
    def ask(server: str) -> tuple[str, int, int]:
        raise OSError(f"no answer from {server} over UDP")

    with pytest.raises(ConfigError, match=r"no answer from stun\.example\.org.*--node-ip") as error:
        with_public_address(Settings(node_ip_from="stun.example.org"), ask)
    assert error.value.code == "public_address"
