"""Flags over `ROOMFUL_*` over a file → `Settings`. Called by the command line; makes no secret and opens no socket."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from roomful.config.livekit_yaml import read_livekit_yaml
from roomful.config.options import BY_FIELD, BY_KEY, OPTIONS
from roomful.config.origin import Found, Origin, wrong
from roomful.config.settings import EVERYWHERE, LOOPBACK, Settings
from roomful.core.errors import ConfigError

FILE = "roomful.toml"


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, where each came from (field → place), and what people should be told."""

    settings: Settings
    origins: Mapping[str, str]
    warnings: tuple[str, ...]


def load(
    flags: Mapping[str, object],
    environment: Mapping[str, str],
    *,
    config: Path | None = None,
    folder: Path,
) -> Loaded:
    """`flags` is option key → value; `config` a TOML file, or a LiveKit server's YAML. Without it, `roomful.toml` in
    `folder` is read if it is there. Raises ConfigError.
    """
    named = config or (Path(said) if (said := environment.get("ROOMFUL_CONFIG")) else None)
    found, warnings = _from_file(named, folder)
    found += _from_environment(environment, warnings)
    found += _from_flags(flags)
    settings, origins = Settings(), dict.fromkeys(BY_FIELD, "default")
    for one in found:
        settings = _put(settings, one.field, one.value)
        origins[one.field] = one.origin.place
    if settings.dev and origins["bind"] == "default":
        settings = replace(settings, bind=LOOPBACK)
        origins["bind"] = "because of --dev"
    _check_ports(settings, origins)
    if settings.webhook.api_key and settings.keys and settings.webhook.api_key not in settings.keys:
        raise ConfigError(f"{origins['webhook.api_key']}: expected one of the API keys in `keys`")
    if settings.ping_timeout_s <= settings.ping_interval_s:
        place = origins["ping_timeout_s"] if origins["ping_timeout_s"] != "default" else origins["ping_interval_s"]
        raise ConfigError(f"{place}: expected a ping timeout longer than the ping interval")
    if settings.dev and settings.beyond_loopback:
        warnings.append(
            f"--dev uses the key and secret that everybody knows, and {', '.join(settings.bind)} can be reached by "
            "other machines: anybody there can do anything. Use it on 127.0.0.1, or leave --dev out"
        )
    return Loaded(settings, origins, tuple(warnings))


def _check_ports(settings: Settings, origins: Mapping[str, str]) -> None:
    """TCP ports are for one thing each, where their addresses meet."""
    seen: list[tuple[int, frozenset[str], str]] = []
    beyond = ("https_port", "turn.tcp_port", "turn.tls_port")
    for field in ("port", "https_port", "rtc_tcp_port", "turn.tcp_port", "turn.tls_port"):
        name = BY_FIELD[field].name
        outer, dot, inner = field.partition(".")
        port: int | None = getattr(getattr(settings, outer), inner) if dot else getattr(settings, outer)
        if not port or (field in beyond and not settings.beyond_loopback) or (dot and not settings.turn.enabled):
            continue
        places = frozenset(settings.bind if field in ("port", "https_port") else settings.media_bind)
        for other, where, taken in seen:
            if other == port and (places & where or set(EVERYWHERE) & (places | where)):
                raise ConfigError(f"{name} ({origins[field]}): expected another port than that of {taken}, {port}")
        seen.append((port, places, name))


def _put(settings: Settings, field: str, value: Any) -> Settings:
    outer, dot, inner = field.partition(".")
    if dot:
        return replace(settings, **{outer: replace(getattr(settings, outer), **{inner: value})})
    return replace(settings, **{field: value})


def _from_flags(flags: Mapping[str, object]) -> list[Found]:
    found: list[Found] = []
    for option in OPTIONS:
        if (value := flags.get(option.key)) is not None:
            origin = Origin(f"--{option.name}", option.name)
            try:
                found.append(Found(option.field, option.read(value), origin))
            except ValueError as error:
                raise wrong(origin, error) from None
    return found


def _from_environment(environment: Mapping[str, str], warnings: list[str]) -> list[Found]:
    found: list[Found] = []
    for option in OPTIONS:
        if value := environment.get(option.variable):
            origin = Origin(option.variable, option.variable)
            try:
                found.append(Found(option.field, option.read(value), origin))
            except ValueError as error:
                raise wrong(origin, error) from None
    known = {option.variable for option in OPTIONS} | {"ROOMFUL_CONFIG"}
    unknown = sorted(name for name in environment if name.startswith("ROOMFUL_") and name not in known)
    if unknown:
        warnings.append("these variables mean nothing here: " + ", ".join(unknown))
    return found


def _from_file(named: Path | None, folder: Path) -> tuple[list[Found], list[str]]:
    path = named or folder / FILE
    if named is None and not path.is_file():
        return [], []
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}") from None
    if path.suffix.lower() in (".yaml", ".yml"):
        found, ignored = read_livekit_yaml(path, content)
        about = [f"{path}: these keys mean nothing here: {', '.join(ignored)}"] if ignored else []
        return found, about
    return _from_toml(path, content), []


def _from_toml(path: Path, content: str) -> list[Found]:
    try:
        table = tomllib.loads(content)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: this is not TOML: {error}") from None
    found: list[Found] = []
    for key, value in table.items():
        origin = Origin(f"{path}:{_line_of(content, key)}", key)
        option = BY_KEY.get(key)
        if option is None:
            raise ConfigError(f"{origin.place}: `{key}` is not an option; `roomful serve --help` lists them")
        try:
            found.append(Found(option.field, option.read(value), origin))
        except ValueError as error:
            raise wrong(origin, error) from None
    return found


def _line_of(content: str, key: str) -> int:
    """tomllib tells no lines: the first that begins with the key, or opens its table."""
    wanted = re.compile(rf"\s*(?:\[\s*)?[\"']?{re.escape(key)}[\"']?\s*[\].=]")
    return next((number for number, line in enumerate(content.splitlines(), 1) if wanted.match(line)), 1)
