"""What a first visit loads, before the call code: small enough for a phone on a bad line."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

import roomful

WEB = Path(roomful.__file__).parent / "web"
BUDGET = 250_000
"""Bytes, compressed."""
SCRIPT = re.compile(r"""(?:from|import)\s*"\./([\w.~-]+\.js)\"""")


def first_load() -> set[str]:
    """The page's own files, and what they import without being asked (dynamic imports come later)."""
    html = (WEB / "index.html").read_text()
    found = set(re.findall(r"/(assets/[\w.~-]+\.(?:js|css))", html))
    todo = [name for name in found if name.endswith(".js")]
    while todo:
        for name in SCRIPT.findall((WEB / todo.pop()).read_text()):
            if (path := f"assets/{name}") not in found:
                found.add(path)
                todo.append(path)
    return found


@pytest.mark.skipif(not (WEB / "index.html").is_file(), reason="the web app is not built here")
def test_the_first_load_is_small_and_has_no_call_code() -> None:
    files = first_load()
    sizes = {name: len(gzip.compress((WEB / name).read_bytes())) for name in [*files, "index.html"]}
    assert any(name.endswith(".css") for name in files) and any("app-" in name for name in files)
    assert not any("livekit" in name for name in files), files
    assert sum(sizes.values()) < BUDGET, sizes


@pytest.mark.skipif(not (WEB / "index.html").is_file(), reason="the web app is not built here")
def test_what_is_installed_and_shown_offline_is_there() -> None:
    for name in ("manifest.webmanifest", "worker.js", "offline.html", "offline.css", "assets/icon.svg"):
        assert (WEB / name).is_file(), name
