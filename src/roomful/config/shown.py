"""A setting as people read it: in the help, in `roomful doctor` and in the reference page. Pure; shows no secret."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

from roomful.config.options import Option
from roomful.config.settings import Settings

NONE = "-"


def shown(settings: Settings, option: Option) -> str:
    """`off` for None, `-` for nothing, lists with commas, keys without their secrets."""
    value: object = settings
    for part in option.field.split("."):
        value = getattr(value, part)
    if option.secret and not isinstance(value, Mapping):
        return "(hidden)" if value else NONE
    match value:
        case None:
            return "off"
        case bool():
            return str(value).lower()
        case Mapping():
            keys = cast("Mapping[str, str]", value)
            return ", ".join(f"{key} (secret hidden)" for key in keys) or NONE
        case tuple():
            return ", ".join(str(one) for one in cast("tuple[object, ...]", value)) or NONE
        case Path():
            return _from_home(value)
        case _:
            return str(value) or NONE


def _from_home(path: Path) -> str:
    try:
        return str(Path("~") / path.relative_to(Path.home()))
    except (ValueError, RuntimeError):
        return str(path)
