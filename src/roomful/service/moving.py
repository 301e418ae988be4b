"""Takes somebody from one room to another, in one step: nothing else happens in either meanwhile. Called by `service.directory`.

Where the rooms share a media thread, transports and tracks go on and the session hears `Moved`. Where they do not, or the session
cannot follow, its client is sent to the other room and joins there anew.
"""

from __future__ import annotations

from roomful.core.commands import Arrive, Depart, Leave
from roomful.core.errors import Invalid, NotFound
from roomful.core.events import LeaveReason
from roomful.service.actor import RoomActor


async def move(source: RoomActor, identity: str, destination: RoomActor, *, together: bool) -> None:
    """Raises NotFound (`participant_not_found`), Invalid (`wrong_state`), LimitExceeded (`room_full`)."""
    # What was asked of either room before comes before: a client's own requests follow it to the new room from then on.
    source.catch_up()
    destination.catch_up()
    participant = source.by_identity(identity)
    taken = source.room_of_its_own.traveller(participant.sid) if participant is not None else None
    if participant is None or taken is None:
        raise NotFound("no such participant", code="participant_not_found")
    member = source.member(participant.sid)
    if member is None or member.mailbox is None:
        raise Invalid("this participant is just coming back: ask again", code="wrong_state")
    if member.mailbox.relocate is None:
        raise Invalid("this participant's protocol knows no other room", code="wrong_state")
    if not together:
        source.send_on(participant.sid, destination.info.name)
        await source.ask(Leave(participant.sid, LeaveReason.MIGRATION))
        return
    arrival = destination.consider(Arrive(taken))
    departure = source.consider(Depart(participant.sid))
    member.mailbox.relocate(destination)
    destination.take_in(member)
    source.let_go(participant.sid)
    source.carry_out(departure)
    destination.carry_out(arrival)
