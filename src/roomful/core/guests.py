"""Guests: participants of another room whose tracks are shown here too. They are seen and received, and change in their own room only.

Called by `core.room`. Hooks and webhooks are not told of guests: nobody entered.
"""

from __future__ import annotations

from roomful.core.commands import Command, EndGuest, Expel, Join, Leave, Mute, ShowGuest, Unpublish, UpdateTrack
from roomful.core.effects import HideTrack, ShowTrack
from roomful.core.moving import as_guest
from roomful.core.occupant import Occupant, Publication
from roomful.core.state import RoomState
from roomful.core.subscribing import forget_subscriber, forget_track, offer_new, reconcile_publisher
from roomful.core.track import Track


def show_guest(state: RoomState, command: ShowGuest) -> None:
    """Shows a guest, or what changed of one."""
    came = as_guest(command.participant)
    guest = state.occupants.get(came.sid)
    if guest is None:
        if came.identity in state.identities:
            state.refuse(None, command, "identity_taken", "somebody of that identity is in the room")
            return
        guest = Occupant(came, Join(came.sid, came.identity, auto_subscribe=False), activated=True, guest=True)
        state.occupants[came.sid] = guest
        state.identities[came.identity] = came.sid
    elif not guest.guest:
        state.refuse(None, command, "identity_taken", "this participant is in the room")
        return
    was_hidden, guest.snapshot = guest.hidden, came
    shown = {track.sid: track for track in came.tracks}
    for publication in list(guest.publications.values()):
        if publication.track.sid not in shown:
            _hide(state, guest, publication)
    state.tell_changed(guest, to_itself=False)
    for track in came.tracks:
        _show(state, guest, track)
    if guest.rules != command.rules or guest.hidden != was_hidden:
        guest.rules = command.rules
        reconcile_publisher(state, guest)
    state.recount()


def _show(state: RoomState, guest: Occupant, track: Track) -> None:
    if (known := guest.publications.get(track.sid)) is not None:
        known.track = track
        return
    publication = Publication(guest.sid, track, bound=True)
    guest.publications[track.sid] = state.publications[track.sid] = publication
    state.do(ShowTrack(track.sid))
    offer_new(state, publication)


def _hide(state: RoomState, guest: Occupant, publication: Publication) -> None:
    del guest.publications[publication.track.sid]
    del state.publications[publication.track.sid]
    forget_track(state, publication)
    state.do(HideTrack(publication.track.sid))


def end_guest(state: RoomState, command: EndGuest) -> None:
    """Passed over when it is none: the same participant may have come in person meanwhile."""
    guest = state.occupants.get(command.participant)
    if guest is not None and guest.guest:
        remove_guest(state, guest)


def remove_guest(state: RoomState, guest: Occupant) -> None:
    for publication in list(guest.publications.values()):
        _hide(state, guest, publication)
    forget_subscriber(state, guest.sid)
    del state.occupants[guest.sid]
    del state.identities[guest.snapshot.identity]
    guest.change(state="disconnected", tracks=())
    state.tell_changed(guest, to_itself=False)
    state.recount()


def about_guest(state: RoomState, command: Command) -> bool:
    """Whether a command would change a guest here; leaving is allowed, and only that."""
    match command:
        case Mute() | Unpublish() | UpdateTrack():
            publication = state.publications.get(command.track)
            sid = publication.publisher if publication else ""
        case Leave() | Expel() | Join() | ShowGuest() | EndGuest():
            return False
        case _:
            sid = getattr(command, "participant", "")
    guest = state.occupants.get(sid)
    return guest is not None and guest.guest
