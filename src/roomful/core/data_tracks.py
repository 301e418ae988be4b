"""LiveKit data tracks: published under the publisher's 16-bit handle, received under one of the subscriber's own.

Called by `core.room` only.
"""

from __future__ import annotations

from roomful.core.commands import PublishData, SubscribeData, UnpublishData
from roomful.core.effects import AnnounceDataTrack, EndDataTrack, ReceiveData, StopReceivingData
from roomful.core.events import DataHandles, DataPublished, DataUnpublished
from roomful.core.occupant import DataPublication, Occupant
from roomful.core.state import RoomState
from roomful.core.subscribing import rules_allow
from roomful.core.track import DataTrack

_HANDLES = 0xFFFF


def publish_data(state: RoomState, command: PublishData) -> None:
    """Refuses a handle or a name that is taken, as LiveKit does."""
    publisher, spec = state.occupants[command.participant], command.spec
    existing = publisher.data_publications.values()
    if not publisher.snapshot.permission.can_publish_data:
        problem = ("not_allowed", "may not publish data")
    elif not 0 < spec.handle <= _HANDLES:
        problem = ("invalid_handle", "a handle is 1 to 65535")
    elif not 0 < len(spec.name.encode()) <= state.policy.max_name:
        problem = ("invalid_name", f"a data track's name has 1 to {state.policy.max_name} bytes")
    elif any(one.track.spec.handle == spec.handle for one in existing):
        problem = ("duplicate_handle", "the handle is in use")
    elif any(one.track.spec.name == spec.name for one in existing):
        problem = ("duplicate_name", "the name is in use")
    elif len(publisher.data_publications) >= state.policy.max_data_tracks:
        problem = ("limit_exceeded", f"at most {state.policy.max_data_tracks} data tracks")
    else:
        problem = None
    if problem:
        state.refuse(publisher.sid, command, *problem)
        return
    publication = DataPublication(publisher.sid, DataTrack(command.track, spec))
    publisher.data_publications[command.track] = publication
    state.data_publications[command.track] = publication
    state.do(AnnounceDataTrack(publisher.sid, command.track, spec.handle))
    state.say((publisher.sid,), DataPublished(publication.track))
    publisher.refresh_tracks()
    state.tell_changed(publisher, to_itself=False)
    for subscriber in state.others(publisher.sid):
        if subscriber.join.auto_subscribe_data:
            subscriber.wanted_data.add(command.track)
        reconcile_data(state, subscriber, publication)


def unpublish_data(state: RoomState, command: UnpublishData) -> None:
    publisher = state.occupants[command.participant]
    found = [one for one in publisher.data_publications.values() if one.track.spec.handle == command.handle]
    if not found:
        state.refuse(publisher.sid, command, "not_found", "no such data track")
        return
    end_data(state, found[0])


def end_data(state: RoomState, publication: DataPublication) -> None:
    """It is gone for everybody; the publisher hears it too."""
    publisher, sid = state.occupants[publication.publisher], publication.track.sid
    del publisher.data_publications[sid]
    del state.data_publications[sid]
    state.do(EndDataTrack(sid))
    state.say((publisher.sid,), DataUnpublished(publication.track))
    for subscriber in state.occupants.values():
        subscriber.wanted_data.discard(sid)
        subscriber.handles.pop(sid, None)
    publisher.refresh_tracks()
    state.tell_changed(publisher, to_itself=False)


def revoke_data(state: RoomState, publisher: Occupant) -> None:
    """Ends what its permission no longer allows."""
    if not publisher.snapshot.permission.can_publish_data:
        for publication in list(publisher.data_publications.values()):
            end_data(state, publication)


def subscribe_data(state: RoomState, command: SubscribeData) -> None:
    subscriber = state.occupants[command.participant]
    publication = state.data_publications.get(command.track)
    if publication is None or publication.publisher == subscriber.sid:
        if command.on:
            state.refuse(subscriber.sid, command, "track_not_found", "no such data track")
        return
    if command.on:
        subscriber.wanted_data.add(command.track)
    else:
        subscriber.wanted_data.discard(command.track)
    reconcile_data(state, subscriber, publication)


def reconcile_data(state: RoomState, subscriber: Occupant, publication: DataPublication, *, tell: bool = True) -> bool:
    """Makes what is received equal to what is wanted and allowed; True when handles changed."""
    sid, track = subscriber.sid, publication.track.sid
    publisher = state.occupants.get(publication.publisher)
    wanted = (
        publisher is not None
        and publisher is not subscriber
        and not publisher.hidden
        and track in subscriber.wanted_data
        and subscriber.snapshot.permission.can_subscribe
        and rules_allow(publisher.rules, subscriber, track)
    )
    receives = sid in publication.receivers
    if wanted == receives:
        return False
    if wanted:
        handle = _free_handle(subscriber)
        if handle is None:
            return False
        subscriber.handles[track] = handle
        publication.receivers.add(sid)
        state.do(ReceiveData(sid, track, handle))
    else:
        subscriber.handles.pop(track, None)
        publication.receivers.discard(sid)
        state.do(StopReceivingData(sid, track))
    if tell:
        tell_handles(state, subscriber)
    return True


def reconcile_all_data(state: RoomState, subscriber: Occupant) -> None:
    """After its rights changed, or when it is new."""
    changed = False
    for publication in state.data_publications.values():
        changed |= reconcile_data(state, subscriber, publication, tell=False)
    if changed:
        tell_handles(state, subscriber)


def reconcile_data_publisher(state: RoomState, publisher: Occupant) -> None:
    """After its rules or its visibility changed."""
    for publication in publisher.data_publications.values():
        for subscriber in state.others(publisher.sid):
            reconcile_data(state, subscriber, publication)


def offer_existing_data(state: RoomState, subscriber: Occupant) -> None:
    """Somebody new gets what is there."""
    if subscriber.join.auto_subscribe_data:
        subscriber.wanted_data.update(
            one.track.sid for one in state.data_publications.values() if one.publisher != subscriber.sid
        )
        reconcile_all_data(state, subscriber)


def tell_handles(state: RoomState, subscriber: Occupant) -> None:
    """All of a subscriber's handles."""
    handles: dict[int, tuple[str, str, str]] = {}
    for track, handle in subscriber.handles.items():
        publication = state.data_publications.get(track)
        if publication is not None:
            publisher = state.occupants[publication.publisher]
            handles[handle] = (publisher.snapshot.identity, publisher.sid, track)
    state.say((subscriber.sid,), DataHandles(handles))


def _free_handle(subscriber: Occupant) -> int | None:
    """Counts up and around, so that a handle is not soon used again."""
    if len(subscriber.handles) >= _HANDLES:
        return None
    taken = set(subscriber.handles.values())
    handle = subscriber.next_handle
    while handle in taken:
        handle = handle % _HANDLES + 1
    subscriber.next_handle = handle % _HANDLES + 1
    return handle
