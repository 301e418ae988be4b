"""A token bucket: how fast one connection may ask. Pure; time is an argument. Used by the edges for what strangers send."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Bucket:
    """`burst` at once and `per_s` in the long run."""

    burst: float
    per_s: float
    _left: float = field(init=False)
    _then_ms: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._left = self.burst

    def take(self, now_ms: int, cost: float = 1.0) -> bool:
        """Takes `cost`, or takes nothing and says False."""
        passed_s = max(0, now_ms - self._then_ms) / 1_000
        self._left = min(self.burst, self._left + passed_s * self.per_s)
        self._then_ms = now_ms
        if self._left < cost:
            return False
        self._left -= cost
        return True
