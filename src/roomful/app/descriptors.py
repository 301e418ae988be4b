"""How many files and connections this process may have open. Called when a server starts on its own, and by the front door."""

from __future__ import annotations

import contextlib

try:
    import resource
except ImportError:  # Windows counts otherwise.
    resource = None


RESERVED = 512
"""Files, databases and media sockets need some of them too."""
MOST = 100_000
FEWEST = 64


def connections() -> int:
    """How many the front door may have at once; it counts those twice that it passes on."""
    if resource is None:
        return MOST
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MOST
    return min(MOST, max(FEWEST, soft - RESERVED))


def raise_limit() -> None:
    """As many as the system lets this user have; the usual default, 1,024, is for programs that use select()."""
    if resource is None:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        # macOS has a lower limit than it says.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
