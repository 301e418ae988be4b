"""A value and where it was said, so that errors and `roomful doctor` can name the place. Used inside `config`."""

from __future__ import annotations

from dataclasses import dataclass

from roomful.core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Origin:
    place: str
    """`--port`, `ROOMFUL_PORT`, `file.toml:3`, `default`"""
    name: str


@dataclass(frozen=True, slots=True)
class Found:
    field: str
    value: object
    origin: Origin


def wrong(origin: Origin, error: ValueError) -> ConfigError:
    """What was expected where. The value itself is left out: it may be a secret."""
    named = "" if origin.name in origin.place else f" `{origin.name}`"
    return ConfigError(f"{origin.place}:{named} expected {error}")
