"""How often one address may ask: a token bucket for each, and a bound on how many are kept. Pure; time is an argument."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict


class Rates:
    """`burst` requests at once and `per_minute` in the long run, for each IPv4 address or IPv6 /64."""

    def __init__(self, *, burst: int = 20, per_minute: int = 60, addresses: int = 10_000) -> None:
        self._burst = burst
        self._per_ms = per_minute / 60_000
        self._limit = addresses
        self._buckets: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def allow(self, address: str, now_ms: int) -> bool:
        """Takes one from the address's bucket. The address longest unseen is forgotten when there are too many."""
        key = network_of(address)
        left, then = self._buckets.pop(key, (float(self._burst), now_ms))
        left = min(float(self._burst), left + (now_ms - then) * self._per_ms)
        allowed = left >= 1.0
        self._buckets[key] = (left - 1.0 if allowed else left, now_ms)
        if len(self._buckets) > self._limit:
            self._buckets.popitem(last=False)
        return allowed


def network_of(address: str) -> str:
    """What one customer of a provider has: the IPv4 address, the IPv6 /64; other text as it is."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((int(parsed) >> 64 << 64, 64)))
    return str(parsed)
