"""One message, and when it is tried again. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from roomful.core.errors import ConfigError

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 60.0
_TRY_AGAIN = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True)
class Message:
    """`room` keeps order: messages of one room arrive one after the other."""

    room: str
    event: str
    body: bytes
    content_type: str


def wait_s(attempt: int, chance: float) -> float:
    """How long to wait after the `attempt`-th failure (from 1); `chance`, 0.0–1.0, spreads out those who failed together."""
    return min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(attempt - 1, 16)) * (0.5 + chance / 2)


def try_again(status: int) -> bool:
    """A receiver that says the message is wrong will not like it better later."""
    return status >= 500 or status in _TRY_AGAIN


def check_url(url: str) -> str:
    """Raises ConfigError."""
    try:
        parts = urlsplit(url)
        holds = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        holds = False
    if not holds:
        raise ConfigError(f"webhook URL {url!r}: expected http://… or https://… with a host", code="webhook_url")
    return url
