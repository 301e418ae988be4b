"""What a player makes of deltas is what the server kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomful.game.snapshots import KEPT, MAX_DELTAS, History, World, applied, bodies, delta
from roomful.game.wire import MAX_PARTS, PART, Malformed, pack

fields = st.dictionaries(
    st.sampled_from(["x", "y", "hp", "name"]), st.integers(-9, 9) | st.text(max_size=3), max_size=4
)
worlds = st.dictionaries(st.integers(0, 9) | st.sampled_from(["ball", "flag"]), fields, max_size=8)


@given(worlds, worlds)
def test_a_delta_makes_the_old_world_the_new_one(old: World, new: World) -> None:
    assert applied(old, list(bodies(*delta(new, old)))) == new


@given(st.lists(worlds, min_size=1, max_size=12), st.data())
def test_history_tells_from_any_base(states: list[World], data: st.DataObject) -> None:
    history = History()
    for tick, state in enumerate(states, 1):
        history.keep(tick, state)
    base = data.draw(st.integers(0, len(states) + 3))
    used, parts = history.parts(base)
    assert applied(states[used - 1] if used else {}, list(parts)) == states[-1]


def test_a_large_world_goes_in_parts_that_fit_a_packet() -> None:
    world: World = {number: {"x": number * 1_000, "y": -number, "name": "p" * 20} for number in range(300)}
    history = History()
    history.keep(1, world)
    _, parts = history.parts(0)
    assert 1 < len(parts) <= MAX_PARTS
    assert max(map(len, parts)) <= PART
    assert applied({}, list(parts)) == world
    history.keep(2, {"only": {"x": 1}})
    base, parts = history.parts(1)
    assert base == 1 and max(map(len, parts)) <= PART
    assert applied(world, list(parts)) == {"only": {"x": 1}}


def test_what_fits_no_packet_is_said_plainly() -> None:
    history = History()
    history.keep(1, {"book": {"text": "x" * 2_000}})
    with pytest.raises(ValueError, match="'book' has 2014 bytes"):
        history.parts(0)
    history.keep(2, {number: {"text": "x" * 900} for number in range(70)})
    with pytest.raises(ValueError, match="at most 64"):
        history.parts(0)


def test_old_bases_and_too_many_of_them_get_the_whole_world() -> None:
    history = History()
    for tick in range(1, KEPT + 2):
        history.keep(tick, {"ball": {"x": tick}})
    assert history.parts(1)[0] == 0, "it is no longer kept"
    assert history.parts(10_000)[0] == 0, "it never was"
    used = [history.parts(tick)[0] for tick in range(2, KEPT)]
    assert sum(1 for one in used if one) <= MAX_DELTAS, "work for one snapshot is bounded"


def test_the_state_is_copied() -> None:
    history, state = History(), {"ball": {"x": 1}}
    history.keep(1, state)
    state["ball"]["x"] = 2
    assert applied({}, list(history.parts(0)[1])) == {"ball": {"x": 1}}


@pytest.mark.parametrize("body", [1, [], [[], {}], [1, []], [[], ["a", 1]], [[[1]], []], [[{}], []], [[], [[], {}]]])
def test_odd_bodies_are_refused(body: object) -> None:
    with pytest.raises(Malformed):
        applied({}, [pack(body)])
