"""What listens to the data of one room in Python, by topic. Made for each room by `Directory.ear`, called by its actor alone."""

from __future__ import annotations

from typing import Protocol

from roomful.core.participant import Participant


class Ear(Protocol):
    """Methods must not block or raise."""

    @property
    def topics(self) -> tuple[str, ...]: ...

    @property
    def holds(self) -> bool:
        """Whether packets wait until `RoomActor.decide`, rather than being told of as they go by."""
        ...

    def seen(self, participant: Participant, packet: bytes) -> None:
        """A packet of a topic went by, or a part of a stream whose first packet did, or is held."""
        ...

    def held(self, participant: Participant, hold: int, packet: bytes) -> None: ...

    def left(self, participant: str) -> None: ...

    def close(self) -> None:
        """The room is over."""
        ...
