"""Inputs are used once, in order, and no faster than the world goes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomful.game.inputs import AHEAD, QUEUE, InputLine
from roomful.game.wire import Malformed, pack


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 8)), max_size=40))
def test_each_is_used_at_most_once_and_in_order(packets: list[tuple[int, int]]) -> None:
    line, used = InputLine(), list[int]()
    for first, count in packets:
        line.hear(first, [pack(number) for number in range(first, first + count)])
        used.extend(line.take())
    while taken := line.take():
        used.extend(taken)
    assert used == sorted(set(used))
    assert line.used == (used[-1] if used else 0)


def test_repetition_makes_up_for_a_lost_packet() -> None:
    line = InputLine()
    line.hear(1, [pack("a")])
    line.hear(1, [pack("a"), pack("b"), pack("c")])
    assert [line.take(), line.take(), line.take(), line.take()] == [["a"], ["b"], ["c"], []]
    assert line.skipped == 0


def test_a_flood_gains_nothing_and_is_bounded() -> None:
    line = InputLine()
    for start in range(1, 1_000, 16):
        line.hear(start, [pack(number) for number in range(start, start + 16)])
    assert len(line.take()) == 2
    left = sum(len(line.take()) for _ in range(QUEUE))
    assert left == QUEUE - 2
    assert line.skipped > 900


def test_two_are_used_only_while_many_wait() -> None:
    line = InputLine()
    line.hear(1, [pack(number) for number in range(AHEAD)])
    assert len(line.take()) == 1


def test_an_unreadable_input_leaves_those_before_it() -> None:
    line = InputLine()
    with pytest.raises(Malformed):
        line.hear(1, [pack("good"), b"\xc1"])
    assert line.take() == ["good"]
