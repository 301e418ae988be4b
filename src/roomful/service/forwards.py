"""Who is shown in which other rooms: follows each of them in its own room and tells the other. Owned by `service.directory`.

Both rooms are the authority on themselves: this only carries snapshots from one to the other, and lets go when either ends.
"""

from __future__ import annotations

from collections.abc import Callable

from roomful.core.commands import EndGuest, ShowGuest
from roomful.core.errors import AlreadyExists, RoomfulError
from roomful.core.participant import Participant
from roomful.core.permission import SubscriptionRules
from roomful.service.actor import RoomActor


class Forwards:
    """By (participant, room in which it is shown)."""

    def __init__(self) -> None:
        self._stops: dict[tuple[str, str], Callable[[], None]] = {}

    async def begin(self, source: RoomActor, participant: Participant, destination: RoomActor) -> None:
        """Raises AlreadyExists (`already_forwarded`, `identity_taken`)."""
        sid, key = participant.sid, (participant.sid, destination.info.sid)
        if key in self._stops and destination.participant(sid) is not None:
            raise AlreadyExists("this participant is forwarded to that room already", code="already_forwarded")
        self._end(key)
        await destination.ask(ShowGuest(participant, source.track_rules(sid)))

        def changed(now: Participant | None, rules: SubscriptionRules) -> None:
            if now is not None and destination.participant(sid) is None:
                # Thrown out there: it stays out.
                self._end(key)
                return
            try:
                destination.post(EndGuest(sid) if now is None else ShowGuest(now, rules))
            except RoomfulError:
                now = None
            if now is None:
                self._end(key)

        self._stops[key] = source.follow(sid, changed)

    def _end(self, key: tuple[str, str]) -> None:
        if (stop := self._stops.pop(key, None)) is not None:
            stop()
