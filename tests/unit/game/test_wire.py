"""The game protocol's bytes: round trips, and strangers' bytes."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomful.game.wire import (
    MAX_INPUTS,
    Hello,
    Inputs,
    Malformed,
    Message,
    Refused,
    SeatInfo,
    SeatsChanged,
    Snapshot,
    Told,
    Welcome,
    decode_player,
    decode_server,
    encode_player,
    encode_server,
    pack,
)

u32 = st.integers(0, 2**32 - 1)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.integers(0, 99), inner, max_size=4),
    max_leaves=10,
)
seats = st.lists(st.builds(SeatInfo, st.integers(0, 255), st.text(), st.text(), st.booleans())).map(tuple)
from_player = (
    st.builds(Hello, st.booleans())
    | st.builds(
        Inputs,
        seen=u32,
        client_ms=u32,
        first=st.integers(1, 2**31),
        inputs=st.lists(st.binary(max_size=50), max_size=MAX_INPUTS).map(tuple),
    )
    | st.builds(Message, values)
)
from_server = (
    st.builds(Welcome, st.integers(-1, 255), u32, u32, u32, seats, values)
    | st.builds(Told, values)
    | st.builds(SeatsChanged, seats)
    | st.builds(Refused, st.text(), st.text())
    | st.builds(
        Snapshot,
        tick=st.integers(10, 2**32 - 1),
        base=st.integers(0, 9),
        time_ms=u32,
        ack=u32,
        echo_ms=u32,
        held_ms=st.integers(0, 65_535),
        part=st.just(1),
        parts=st.integers(2, 64),
        body=st.binary(),
    )
)


@given(from_player)
def test_players_messages_come_back(message: Hello | Inputs | Message) -> None:
    assert decode_player(encode_player(message), max_input=100_000) == message


@given(from_server)
def test_servers_messages_come_back(message: Welcome | Told | SeatsChanged | Refused | Snapshot) -> None:
    assert decode_server(encode_server(message)) == message


@given(
    st.binary()
    | from_player.map(encode_player).flatmap(lambda whole: st.integers(0, len(whole)).map(lambda n: whole[:n]))
)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for decode in (lambda: decode_player(data, max_input=64), lambda: decode_server(data)):
        with contextlib.suppress(Malformed):
            decode()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "unknown message"),
        (b"\x7f", "unknown message"),
        (b"\x01\x01", "three bytes"),
        (b"\x01\x09\x00", "version 1"),
        (b"\x02\x00", "too early"),
        (encode_player(Inputs(0, 0, 1, (b"",) * 17)), "at most 16"),
        (encode_player(Inputs(0, 0, 1, (b"x" * 65,))), "at most 64 bytes"),
        (encode_player(Inputs(0, 0, 1, (b"x" * 9,)))[:-1], "ends too early"),
        (encode_player(Inputs(0, 0, 1, (b"x",))) + b"y", "behind the last"),
        (encode_player(Inputs(0, 0, 0, (b"x",))), "counted from 1"),
        (b"\x03" + b"\xc1", "not MessagePack"),
        (b"\x03" + b"\x91" * 40, "not MessagePack"),
        (b"\x03" + pack("x" * 99), "at most 64 bytes"),
    ],
)
def test_what_is_refused_and_why(data: bytes, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        decode_player(data, max_input=64)
