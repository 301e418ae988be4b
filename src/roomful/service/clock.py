"""The wall clock as `ports.Clock`."""

from __future__ import annotations

import time


class WallClock:
    """Starts at the wall's time and follows the monotonic clock, so that it never steps back."""

    def __init__(self) -> None:
        self._base_ns = time.time_ns() - time.monotonic_ns()

    def now_ms(self) -> int:
        return (self._base_ns + time.monotonic_ns()) // 1_000_000
