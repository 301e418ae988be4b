"""`/muaz`. Made by `roomful.app`. Pages of this protocol bring no token: everybody is a stranger, and channels decide."""

from __future__ import annotations

from roomful.edge.origins import Origins
from roomful.edge.spoken import Arrivals, Spoken
from roomful.ports import Clock, Hub

PATH = "/muaz"


def muaz(hub: Hub, arrivals: Arrivals, clock: Clock, origins: Origins) -> Spoken:
    return Spoken("muaz", PATH, hub, arrivals, clock, origins, lambda headers, query: "")
