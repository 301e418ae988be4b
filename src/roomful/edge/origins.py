"""Which pages may open a WebSocket here: those of this very server, and those on a list. Pure; asked by edges without a token.

A browser says where its page is from and lets any page connect (RFC 6455 §10.2): whoever checks nothing lends its users'
connections to every page they visit. Programs that are no browsers send no Origin and are let in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

ANY = "*"


class Origins:
    """`allowed` holds origins such as `https://example.org`, or `*` for every one."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self.allowed = frozenset(one.rstrip("/").lower() for one in allowed)

    def allow(self, headers: Mapping[str, str]) -> bool:
        """`headers` of the handshake, names in lower case."""
        origin = headers.get("origin")
        if origin is None or ANY in self.allowed or origin.lower() in self.allowed:
            return True
        host = headers.get("host", "")
        try:
            return bool(host) and urlsplit(origin).netloc.lower() == host.lower()
        except ValueError:
            return False
