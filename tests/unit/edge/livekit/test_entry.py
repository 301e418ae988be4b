"""Requests to enter, well-formed and not."""

from __future__ import annotations

import base64
import gzip
import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from livekit.protocol import models, rtc

from roomful.auth.grant import Grant, VideoGrant
from roomful.core.errors import Invalid, LimitExceeded, NotAllowed, RoomfulError, Unauthenticated
from roomful.edge.livekit.entry import enter
from roomful.edge.livekit.frames import field, gunzip

GRANT = Grant(identity="ada", video=VideoGrant(room_join=True, room="tea", can_update_own_metadata=True))


def wrapped(request: rtc.JoinRequest, compression: int = rtc.WrappedJoinRequest.GZIP) -> str:
    data = request.SerializeToString()
    if compression == rtc.WrappedJoinRequest.GZIP:
        data = gzip.compress(data)
    outer = rtc.WrappedJoinRequest(compression=compression, join_request=data)  # type: ignore[arg-type]
    return base64.urlsafe_b64encode(outer.SerializeToString()).decode()


REQUEST = rtc.JoinRequest(
    client_info=models.ClientInfo(
        sdk=models.ClientInfo.JS, protocol=17, version="2.0", client_protocol=1,
        capabilities=[models.ClientInfo.CAP_PACKET_TRAILER],
    ),
    connection_settings=rtc.ConnectionSettings(auto_subscribe=True, adaptive_stream=True),
    publisher_offer=rtc.SessionDescription(type="offer", sdp="o", id=1),
    add_track_requests=[rtc.AddTrackRequest(cid="c")],
    participant_attributes={"a": "b", "empty": ""},
)  # fmt: skip


@pytest.mark.parametrize("compression", [rtc.WrappedJoinRequest.GZIP, rtc.WrappedJoinRequest.NONE])
def test_a_join_request_says_all(compression: int) -> None:
    entry = enter(GRANT, {"join_request": wrapped(REQUEST, compression)}, v1=True, address="192.0.2.7")
    join = entry.join
    assert (entry.room, join.identity, join.single_transport, join.auto_subscribe) == ("tea", "ada", True, True)
    assert (join.adaptive_stream, join.attributes, join.client_protocol) == (True, {"a": "b"}, 1)
    assert (join.client["sdk"], join.client["address"]) == ("js", "192.0.2.7")
    assert join.client["capabilities"] == "CAP_PACKET_TRAILER"
    assert entry.offer is not None and entry.offer.sdp == "o"
    assert [one.cid for one in entry.add_tracks] == ["c"]
    assert not entry.reconnect


def test_every_way_to_write_base64_is_read() -> None:
    text = wrapped(REQUEST)
    for variant in (text.rstrip("="), text.replace("-", "+").replace("_", "/"), text.replace("-", " ")):
        assert enter(GRANT, {"join_request": variant}, v1=True).offer is not None


def test_query_parameters_say_all() -> None:
    attributes = base64.urlsafe_b64encode(json.dumps({"a": "b"}).encode()).decode()
    query = {
        "auto_subscribe": "0", "adaptive_stream": "1", "sdk": "reactnative", "protocol": "16", "version": "1",
        "reconnect": "1", "sid": "PA_1", "attributes": attributes, "os": "x" * 1_000,
    }  # fmt: skip
    entry = enter(GRANT, query, v1=False)
    assert (entry.join.auto_subscribe, entry.join.adaptive_stream, entry.join.single_transport) == (False, True, False)
    assert (entry.reconnect, entry.participant, entry.client.sdk, entry.client.protocol) == (
        True, "PA_1", "react_native", 16,
    )  # fmt: skip
    assert entry.join.attributes == {"a": "b"}
    assert len(entry.join.client["os"]) == 256
    assert enter(GRANT, {}, v1=False).join.auto_subscribe


def test_a_second_connection_that_publishes_only() -> None:
    entry = enter(GRANT, {"publish": "screen"}, v1=False)
    assert (entry.join.identity, entry.join.permission.can_subscribe) == ("ada#screen", False)
    with pytest.raises(NotAllowed):
        enter(
            Grant(identity="a", video=VideoGrant(room_join=True, room="r", can_publish=False)),
            {"publish": "x"},
            v1=False,
        )


def test_room_configuration_of_the_token() -> None:
    config = {"emptyTimeout": 5, "maxParticipants": 2, "metadata": "m", "unknown": 1}
    entry = enter(Grant(identity="a", video=VideoGrant(room_join=True, room="r"), room_config=config), {}, v1=False)
    assert (entry.options.empty_timeout_s, entry.options.departure_timeout_s) == (5, None)
    assert (entry.options.max_participants, entry.options.metadata) == (2, "m")
    broken = Grant(identity="a", video=VideoGrant(room_join=True, room="r"), room_config={"emptyTimeout": "x"})
    with pytest.raises(Unauthenticated):
        enter(broken, {}, v1=False)


@pytest.mark.parametrize(
    ("grant", "error"),
    [
        (Grant(identity="a", video=VideoGrant(room="r")), Unauthenticated),
        (Grant(video=VideoGrant(room_join=True, room="r")), Invalid),
        (Grant(identity="a", video=VideoGrant(room_join=True)), Invalid),
    ],
)
def test_tokens_that_do_not_let_in(grant: Grant, error: type[RoomfulError]) -> None:
    with pytest.raises(error):
        enter(grant, {}, v1=False)


def test_own_attributes_need_the_right_to_change_them() -> None:
    grant = Grant(identity="a", video=VideoGrant(room_join=True, room="r"))
    with pytest.raises(NotAllowed):
        enter(grant, {"join_request": wrapped(REQUEST)}, v1=True)


@pytest.mark.parametrize("text", ["", "%%%", "AAAA", base64.b64encode(b"\xff\xff").decode()])
def test_broken_join_requests(text: str) -> None:
    if text:
        with pytest.raises(Invalid):
            enter(GRANT, {"join_request": text + "!"}, v1=True)
    with pytest.raises(Invalid):
        enter(GRANT, {}, v1=True)


def test_a_gzip_bomb_is_not_blown_up() -> None:
    bomb = gzip.compress(bytes(16 << 20), 9)
    outer = rtc.WrappedJoinRequest(compression=rtc.WrappedJoinRequest.GZIP, join_request=bomb)
    with pytest.raises(LimitExceeded):
        enter(GRANT, {"join_request": base64.b64encode(outer.SerializeToString()).decode()}, v1=True)


@pytest.mark.parametrize("data", [b"", b"\x1f\x8b", gzip.compress(b"x")[:-4], zlib.compress(b"x"), b"\x1f\x8b" * 40])
def test_what_is_not_gzip(data: bytes) -> None:
    if data == b"":
        assert gunzip(data, 10) == b""
        return
    with pytest.raises(Invalid):
        gunzip(data, 10)


@given(st.binary(max_size=300))
def test_no_join_request_breaks_the_door(data: bytes) -> None:
    for text in (base64.b64encode(data).decode(), data.decode("latin-1")):
        try:
            enter(GRANT, {"join_request": text}, v1=True)
        except RoomfulError as error:
            assert error.message


@given(st.dictionaries(st.sampled_from(["attributes", "protocol", "sdk", "capabilities", "publish", "sid"]), st.text()))
def test_no_query_breaks_the_door(query: dict[str, str]) -> None:
    try:
        enter(GRANT, query, v1=False)
    except RoomfulError as error:
        assert error.message


@given(st.integers(1, 2**28), st.binary(max_size=300))
def test_a_joined_field_is_a_protobuf_field(number: int, payload: bytes) -> None:
    message = rtc.SignalResponse.FromString(field(16, payload if payload.isascii() else b""))
    assert message.refresh_token.encode() == (payload if payload.isascii() else b"")
    assert field(number, payload).endswith(payload)
