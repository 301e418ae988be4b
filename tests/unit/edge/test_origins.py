"""A page of this server may connect, others only from the list, and programs that are no browsers always."""

from __future__ import annotations

import pytest

from roomful.edge.origins import Origins


@pytest.mark.parametrize(
    ("origin", "allowed", "may"),
    [
        (None, (), True),
        ("http://here:7880", (), True),
        ("https://HERE:7880", (), True),
        ("http://here", (), False),
        ("http://there", (), False),
        ("null", (), False),
        ("http://[", (), False),
        ("https://there", ("https://THERE/",), True),
        ("https://there", ("*",), True),
        ("null", ("*",), True),
        ("https://there.evil", ("https://there",), False),
    ],
)
def test_origins(origin: str | None, allowed: tuple[str, ...], may: bool) -> None:
    headers = {"host": "here:7880"} | ({} if origin is None else {"origin": origin})
    assert Origins(allowed).allow(headers) is may


def test_without_a_host_no_page_is_of_this_server() -> None:
    assert not Origins().allow({"origin": "http://"})
