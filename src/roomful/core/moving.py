"""From room to room: what somebody takes along, how one room lets go and the other takes in. Called by `core.room` only.

The service asks the old room for a `Traveller`, and the new room first, so that a refusal leaves everything as it was.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from roomful.core.commands import Join
from roomful.core.data_tracks import offer_existing_data, reconcile_data
from roomful.core.effects import TrackPublished
from roomful.core.occupant import DataPublication, Occupant, Publication
from roomful.core.participant import Participant
from roomful.core.permission import SubscriptionRules
from roomful.core.state import RoomState
from roomful.core.subscribing import offer_existing, offer_new
from roomful.core.track import DataTrack, Track


@dataclass(frozen=True, slots=True)
class Traveller:
    """One participant between two rooms. Ids stay: its client goes on with the same transports and tracks."""

    participant: Participant
    join: Join
    rules: SubscriptionRules
    activated: bool
    tracks: tuple[tuple[Track, bool], ...]
    """With whether media has a section."""
    data_tracks: tuple[DataTrack, ...]


def traveller(occupant: Occupant) -> Traveller:
    return Traveller(
        occupant.snapshot,
        occupant.join,
        occupant.rules,
        occupant.activated,
        tuple((one.track, one.bound) for one in occupant.publications.values()),
        tuple(one.track for one in occupant.data_publications.values()),
    )


def take_in(state: RoomState, came: Traveller, now_ms: int) -> Occupant:
    """The room has let it in; nobody is told yet."""
    before = came.participant
    rights = before.granted or before.permission
    occupant = Occupant(
        replace(before, permission=rights, granted=None), came.join, came.rules, activated=came.activated
    )
    sid = occupant.sid
    for track, bound in came.tracks:
        publication = Publication(sid, track, bound=bound)
        occupant.publications[track.sid] = state.publications[track.sid] = publication
    for track in came.data_tracks:
        data = DataPublication(sid, track)
        occupant.data_publications[track.sid] = state.data_publications[track.sid] = data
    occupant.change(joined_at_ms=now_ms)
    state.occupants[sid] = occupant
    state.identities[before.identity] = sid
    if not occupant.dependent and state.first_joined_ms is None:
        state.first_joined_ms = now_ms
    return occupant


def bring_along(state: RoomState, occupant: Occupant) -> None:
    """Its tracks are offered to the others, theirs to it."""
    for publication in occupant.publications.values():
        if publication.bound:
            offer_new(state, publication)
            state.do(TrackPublished(state.info, occupant.snapshot, publication.track))
    for data in occupant.data_publications.values():
        for subscriber in state.others(occupant.sid):
            if subscriber.join.auto_subscribe_data:
                subscriber.wanted_data.add(data.track.sid)
            reconcile_data(state, subscriber, data)
    offer_existing(state, occupant)
    offer_existing_data(state, occupant)


def as_guest(participant: Participant) -> Participant:
    """How somebody who is forwarded looks in the other room: tracks, and the mark that LiveKit's clients know."""
    return replace(participant, kind_details=(*participant.kind_details, "forwarded"), data_tracks=(), granted=None)
