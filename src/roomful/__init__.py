"""Roomful: a real-time server that lives in one Python process.

The names below are imported when they are first used, so that `import roomful` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from roomful.app import Roomful as Roomful
    from roomful.auth.grant import Grant as Grant
    from roomful.auth.grant import VideoGrant as VideoGrant
    from roomful.client.room import connect as connect
    from roomful.config.settings import Settings as Settings
    from roomful.core.errors import Denied as Denied
    from roomful.core.errors import RoomfulError as RoomfulError

_HOMES = {
    "Roomful": "roomful.app",
    "Grant": "roomful.auth.grant",
    "VideoGrant": "roomful.auth.grant",
    "Settings": "roomful.config.settings",
    "Denied": "roomful.core.errors",
    "RoomfulError": "roomful.core.errors",
    "connect": "roomful.client.room",
}

__all__ = [
    "Denied", "Grant", "Roomful", "RoomfulError", "Settings", "VideoGrant", "__version__", "connect",
]  # fmt: skip

try:
    __version__ = version("roomful")
except PackageNotFoundError:  # a source tree that nobody installed
    __version__ = "0.0.0"


def __getattr__(name: str) -> Any:
    if (home := _HOMES.get(name)) is None:
        raise AttributeError(f"module 'roomful' has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
