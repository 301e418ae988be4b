"""Ids, tokens, relaying, waiting, and bounds, without a socket."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomful.core.errors import Invalid
from roomful.edge.peerjs.session import Bounds, Close, Connection, Output, Realm, Send
from roomful.edge.peerjs.wire import MAX_MESSAGE, Message, parse, relayed, valid_id

A, B, C = Connection(1), Connection(2), Connection(3)


def text(kind: str, dst: str = "", payload: object = None) -> str:
    return json.dumps({"type": kind, "dst": dst, "payload": payload, "src": "forged"})


def told(outputs: list[Output]) -> list[tuple[int, dict[str, object]]]:
    return [(one.connection, json.loads(one.text)) for one in outputs if isinstance(one, Send)]


def opened(*names: str, bounds: Bounds | None = None) -> Realm:
    realm = Realm(bounds or Bounds())
    for number, name in enumerate(names, 1):
        assert told(realm.open(Connection(number), name, f"t-{name}", "peerjs", 0)) == [(number, {"type": "OPEN"})]
    return realm


def test_what_is_relayed_names_its_true_sender() -> None:
    realm = opened("ada", "bob")
    for kind in ("OFFER", "ANSWER", "CANDIDATE", "LEAVE", "EXPIRE"):
        outputs = realm.message(A, text(kind, "bob", {"sdp": "…"}), 1)
        assert told(outputs) == [(B, {"type": kind, "src": "ada", "dst": "bob", "payload": {"sdp": "…"}})]


def test_heartbeats_and_unknown_types_are_answered_by_nothing() -> None:
    realm = opened("ada", "bob")
    assert realm.message(A, '{"type":"HEARTBEAT"}', 1) == []
    assert realm.message(A, text("OPEN", "bob"), 1) == []
    assert realm.message(A, text("ID-TAKEN", "bob"), 1) == []


@pytest.mark.parametrize(
    ("peer", "token", "key", "says"),
    [
        ("", "t", "peerjs", "No id, token, or key"),
        ("ada", "", "peerjs", "No id, token, or key"),
        ("ada", "t", "other", "Invalid key"),
        ("a" * 129, "t", "peerjs", "at most"),
        ("<script>", "t", "peerjs", "letters"),
        ("ada", "t" * 129, "peerjs", "at most"),
    ],
)
def test_a_bad_handshake_is_told_and_ended(peer: str, token: str, key: str, says: str) -> None:
    realm = Realm()
    outputs = realm.open(A, peer, token, key, 0)
    [(_, message)] = told(outputs)
    assert message["type"] == "ERROR"
    assert says in str(message["payload"])
    assert isinstance(outputs[-1], Close)
    assert realm.ids() == []


def test_an_id_is_taken_but_the_same_token_reattaches() -> None:
    realm = opened("ada", "bob")
    outputs = realm.open(C, "ada", "guessed", "peerjs", 1)
    assert told(outputs) == [(C, {"type": "ID-TAKEN", "payload": {"msg": "ID is taken"}})]
    assert outputs[-1] == Close(C, 1008, "id taken")
    outputs = realm.open(C, "ada", "t-ada", "peerjs", 2)
    assert outputs == [Close(A, 1000, "connected anew"), Send(C, '{"type":"OPEN"}')]
    # The end of the old connection is not the end of the peer.
    realm.gone(A)
    assert realm.message(A, text("OFFER", "bob"), 3) == []
    assert told(realm.message(B, text("OFFER", "ada"), 3))[0][0] == C


def test_what_waits_is_delivered_in_order_or_expires() -> None:
    realm = opened("ada")
    for number in range(3):
        assert realm.message(A, text("CANDIDATE", "bob", number), 0) == []
    assert realm.message(A, text("LEAVE", "bob"), 0) == []
    realm.message(A, text("OFFER", "cy"), 1_000)
    outputs = told(realm.open(B, "bob", "t", "peerjs", 4_000))
    assert [message.get("payload") for _, message in outputs] == [None, 0, 1, 2]
    assert told(realm.tick(5_999)) == []
    assert told(realm.tick(6_000)) == [(A, {"type": "EXPIRE", "src": "cy", "dst": "ada"})]
    assert realm.waiting == 0


def test_silence_ends_a_peer() -> None:
    realm = opened("ada", "bob")
    realm.message(A, '{"type":"HEARTBEAT"}', 50_000)
    assert realm.tick(90_000) == [Close(B, 1001, "silent")]
    assert realm.ids() == ["ada"]


def test_a_leave_to_nobody_leaves() -> None:
    realm = opened("ada")
    assert realm.message(A, text("LEAVE"), 1) == [Close(A, 1000, "left")]
    assert realm.ids() == []


def test_a_flood_of_waiting_messages_is_bounded_for_each_and_for_all() -> None:
    bounds = Bounds(waiting=30, per_sender=20, per_receiver=8, burst=10_000)
    realm = opened("ada", "bob", bounds=bounds)
    for number in range(1_000):
        realm.message(A, text("OFFER", f"nobody{number % 7}", "x"), 0)
    assert realm.waiting == 20
    # Others still find room.
    realm.message(B, text("OFFER", "late"), 0)
    assert told(realm.open(C, "late", "t", "peerjs", 1))[-1][1]["src"] == "bob"
    # Leaving and coming back does not make more room.
    realm.gone(A)
    realm.open(A, "ada", "t-ada", "peerjs", 2)
    realm.message(A, text("OFFER", "nobody9"), 2)
    assert realm.waiting == 20
    realm.tick(10_000)
    assert realm.waiting == 0


def test_bytes_that_wait_are_bounded() -> None:
    realm = opened("ada", bounds=Bounds(waiting_bytes=100_000))
    for _ in range(10):
        realm.message(A, text("OFFER", "nobody", "x" * 30_000), 0)
    assert realm.waiting == 3


def test_a_flooding_connection_ends_and_others_go_on() -> None:
    realm = opened("ada", "bob", bounds=Bounds(burst=10, per_s=1))
    for _ in range(10):
        assert len(realm.message(A, text("OFFER", "bob"), 0)) == 1
    outputs = realm.message(A, text("OFFER", "bob"), 0)
    assert told(outputs)[0][1]["type"] == "ERROR"
    assert outputs[-1] == Close(A, 1008, "bad message")
    assert realm.ids() == ["bob"]


def test_more_peers_than_fit_are_told() -> None:
    realm = opened("ada", "bob", bounds=Bounds(peers=2))
    assert "limit" in str(told(realm.open(C, "cy", "t", "peerjs", 0)))


@pytest.mark.parametrize(
    "bad",
    [
        "", "null", "[]", "1", '{"type":1}', '{"type":"OFFER","dst":7}', b"\xff\xfe\xfd", "[" * 100_000,
        '{"type":"OFFER","dst":"' + "x" * 200 + '"}', '{"type":"OFFER","payload":NaN}', "x" * (MAX_MESSAGE + 1),
        '{"a":' + "9" * 5_000 + "}",
    ],
)  # fmt: skip
def test_hostile_messages_are_told_and_ended(bad: str | bytes) -> None:
    realm = opened("ada", "bob")
    outputs = realm.message(A, bad, 0)
    assert told(outputs)[0][1]["type"] == "ERROR"
    assert isinstance(outputs[-1], Close)
    assert realm.ids() == ["bob"]


@given(st.one_of(st.binary(max_size=300), st.text(max_size=300)))
def test_parsing_never_fails_otherwise(frame: str | bytes) -> None:
    try:
        parse(frame)
    except Invalid as wrong:
        assert wrong.message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(JSON, st.text(max_size=100))
def test_what_is_relayed_is_what_was_sent(payload: object, dst: str) -> None:
    message = parse(text("OFFER", dst, payload))
    assert message == Message("OFFER", dst, payload)
    again = parse(relayed(message, "ada"))
    assert (again.payload, again.dst) == (payload, dst)


def test_ids_as_the_client_takes_them() -> None:
    assert all(valid_id(one) for one in ("a", "a-b_c d", "0b1e-4f"))
    assert not any(valid_id(one) for one in ("", "-a", "a--b", "a-", "ä", "a/b"))
