"""Who receives which track: wishes, rights and rules meet here. Called by `core.room` and `core.publishing`."""

from __future__ import annotations

from roomful.core.commands import CannotSubscribe, FirstPacket, SetSubscriptionRules, SetView, StreamPaused, Subscribe
from roomful.core.effects import ChangeView, Receive, StopReceiving
from roomful.core.events import (
    QualityChanged,
    StreamStateChanged,
    SubscriptionAllowed,
    SubscriptionFailed,
    TrackSubscribed,
)
from roomful.core.occupant import THRIFTY, WHOLE, Occupant, Publication
from roomful.core.permission import SubscriptionRules
from roomful.core.state import RoomState
from roomful.core.track import View

MAX_RULES = 1_024
"""Rules of one publisher."""


def rules_allow(rules: SubscriptionRules, subscriber: Occupant, track: str) -> bool:
    """A publisher's word on one subscriber; recorders are exempt, as in LiveKit."""
    if rules.everyone or subscriber.snapshot.permission.recorder:
        return True
    for rule in reversed(rules.rules):  # the last word on somebody holds
        if (rule.identity or rule.participant) and _matches(rule.identity, rule.participant, subscriber):
            return rule.all_tracks or track in rule.tracks
    return False


def _matches(identity: str, participant: str, subscriber: Occupant) -> bool:
    if identity:
        return identity == subscriber.snapshot.identity
    return participant == subscriber.sid


def reconcile(state: RoomState, subscriber: Occupant, publication: Publication) -> None:
    """Makes what is received equal to what is wanted, allowed and there."""
    sid, track = subscriber.sid, publication.track.sid
    publisher = state.occupants.get(publication.publisher)
    there = publisher is not None and publication.bound and publisher is not subscriber and not publisher.hidden
    wanted = there and track in subscriber.wanted and subscriber.snapshot.permission.can_subscribe
    allowed = publisher is not None and rules_allow(publisher.rules, subscriber, track)
    if wanted and not allowed and sid not in publication.denied:
        publication.denied.add(sid)
        state.say((sid,), SubscriptionAllowed(publication.publisher, track, allowed=False))
    elif sid in publication.denied and (allowed or not wanted):
        publication.denied.discard(sid)
        if wanted:
            state.say((sid,), SubscriptionAllowed(publication.publisher, track, allowed=True))
    receives = sid in publication.receivers
    if wanted and allowed and not receives:
        publication.receivers.add(sid)
        state.do(Receive(sid, track, first_view(subscriber, publication)))
        if publisher is not None and publisher.quality is not None:
            state.say((sid,), QualityChanged(((publisher.sid, *publisher.quality),)))
    elif receives and not (wanted and allowed):
        publication.receivers.discard(sid)
        state.do(StopReceiving(sid, track))


def first_view(subscriber: Occupant, publication: Publication) -> View:
    """What was asked for, or the client's habit."""
    default = THRIFTY if subscriber.join.adaptive_stream and publication.track.kind == "video" else WHOLE
    return subscriber.views.get(publication.track.sid, default)


def reconcile_subscriber(state: RoomState, subscriber: Occupant) -> None:
    """After its rights changed."""
    for publication in state.publications.values():
        reconcile(state, subscriber, publication)


def reconcile_publisher(state: RoomState, publisher: Occupant) -> None:
    """After its rules or its visibility changed."""
    for publication in publisher.publications.values():
        for subscriber in state.others(publisher.sid):
            reconcile(state, subscriber, publication)


def offer_existing(state: RoomState, subscriber: Occupant) -> None:
    """Somebody new gets what is there."""
    if not subscriber.join.auto_subscribe:
        return
    for publication in state.publications.values():
        if publication.bound and publication.publisher != subscriber.sid:
            subscriber.wanted.add(publication.track.sid)
            reconcile(state, subscriber, publication)


def offer_new(state: RoomState, publication: Publication) -> None:
    """A new track is given to those who take everything."""
    for subscriber in state.others(publication.publisher):
        if subscriber.join.auto_subscribe:
            subscriber.wanted.add(publication.track.sid)
        reconcile(state, subscriber, publication)


def subscribe(state: RoomState, command: Subscribe) -> None:
    """By the participant itself or by the server."""
    subscriber = state.occupants[command.participant]
    for track in dict.fromkeys(command.tracks):
        publication = state.publications.get(track)
        if publication is None or publication.publisher == subscriber.sid or not _visible(state, publication):
            if command.on:
                state.say((subscriber.sid,), SubscriptionFailed(track, "track_not_found"))
            continue
        if command.on:
            subscriber.wanted.add(track)
        else:
            subscriber.wanted.discard(track)
        reconcile(state, subscriber, publication)


def _visible(state: RoomState, publication: Publication) -> bool:
    publisher = state.occupants.get(publication.publisher)
    return publication.bound and publisher is not None and not publisher.hidden


def set_view(state: RoomState, command: SetView) -> None:
    """Unknown tracks are passed over: a client may speak of what just ended."""
    subscriber = state.occupants[command.participant]
    for track in dict.fromkeys(command.tracks):
        publication = state.publications.get(track)
        if publication is None or publication.publisher == subscriber.sid:
            continue
        subscriber.views[track] = command.view
        if subscriber.sid in publication.receivers:
            state.do(ChangeView(subscriber.sid, track, command.view))


def set_rules(state: RoomState, command: SetSubscriptionRules) -> None:
    publisher = state.occupants[command.participant]
    if len(command.rules.rules) > MAX_RULES:
        state.refuse(publisher.sid, command, "limit_exceeded", f"at most {MAX_RULES} subscription rules")
        return
    if any(not rule.identity and not rule.participant for rule in command.rules.rules):
        state.refuse(publisher.sid, command, "invalid", "a subscription rule names nobody")
        return
    publisher.rules = command.rules
    reconcile_publisher(state, publisher)


def forget_track(state: RoomState, publication: Publication) -> None:
    """A track ended: wishes and views go with it. The engine ends subscriptions along with the track."""
    for subscriber in state.occupants.values():
        subscriber.wanted.discard(publication.track.sid)
        subscriber.views.pop(publication.track.sid, None)
    publication.receivers.clear()
    publication.denied.clear()


def forget_subscriber(state: RoomState, sid: str) -> None:
    """Somebody left; the engine ended its subscriptions along with it."""
    for publication in state.publications.values():
        publication.receivers.discard(sid)
        publication.denied.discard(sid)
    for data in state.data_publications.values():
        data.receivers.discard(sid)


def first_packet(state: RoomState, command: FirstPacket) -> None:
    """Hidden subscribers stay unknown to publishers, too."""
    publication = state.publications.get(command.track)
    if publication is None or publication.told_subscribed or command.participant not in publication.receivers:
        return
    if state.occupants[command.participant].hidden:
        return
    publication.told_subscribed = True
    state.say((publication.publisher,), TrackSubscribed(command.track))


def stream_paused(state: RoomState, command: StreamPaused) -> None:
    publication = state.publications.get(command.track)
    if publication is not None and command.participant in publication.receivers:
        state.say((command.participant,), StreamStateChanged(publication.publisher, command.track, command.paused))


def cannot_subscribe(state: RoomState, command: CannotSubscribe) -> None:
    publication = state.publications.get(command.track)
    if publication is not None and command.participant in publication.receivers:
        state.say((command.participant,), SubscriptionFailed(command.track, "codec_unsupported"))
