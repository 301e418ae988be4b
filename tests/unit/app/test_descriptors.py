"""Connections are bounded by what the system gives."""

from __future__ import annotations

import pytest

from roomful.app import descriptors

resource = pytest.importorskip("resource", reason="Windows counts otherwise")


@pytest.mark.parametrize(("soft", "wanted"), [(1024, 512), (100, 64), (20_000, 19_488), (10_000_000, 100_000)])
def test_some_descriptors_are_left_for_others(soft: int, wanted: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, soft))
    assert descriptors.connections() == wanted


def test_no_limit_is_a_bound_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert descriptors.connections() == descriptors.MOST


def test_the_limit_is_raised_to_what_the_user_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    set_to: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 4096))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: set_to.append(limits))
    descriptors.raise_limit()
    assert set_to == [(4096, 4096)]
