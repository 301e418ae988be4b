"""`/relay`. Made by `roomful.app`. A stranger may connect; whose token holds is known in channels by its identity."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from roomful.edge.origins import Origins
from roomful.edge.spoken import Arrivals, Spoken
from roomful.ports import Clock, Hub

PATH = "/relay"


def relay(hub: Hub, arrivals: Arrivals, clock: Clock, origins: Origins, identity_of: Callable[[str], str]) -> Spoken:
    """`identity_of(token)` raises Unauthenticated."""

    def identify(headers: Mapping[str, str], query: Mapping[str, str]) -> str:
        token = query.get("access_token", "")
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            token = given.strip()
        return identity_of(token) if token else ""

    return Spoken("relay", PATH, hub, arrivals, clock, origins, identify)
