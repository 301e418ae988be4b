"""Text or a parsed value → a setting's value. Called by `config.options`; raises ValueError with what was expected.

Flags and the environment give text; TOML and YAML give numbers, booleans and lists as well. Both are read here.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from roomful.config.stun import place

Read = Callable[[object], object]

CODECS = ("opus", "red", "pcmu", "pcma", "vp8", "h264", "vp9", "av1", "h265")
LEVELS = ("debug", "info", "warning", "error")
_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}


def flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in _TRUE | _FALSE:
        return value.lower() in _TRUE
    raise ValueError("true or false")


def whole(least: int, most: int, what: str) -> Callable[[object], int]:
    """A whole number within bounds."""
    expected = f"{what}: a whole number from {least} to {most}"

    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, (int, str)):
            raise ValueError(expected)
        try:
            number = int(value)
        except ValueError:
            raise ValueError(expected) from None
        if not least <= number <= most:
            raise ValueError(expected)
        return number

    return read


port = whole(0, 65_535, "a port (0 takes any free one)")
high_port = whole(1_024, 65_535, "a port")
seconds = whole(0, 10**9, "seconds")
size = whole(0, 2**31, "bytes")
days = whole(-1, 36_500, "days")
ping = whole(1, 3_600, "seconds")
signal_message = whole(4_096, 1 << 20, "bytes")
"""The WebSocket itself takes no more than a MiB."""
count = whole(0, 10**6, "a count")
at_least_one = whole(1, 1_024, "a count")


def port_or_off(value: object) -> int | None:
    if value is False or (isinstance(value, str) and value.lower() == "off"):
        return None
    try:
        return port(value)
    except ValueError:
        raise ValueError('a port (0 takes any free one), or "off"') from None


def networks(value: object) -> tuple[str, ...]:
    """Ranges such as `10.0.0.0/8`, or single addresses."""
    found = texts(value)
    for one in found:
        try:
            ipaddress.ip_network(one)
        except ValueError:
            raise ValueError(f"ranges such as 10.0.0.0/8; {one!r} is none") from None
    return found


def text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("text")
    return value


def database(value: object) -> str:
    """Empty for the data directory's own. What follows the scheme is looked at when it is opened."""
    found = text(value)
    if found and not found.startswith(("sqlite:///", "postgresql://", "postgres://")):
        raise ValueError("sqlite:////path/file.db or postgresql://user:password@host/name")
    return found


def keep_days(value: object) -> int:
    """Days, `forever` (-1) or `nothing` (0)."""
    if isinstance(value, str) and value.lower() in ("forever", "nothing"):
        return -1 if value.lower() == "forever" else 0
    try:
        return days(value)
    except ValueError:
        raise ValueError('days (0 to 36500), "forever" or "nothing"') from None


def path(value: object) -> Path:
    if not isinstance(value, str) or not value:
        raise ValueError("a path")
    return Path(value).expanduser()


def choice(*names: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        if not isinstance(value, str) or value.lower() not in names:
            raise ValueError("one of " + ", ".join(names))
        return value.lower()

    return read


def texts(value: object) -> tuple[str, ...]:
    """A list, or text with commas between."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if isinstance(value, (list, tuple)):
        items = cast("list[object]", value)
        if all(isinstance(one, str) for one in items):
            return tuple(cast("list[str]", items))
    raise ValueError("a list of texts")


def addresses(value: object) -> tuple[str, ...]:
    """IP addresses, or `localhost`. An empty text is LiveKit's word for all."""
    found = ("0.0.0.0", "::") if value == "" else texts(value)
    if not found:
        raise ValueError("at least one address")
    for one in found:
        if one not in ("localhost", ""):
            _address(one)
    return tuple("127.0.0.1" if one == "localhost" else one or "0.0.0.0" for one in found)


def announced(value: object) -> tuple[str, ...]:
    found = texts(value)
    for one in found:
        _address(one)
    return found


def stun_server(value: object) -> str:
    found = text(value)
    if found:
        place(found)
    return found


def _address(value: str) -> None:
    try:
        ipaddress.ip_address(value.partition("%")[0])
    except ValueError:
        raise ValueError(f"IP addresses; {value!r} is none") from None


def codecs(value: object) -> tuple[str, ...]:
    found = tuple(one.lower() for one in texts(value))
    if not found or not set(found) <= set(CODECS):
        raise ValueError("some of " + ", ".join(CODECS))
    return found


def urls(value: object) -> tuple[str, ...]:
    found = texts(value)
    for one in found:
        try:
            parts = urlsplit(one)
        except ValueError:
            parts = None
        if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("http:// or https:// addresses")
    return found


def origins(value: object) -> tuple[str, ...]:
    """As browsers name them: `https://example.org:8443`, without a path; `*` for all."""
    found = texts(value)
    for one in found:
        if one == "*":
            continue
        try:
            parts = urlsplit(one)
        except ValueError:
            parts = None
        if parts is None or not parts.scheme or not parts.hostname or parts.path.strip("/") or parts.query:
            raise ValueError("origins such as https://example.org, or *")
    return found


def keys(value: object) -> Mapping[str, str]:
    """A table, or lines (or commas) of `API key: secret` as LiveKit's LIVEKIT_KEYS has them."""
    found: dict[str, str] = {}
    if isinstance(value, str):
        for part in value.replace(",", "\n").splitlines():
            if not part.strip():
                continue
            key, colon, secret = part.partition(":")
            if not colon:
                raise ValueError("`API key: secret`")
            found[key.strip()] = secret.strip()
    elif isinstance(value, dict):
        table = cast("dict[object, object]", value)
        if not all(isinstance(one, str) for pair in table.items() for one in pair):
            raise ValueError("API keys with their secrets, as texts")
        found = cast("dict[str, str]", table)
    if not found or not all(key and secret for key, secret in found.items()):
        raise ValueError("at least one `API key: secret`")
    return found
