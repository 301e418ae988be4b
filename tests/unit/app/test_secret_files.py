"""Secrets are made once, kept private, and trouble with their place is told."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from roomful.app.secret_files import FILE, fresh, kept
from roomful.core.errors import ConfigError


def test_made_once_and_private(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "deep"
    first = kept(folder)
    assert kept(folder) == first
    assert stat.S_IMODE((folder / FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [one.name for one in folder.iterdir()] == [FILE]
    assert first != fresh()
    assert first.api_secret not in repr(first)


def test_an_open_file_is_closed_again(tmp_path: Path) -> None:
    first = kept(tmp_path)
    (tmp_path / FILE).chmod(0o644)
    assert kept(tmp_path) == first
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


def test_two_starts_at_once_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert len({repr(one.host_key) for one in pool.map(kept, [tmp_path] * 8)}) == 1


def test_damaged_and_unusable_places_are_told(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("{}")
    with pytest.raises(ConfigError, match="damaged"):
        kept(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="--data-dir"):
        kept(tmp_path / "file" / "below")
