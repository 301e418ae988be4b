"""How many files and connections this process may have open. Called once, when a server starts on its own."""

from __future__ import annotations

import contextlib

try:
    import resource
except ImportError:  # Windows counts otherwise.
    resource = None


def raise_limit() -> None:
    """As many as the system lets this user have; the usual default, 1,024, is for programs that use select()."""
    if resource is None:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        # macOS has a lower limit than it says.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
