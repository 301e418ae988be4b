"""A removed participant's token stops working, for that room, within bounds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from roomful.auth.grant import Grant
from roomful.auth.revocation import Revocations


def token(at: int | None, identity: str = "ada", fingerprint: str = "f") -> Grant:
    return Grant(identity=identity, not_before_s=at, fingerprint=fingerprint)


def test_older_tokens_of_that_identity_and_room_stop_working() -> None:
    kept = Revocations()
    kept.revoke("tea", "ada", 100)
    assert kept.refuses("tea", token(99))
    assert not kept.refuses("tea", token(100))
    assert not kept.refuses("coffee", token(99))
    assert not kept.refuses("tea", token(99, identity="bob"))


def test_a_token_without_a_time_is_known_by_its_fingerprint() -> None:
    kept = Revocations()
    kept.revoke("tea", "ada", 100, fingerprint="seen")
    assert kept.refuses("tea", token(None, fingerprint="seen"))
    assert not kept.refuses("tea", token(None, fingerprint="other"))
    assert not kept.refuses("coffee", token(None, fingerprint="seen"))


def test_a_token_that_names_itself_nothing_is_not_taken_for_another() -> None:
    kept = Revocations()
    kept.revoke("tea", "ada", 100, fingerprint="")
    assert not kept.refuses("tea", token(None, fingerprint=""))


@given(st.lists(st.integers(0, 50), min_size=1), st.integers(0, 60))
def test_a_later_word_never_shortens_an_earlier_one(times: list[int], at: int) -> None:
    kept = Revocations()
    for time in times:
        kept.revoke("tea", "ada", time)
    assert kept.refuses("tea", token(at)) == (at < max(times))


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=200))
def test_it_stays_within_its_bound_and_forgets_the_oldest(people: list[tuple[int, int]]) -> None:
    kept = Revocations(limit=5)
    for identity, fingerprint in people:
        kept.revoke("tea", str(identity), 100, fingerprint=f"f{fingerprint}")
        assert len(kept) <= 10
        assert kept.refuses("tea", token(1, identity=str(identity), fingerprint=""))
