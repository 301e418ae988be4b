"""The build backend (PEP 517, PEP 660): the web app first, then maturin for the rest.

Called by pip and other build front ends. Adds nothing to what maturin does but the web app in `src/roomful/web`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import maturin  # pyright: ignore[reportMissingTypeStubs]
from web_assets import WebBuildError, ensure_web

_Settings = Mapping[str, Any] | None
_ROOT = Path(__file__).resolve().parent.parent


def _say(text: str) -> None:
    print(f"roomful: {text}", file=sys.stderr, flush=True)


def _web() -> None:
    try:
        ensure_web(_ROOT, _say)
    except WebBuildError as error:
        raise SystemExit(f"roomful: {error}") from None


def get_requires_for_build_wheel(config_settings: _Settings = None) -> list[str]:
    return maturin.get_requires_for_build_wheel(config_settings)


def get_requires_for_build_editable(config_settings: _Settings = None) -> list[str]:
    return maturin.get_requires_for_build_editable(config_settings)


def get_requires_for_build_sdist(config_settings: _Settings = None) -> list[str]:
    return maturin.get_requires_for_build_sdist(config_settings)


def prepare_metadata_for_build_wheel(metadata_directory: str, config_settings: _Settings = None) -> str:
    return maturin.prepare_metadata_for_build_wheel(metadata_directory, config_settings)


def prepare_metadata_for_build_editable(metadata_directory: str, config_settings: _Settings = None) -> str:
    return maturin.prepare_metadata_for_build_editable(metadata_directory, config_settings)


def build_wheel(wheel_directory: str, config_settings: _Settings = None, metadata_directory: str | None = None) -> str:
    _web()
    return maturin.build_wheel(wheel_directory, config_settings, metadata_directory)


def build_editable(
    wheel_directory: str, config_settings: _Settings = None, metadata_directory: str | None = None
) -> str:
    _web()
    return maturin.build_editable(wheel_directory, config_settings, metadata_directory)


def build_sdist(sdist_directory: str, config_settings: _Settings = None) -> str:
    _web()
    return maturin.build_sdist(sdist_directory, config_settings)
