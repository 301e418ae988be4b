"""What somebody is in a room, and the attributes that tell of it (pure values).

Attributes that begin with `roomful.` are the room's own: participants may set none of them but their hand.
"""

from __future__ import annotations

from enum import StrEnum

OWN = "roomful."
"""Prefix of the room's own attributes."""
ROLE = "roomful.role"
"""A `Role`; absent for a speaker, which is what participants are unless somebody says otherwise."""
HAND = "roomful.hand"
"""When the hand was raised: Unix time in ms by the server's clock, so that hands have one order for everybody."""


class Role(StrEnum):
    """From few rights to all. Hosts answer to nobody, co-hosts to hosts."""

    LISTENER = "listener"
    SPEAKER = "speaker"
    COHOST = "cohost"
    HOST = "host"

    @property
    def rank(self) -> int:
        """0 for a listener, 3 for a host."""
        return _RANKS[self]

    def reaches(self, least: Role) -> bool:
        """Whether what is for `least` is for this role, too."""
        return self.rank >= least.rank

    @property
    def moderates(self) -> bool:
        return self.reaches(Role.COHOST)


_RANKS = {role: rank for rank, role in enumerate(Role)}


def role_of(text: str) -> Role | None:
    """None for what is no role."""
    try:
        return Role(text)
    except ValueError:
        return None
