"""A burst passes at once, a flood is slowed to the rate."""

from __future__ import annotations

from roomful.edge.livekit.pace import Pace


def test_a_burst_passes_and_a_flood_is_slowed() -> None:
    pace = Pace(0, burst=10, per_second=100)
    assert [pace.wait_ms(0) for _ in range(10)] == [0] * 10
    now = 0
    for _ in range(1_000):
        now += pace.wait_ms(now)
    assert 9_000 <= now <= 12_000


def test_time_refills_it_up_to_the_burst() -> None:
    pace = Pace(0, burst=10, per_second=100)
    for _ in range(10):
        pace.wait_ms(0)
    assert [pace.wait_ms(1_000_000) for _ in range(11)][-2:] == [0, 11]


def test_a_clock_that_steps_back_does_no_harm() -> None:
    assert Pace(1_000).wait_ms(0) == 0
