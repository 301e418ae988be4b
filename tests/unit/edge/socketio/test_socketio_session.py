"""RTCMultiConnection's rooms, messages and answers, and what a page may not do, without a socket."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomful.core.errors import Invalid, LimitExceeded, NotAllowed
from roomful.edge.socketio import wire
from roomful.edge.socketio.session import Bounds, Done, Drop, Emit, Rooms


def rooms(*users: str, bounds: Bounds | None = None, **query: str) -> Rooms:
    """Each user's connection is named `s-` and its id."""
    made = Rooms(bounds or Bounds())
    for user in users:
        assert made.connect(f"s-{user}", wire.entry({"userid": user, **query}), "fresh") == []
    return made


def say(made: Rooms, user: str, event: str, *args: object, now_ms: int = 0) -> Done:
    return made.event(f"s-{user}", event, args, now_ms)


def told(done: Done) -> list[tuple[str, str, tuple[object, ...]]]:
    return [(one.sid, one.event, one.args) for one in done.outputs if isinstance(one, Emit)]


def opened(made: Rooms, owner: str, *others: str, **fields: object) -> Rooms:
    assert say(made, owner, "open-room", {"sessionid": "r", "extra": {"n": owner}, **fields}).answer == (True,)
    for other in others:
        asked = {"sessionid": "r", "extra": {"n": other}, "password": fields.get("password")}
        assert say(made, other, "join-room", asked).answer == (True,)
    return made


def test_who_joins_asks_all_and_they_answer() -> None:
    made = opened(rooms("ada", "bob", "cy"), "ada", "bob", "cy")
    ask = {"remoteUserId": "r", "sender": "forged", "message": {"newParticipationRequest": True}}
    outputs = told(say(made, "cy", wire.MESSAGE_EVENT, ask))
    assert [sid for sid, _, _ in outputs] == ["s-ada", "s-bob"]
    assert outputs[0][2] == (
        {
            "remoteUserId": "ada",
            "message": {"newParticipationRequest": True},
            "sender": "cy",
            "extra": {"n": "cy"},
        },
    )
    answer = {"remoteUserId": "cy", "sender": "ada", "message": {"readyForOffer": True}}
    assert [one[:2] for one in told(say(made, "ada", wire.MESSAGE_EVENT, answer))] == [
        ("s-ada", "user-connected"),
        ("s-cy", "user-connected"),
        ("s-cy", wire.MESSAGE_EVENT),
    ]
    # They have met: nothing but the message from now on.
    assert [one[:2] for one in told(say(made, "ada", wire.MESSAGE_EVENT, answer))] == [("s-cy", wire.MESSAGE_EVENT)]


def test_in_a_one_way_room_only_the_owner_is_asked() -> None:
    made = opened(rooms("ada", "bob", "cy"), "ada", "bob", "cy", session={"oneway": True})
    ask = {"remoteUserId": "r", "message": {"newParticipationRequest": True}}
    assert [sid for sid, _, _ in told(say(made, "cy", wire.MESSAGE_EVENT, ask))] == ["s-ada"]


def test_who_did_not_join_asks_nobody() -> None:
    made = opened(rooms("ada", "eve"), "ada", password="p")
    ask = {"remoteUserId": "r", "message": {"newParticipationRequest": True}}
    assert told(say(made, "eve", wire.MESSAGE_EVENT, ask)) == []


def test_passwords_and_full_rooms() -> None:
    made = opened(rooms("ada", "bob", "cy", maxParticipantsAllowed="2"), "ada", password="p")
    assert say(made, "bob", "join-room", {"sessionid": "r", "password": "x"}).answer == (False, "Invalid password")
    assert say(made, "bob", "join-room", {"sessionid": "no"}).answer == (False, "Room not available")
    assert say(made, "bob", "join-room", {"sessionid": "r", "password": "p"}).answer == (True,)
    assert say(made, "cy", "join-room", {"sessionid": "r", "password": "p"}).answer == (False, "Room full")
    assert say(made, "cy", "open-room", {"sessionid": "r"}).answer == (False, "Room not available")
    assert say(made, "cy", "check-presence", "r").answer == (
        True, "r", {"n": "ada", "_room": {"isFull": True, "isPasswordProtected": True}},
    )  # fmt: skip
    assert say(made, "cy", "check-presence", "no").answer[0] is False
    assert say(made, "cy", "is-valid-password", "p", "r").answer == (True, "r", False)
    assert say(made, "cy", "is-valid-password", "q", "r").answer == (False, "r", "Invalid password")
    assert say(made, "bob", "set-password", "mine").answer == (False, "r", "Room permission denied")
    assert say(made, "ada", "set-password", "new").answer == (True, "r", None)
    assert say(made, "cy", "set-password", "new").answer[2] == "Did not join any room yet"


def test_a_room_goes_to_the_next_or_ends_with_its_owner() -> None:
    made = opened(rooms("ada", "bob"), "ada", "bob")
    assert made.disconnect("s-ada") == [Emit("s-bob", "set-isInitiator-true", ("r",))]
    closing = opened(rooms("ada", "bob", autoCloseEntireSession="true"), "ada", "bob")
    assert closing.disconnect("s-ada") == [Emit("s-bob", "closed-entire-session", ("r", {"n": "ada"}))]
    asked = opened(rooms("ada", "bob"), "ada", "bob")
    assert say(asked, "bob", "close-entire-session").answer == (False, "Room permission denied")
    assert told(say(asked, "ada", "close-entire-session"))[0][:2] == ("s-bob", "closed-entire-session")
    assert say(asked, "ada", "close-entire-session").answer == (False, "Room not available")


def test_who_met_hears_of_leaving() -> None:
    made = rooms("ada", "bob")
    say(made, "ada", wire.MESSAGE_EVENT, {"remoteUserId": "bob", "message": {}})
    assert told(say(made, "ada", "disconnect-with", "bob")) == [
        ("s-ada", "user-disconnected", ("bob",)),
        ("s-bob", "user-disconnected", ("ada",)),
    ]
    say(made, "ada", wire.MESSAGE_EVENT, {"remoteUserId": "bob", "message": {}})
    assert made.disconnect("s-bob") == [Emit("s-ada", "user-disconnected", ("bob",))]
    assert told(say(made, "ada", wire.MESSAGE_EVENT, {"remoteUserId": "bob", "message": {}})) == []


def test_ids_belong_to_who_has_them() -> None:
    made = opened(rooms("ada", "bob"), "ada", "bob")
    assert made.connect("s-2", wire.entry({"userid": "ada"}), "fresh") == [
        Emit("s-2", "userid-already-taken", ("ada", "fresh"))
    ]
    assert told(say(made, "bob", "changed-uuid", "ada"))[0][1] == "userid-already-taken"
    say(made, "ada", "changed-uuid", "ada2")
    ask = {"remoteUserId": "ada2", "message": {}}
    assert told(say(made, "bob", wire.MESSAGE_EVENT, ask))[-1][0] == "s-ada"
    assert say(made, "ada", "set-password", "still the owner").answer[0] is True
    with pytest.raises(NotAllowed):
        made.connect("s-3", wire.entry({"userid": "admin"}), "fresh")


def test_extras_are_told_to_the_room() -> None:
    made = opened(rooms("ada", "bob", "eve"), "ada", "bob")
    assert {sid for sid, _, _ in told(say(made, "ada", "extra-data-updated", {"hand": "up"}))} == {"s-ada", "s-bob"}
    assert say(made, "bob", "get-remote-user-extra-data", "ada").answer == ({"hand": "up"},)
    assert say(made, "bob", "get-remote-user-extra-data", "no").answer == ("User ID does not exist",)
    assert say(made, "bob", "check-presence", "r").answer[2]["hand"] == "up"  # type: ignore[index]


def test_a_pages_own_event_stays_in_its_room() -> None:
    made = opened(rooms("ada", "bob", "cy", "eve"), "ada", "bob")
    for user in ("ada", "bob", "cy", "eve"):
        say(made, user, "set-custom-socket-event-listener", "mine")
    say(made, "ada", "set-custom-socket-event-listener", "open-room")
    assert [one[0] for one in told(say(made, "ada", "mine", {"x": 1}))] == ["s-bob"]
    assert [one[0] for one in told(say(made, "cy", "mine", {"x": 1}))] == ["s-eve"]


def test_public_rooms_are_found_by_their_word() -> None:
    made = opened(rooms("ada", "bob"), "ada", identifier="chess")
    assert say(made, "bob", "get-public-rooms", "").answer[0] is None
    [found] = say(made, "bob", "get-public-rooms", "chess").answer[0]  # type: ignore[misc]
    assert (found["sessionid"], found["owner"], found["isRoomFull"]) == ("r", "ada", False)
    assert say(made, "bob", "get-public-rooms", "go").answer == ([],)


def test_presence_of_a_user_as_old_clients_ask() -> None:
    made = rooms("ada", "bob")
    ask = {"remoteUserId": "system", "message": {"detectPresence": True, "userid": "bob"}}
    assert say(made, "ada", wire.MESSAGE_EVENT, ask).answer == (True, "bob")
    assert say(made, "bob", wire.MESSAGE_EVENT, ask).answer == (False, "bob")


def test_a_flood_ends_its_connection_only() -> None:
    made = rooms("ada", "bob", bounds=Bounds(burst=10, per_s=1))
    for _ in range(10):
        assert say(made, "ada", "check-presence", "r").answer
    assert say(made, "ada", "check-presence", "r").outputs == [Drop("s-ada", "too many events")]
    assert say(made, "bob", "check-presence", "r").answer


def test_telling_many_costs_more() -> None:
    users = [f"u{number}" for number in range(100)]
    made = opened(rooms(*users, bounds=Bounds(burst=120, per_s=1)), *users)
    done = [say(made, "u0", "extra-data-updated", {}) for _ in range(40)]
    assert any(isinstance(one, Drop) for each in done for one in each.outputs)


def test_rooms_and_users_are_bounded() -> None:
    made = rooms("ada", "bob", bounds=Bounds(users=2, rooms=1))
    with pytest.raises(LimitExceeded):
        made.connect("s-3", wire.entry({}), "fresh")
    opened(made, "ada")
    assert say(made, "bob", "open-room", {"sessionid": "other"}).answer == (False, "Room not available")


@pytest.mark.parametrize(
    "args",
    [
        (), (None,), ("text",), ([],), ({"remoteUserId": ["x"]},), ({"remoteUserId": "bob", "message": math.nan},),
        ({"remoteUserId": "bob", "message": "x" * 70_000},), ({"remoteUserId": "bob", "message": b"x"},),
        ({"remoteUserId": "x" * 300, "message": 1},),
    ],
)  # fmt: skip
def test_nonsense_reaches_nobody(args: tuple[object, ...]) -> None:
    made = rooms("ada", "bob")
    assert say(made, "ada", wire.MESSAGE_EVENT, *args) == Done()
    for event in ("open-room", "join-room", "extra-data-updated", "changed-uuid", "close-entire-session"):
        assert not [one for one in say(made, "ada", event, *args).outputs if isinstance(one, Drop)]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["remoteUserId", "message", "sessionid", "session", "extra", "userid"]), inner
        )
    ),
    max_leaves=8,
)


@given(st.lists(st.tuples(st.sampled_from(["ada", "bob"]), st.sampled_from([*sorted(wire.RESERVED), wire.MESSAGE_EVENT]), st.lists(VALUES, max_size=3)), max_size=20))  # fmt: skip
def test_any_events_leave_a_state_that_holds(events: list[tuple[str, str, list[object]]]) -> None:
    made = rooms("ada", "bob")
    for user, event, args in events:
        made.event(f"s-{user}", event, tuple(args), 0)
    for user in ("ada", "bob"):
        made.disconnect(f"s-{user}")
    assert say(opened(rooms("x"), "x"), "x", "check-presence", "r").answer[0] is True
    assert not made._rooms and not made._users


@given(
    st.dictionaries(st.sampled_from(["userid", "msgEvent", "extra", "maxParticipantsAllowed"]), st.text(max_size=40))
)
def test_any_query_is_read_or_refused(query: dict[str, str]) -> None:
    try:
        read = wire.entry(query)
    except Invalid:
        return
    assert 0 < read.most <= wire.MAX_PEOPLE
