"""How fast one connection may ask: a token bucket. Pure. Who is faster is read later, never dropped, so that one client
cannot fill the room's inbox and with it shut the others out.
"""

from __future__ import annotations

BURST = 500
PER_SECOND = 100


class Pace:
    """Messages of one connection."""

    def __init__(self, now_ms: int, *, burst: int = BURST, per_second: int = PER_SECOND) -> None:
        self._burst = burst
        self._per_ms = per_second / 1000
        self._left = float(burst)
        self._then_ms = now_ms

    def wait_ms(self, now_ms: int) -> int:
        """Takes one message in; how long to wait before the next is read."""
        self._left = min(float(self._burst), self._left + max(0, now_ms - self._then_ms) * self._per_ms) - 1.0
        self._then_ms = now_ms
        return 0 if self._left >= 0 else int(-self._left / self._per_ms) + 1
