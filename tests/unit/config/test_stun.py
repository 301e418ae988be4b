"""Reading a STUN answer, and what `roomful doctor --stun` makes of it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomful.cli.doctor import outside
from roomful.config.settings import Settings
from roomful.config.stun import mapped, place, request, seen_as

TRANSACTION = bytes.fromhex("b7e7a701bc34d686fa87dfae")
# RFC 5769 §2.2 and §2.3, without the attributes behind the address.
SAMPLE_V4 = bytes.fromhex("0101000c2112a442b7e7a701bc34d686fa87dfae002000080001a147e112a643")
SAMPLE_V6 = bytes.fromhex("010100182112a442b7e7a701bc34d686fa87dfae002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9")


def test_the_samples_of_rfc_5769() -> None:
    assert mapped(SAMPLE_V4, TRANSACTION) == ("192.0.2.1", 32853)
    assert mapped(SAMPLE_V6, TRANSACTION) == ("2001:db8:1234:5678:11:2233:4455:6677", 32853)


def test_another_transaction_or_anything_else_is_none() -> None:
    assert mapped(SAMPLE_V4, bytes(12)) is None
    assert mapped(request(TRANSACTION), TRANSACTION) is None
    assert mapped(SAMPLE_V4[:20], TRANSACTION) is None


@given(st.binary(max_size=80))
def test_no_answer_breaks_it(body: bytes) -> None:
    head = SAMPLE_V4[:2] + len(body).to_bytes(2) + SAMPLE_V4[4:20]
    mapped(head + body, TRANSACTION)
    mapped(body, TRANSACTION)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("stun.example.org", ("stun.example.org", 3478)),
        ("stun.example.org:19302", ("stun.example.org", 19302)),
        ("192.0.2.1:1", ("192.0.2.1", 1)),
        ("2001:db8::1", ("2001:db8::1", 3478)),
        ("[2001:db8::1]:5", ("2001:db8::1", 5)),
    ],
)
def test_places(text: str, found: tuple[str, int]) -> None:
    assert place(text) == found


@pytest.mark.parametrize("text", ["", ":3478", "x:y", "x:0", "x:70000", "[]:1"])
def test_wrong_places(text: str) -> None:
    with pytest.raises(ValueError, match="is not a name or an address"):
        place(text)


@pytest.fixture
def server() -> Iterator[str]:
    """Answers one request with the address of RFC 5769, whoever asks."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.bind(("127.0.0.1", 0))
        own.settimeout(10)

        def answer() -> None:
            asked, whom = own.recvfrom(2_048)
            port = (32853 ^ 0x2112).to_bytes(2)
            own.sendto(SAMPLE_V4[:8] + asked[8:20] + SAMPLE_V4[20:26] + port + SAMPLE_V4[28:], whom)

        thread = threading.Thread(target=answer)
        thread.start()
        yield f"127.0.0.1:{own.getsockname()[1]}"
        thread.join(10)


def test_a_real_socket_is_asked(server: str) -> None:
    address, port, own_port = seen_as(server)
    assert (address, port) == ("192.0.2.1", 32853) and own_port > 0


def test_the_doctor_says_what_to_announce(server: str) -> None:
    text = [one.text for one in outside(Settings(), server)]
    assert text[0].endswith("sees this machine as 192.0.2.1")
    assert "--node-ip 192.0.2.1" in text[-1]


def test_the_doctor_asks_nobody_who_is_none() -> None:
    (one,) = outside(Settings(), "x:y")
    assert one.state == "note" and "unknown" in one.text
