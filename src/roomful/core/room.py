"""The room: membership, and who handles which command. Pure: `handle(command, now_ms)` returns what is to be told and done.

Called by `service.actor` only. Publishing, subscribing and data tracks have their own files; what is kept is `core.state`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import assert_never

from roomful.core.commands import (
    Activate,
    Arrive,
    Bind,
    CannotSubscribe,
    Close,
    Command,
    Decide,
    Demand,
    Depart,
    EndForAll,
    EndGuest,
    Expel,
    FirstPacket,
    Join,
    Knock,
    Leave,
    LowerHand,
    MediaQuality,
    Mute,
    Publish,
    PublishData,
    SetLoudest,
    SetRole,
    SetRules,
    SetSubscriptionRules,
    SetView,
    ShowGuest,
    Silence,
    Speaking,
    StreamPaused,
    Subscribe,
    SubscribeData,
    Sync,
    Tick,
    Unpublish,
    UnpublishData,
    UpdateParticipant,
    UpdateRoom,
    UpdateTrack,
)
from roomful.core.data_tracks import (
    offer_existing_data,
    publish_data,
    reconcile_all_data,
    reconcile_data_publisher,
    revoke_data,
    subscribe_data,
    unpublish_data,
)
from roomful.core.effects import (
    AddMember,
    Effect,
    LimitVoices,
    MoveMember,
    ParticipantAborted,
    ParticipantJoined,
    ParticipantLeft,
    RemoveMember,
    RoomFinished,
    RoomStarted,
    SetRights,
    TrackUnpublished,
)
from roomful.core.events import (
    LeaveReason,
    Left,
    Moved,
    Notice,
    ParticipantsChanged,
    PermissionChanged,
    QualityChanged,
    RoomChanged,
    SpeakersChanged,
)
from roomful.core.guests import about_guest, end_guest, remove_guest, show_guest
from roomful.core.moderation import (
    entry_problem,
    expelled,
    forget_waiting,
    knock,
    moderate,
    narrowed,
    own_attributes,
    role_at_door,
    settle,
)
from roomful.core.moving import Traveller, bring_along, take_in, traveller
from roomful.core.occupant import Occupant
from roomful.core.participant import Participant
from roomful.core.permission import Permission, SubscriptionRules
from roomful.core.policy import Policy, RoomRules
from roomful.core.publishing import bind, demand, mute, publish, revoke, sync, unpublish, update_track
from roomful.core.room_info import RoomInfo
from roomful.core.state import RoomState, Waiting
from roomful.core.subscribing import (
    cannot_subscribe,
    first_packet,
    forget_subscriber,
    forget_track,
    offer_existing,
    reconcile_publisher,
    reconcile_subscriber,
    set_rules,
    set_view,
    stream_paused,
    subscribe,
)

Output = list[Notice | Effect]


class Room:
    """One room. After `closed` it handles nothing more."""

    def __init__(self, info: RoomInfo, policy: Policy, rules: RoomRules | None = None) -> None:
        self._state = RoomState(info, policy, rules)

    @property
    def info(self) -> RoomInfo:
        return self._state.info

    @property
    def closed(self) -> bool:
        return self._state.closed

    @property
    def rules(self) -> RoomRules:
        return self._state.rules

    @property
    def waiting(self) -> tuple[Waiting, ...]:
        """Who is in the lobby, in order of coming."""
        return tuple(self._state.waiting.values())

    def moderates(self, sid: str) -> bool:
        """Whether this participant is a host or co-host."""
        occupant = self._state.occupants.get(sid)
        return occupant is not None and occupant.role.moderates

    def participants(self) -> tuple[Participant, ...]:
        """Everybody, hidden ones too."""
        return tuple(one.snapshot for one in self._state.occupants.values())

    def participant(self, sid: str) -> Participant | None:
        occupant = self._state.occupants.get(sid)
        return occupant.snapshot if occupant else None

    def by_identity(self, identity: str) -> Participant | None:
        sid = self._state.identities.get(identity)
        return self._state.occupants[sid].snapshot if sid else None

    def others(self, sid: str) -> tuple[Participant, ...]:
        """Whom a participant may see, without itself."""
        seen = [one.snapshot for one in self._state.occupants.values() if not one.snapshot.permission.hidden]
        return tuple(one for one in seen if one.sid != sid)

    def wants_auto_subscribe(self, sid: str) -> bool:
        """How it joined; False for unknown ones."""
        occupant = self._state.occupants.get(sid)
        return occupant is not None and occupant.join.auto_subscribe

    def traveller(self, sid: str) -> Traveller | None:
        """What somebody would take along to another room; None for guests and unknown ones."""
        occupant = self._state.occupants.get(sid)
        return None if occupant is None or occupant.guest else traveller(occupant)

    def track_rules(self, sid: str) -> SubscriptionRules:
        """Who may receive its tracks; everybody for unknown ones."""
        occupant = self._state.occupants.get(sid)
        return occupant.rules if occupant else SubscriptionRules()

    def receivers(self, track: str) -> frozenset[str]:
        """Who receives a track now."""
        publication = self._state.publications.get(track)
        return frozenset(publication.receivers) if publication else frozenset()

    def start(self) -> Output:
        """The first thing a room says."""
        limit = [LimitVoices(self.info.loudest)] if self.info.loudest else []
        return [RoomStarted(self.info), *limit]

    def handle(self, command: Command, now_ms: int) -> Output:
        """What a command leads to. A refusal is a `Refused` notice that holds the command itself."""
        state = self._state
        if state.closed:
            return []
        state.out = []
        if (asker := _asker(command)) is not None and asker not in state.occupants:
            state.refuse(None, command, "participant_not_found", "no such participant")
        elif about_guest(state, command):
            state.refuse(None, command, "not_allowed", "who is forwarded is changed in its own room")
        else:
            self._dispatch(command, now_ms)
        out, state.out = state.out, []
        return out

    def _dispatch(self, command: Command, now_ms: int) -> None:
        state = self._state
        match command:
            case Join():
                self._join(command, now_ms)
            case Activate():
                self._activate(state.occupants[command.participant])
            case Leave():
                self._remove(state.occupants[command.participant], LeaveReason(command.reason), now_ms)
                state.recount()
            case Depart():
                self._remove(state.occupants[command.participant], LeaveReason.MIGRATION, now_ms, goes_on=True)
                state.recount()
            case Arrive():
                self._arrive(command, now_ms)
            case ShowGuest():
                show_guest(state, command)
            case EndGuest():
                end_guest(state, command)
            case Publish():
                publish(state, command)
            case Bind():
                bind(state, command)
            case Unpublish():
                unpublish(state, command)
            case Mute():
                mute(state, command)
            case Subscribe():
                subscribe(state, command)
            case SetView():
                set_view(state, command)
            case SetSubscriptionRules():
                set_rules(state, command)
                reconcile_data_publisher(state, state.occupants[command.participant])
            case UpdateParticipant():
                self._update_participant(command, now_ms)
            case UpdateTrack():
                update_track(state, command)
            case UpdateRoom():
                self._update_room(command)
            case SetLoudest():
                if command.count != self.info.loudest:
                    state.change_info(at_once=False, loudest=command.count)
                    state.do(LimitVoices(command.count))
            case PublishData():
                publish_data(state, command)
            case UnpublishData():
                unpublish_data(state, command)
            case SubscribeData():
                subscribe_data(state, command)
            case Sync():
                sync(state, command)
            case Speaking():
                self._speaking(command)
            case MediaQuality():
                self._quality(command)
            case Demand():
                demand(state, command)
            case StreamPaused():
                stream_paused(state, command)
            case FirstPacket():
                first_packet(state, command)
            case CannotSubscribe():
                cannot_subscribe(state, command)
            case Knock():
                knock(state, command, now_ms)
            case Silence() | SetRole() | LowerHand() | SetRules() | Decide():
                moderate(state, command, self._apply_permission)
            case Expel():
                if moderate(state, command, self._apply_permission):
                    occupant = state.occupants[command.participant]
                    expelled(state, occupant.snapshot.identity)
                    self._remove(occupant, LeaveReason.REMOVED, now_ms)
                    state.recount()
            case EndForAll():
                if moderate(state, command, self._apply_permission):
                    self._close(LeaveReason.ROOM_DELETED, now_ms)
            case Tick():
                forget_waiting(state, now_ms)
                self._tick(now_ms)
            case Close():
                self._close(LeaveReason(command.reason), now_ms)
            case _:
                assert_never(command)

    # Membership

    def _join(self, command: Join, now_ms: int) -> None:
        state, policy = self._state, self._state.policy
        if not command.identity or len(command.identity.encode()) > policy.max_identity:
            state.refuse(None, command, "identity_length", f"an identity has 1 to {policy.max_identity} bytes")
            return
        if problem := _too_big(policy, command.name, command.metadata, command.attributes):
            state.refuse(None, command, *problem)
            return
        role = role_at_door(state, command.identity, command.role)
        if not _exempt(command) and (problem := entry_problem(state, command.identity, role, guest=command.guest)):
            state.refuse(None, command, *problem)
            return
        older = state.identities.get(command.identity)
        if self._full(older, exempt=_exempt(command)):
            state.refuse(None, command, "room_full", "the room is full")
            return
        if older is not None:
            self._remove(state.occupants[older], LeaveReason.DUPLICATE, now_ms)
        permission = command.permission
        snapshot = Participant(
            sid=command.participant,
            identity=command.identity,
            name=command.name,
            state="joined",
            metadata=command.metadata,
            attributes={key: value for key, value in command.attributes.items() if value},
            permission=permission,
            joined_at_ms=now_ms,
            kind=command.kind,
            kind_details=command.kind_details,
            version=1,
            region=command.region,
            client_protocol=command.client_protocol,
            client=command.client,
        )
        occupant = Occupant(snapshot, command)
        settle(state, occupant, command)
        snapshot = occupant.snapshot
        state.occupants[snapshot.sid] = occupant
        state.identities[snapshot.identity] = snapshot.sid
        if not occupant.dependent and state.first_joined_ms is None:
            state.first_joined_ms = now_ms
        state.do(AddMember(snapshot.sid, snapshot.identity, *_rights(occupant)))
        state.tell_changed(occupant, to_itself=False)
        state.recount()
        offer_existing(state, occupant)
        offer_existing_data(state, occupant)

    def _arrive(self, command: Arrive, now_ms: int) -> None:
        """Who moves people decides: the room's lock and lobby are not asked. Its role and rights are what this room makes of them."""
        state, came = self._state, command.traveller
        older = state.identities.get(came.participant.identity)
        if self._full(older, exempt=_exempt(came.join)):
            state.refuse(None, command, "room_full", "the room is full")
            return
        if older is not None:
            self._remove(state.occupants[older], LeaveReason.DUPLICATE, now_ms)
        occupant = take_in(state, came, now_ms)
        settle(state, occupant, came.join)
        state.do(MoveMember(occupant.sid))
        state.do(SetRights(occupant.sid, *_rights(occupant)))
        state.recount()
        state.say((occupant.sid,), Moved(state.info, occupant.snapshot, self.others(occupant.sid)))
        state.tell_changed(occupant, to_itself=False)
        if occupant.activated:
            state.do(ParticipantJoined(self.info, occupant.snapshot))
        bring_along(state, occupant)
        revoke(state, occupant)
        revoke_data(state, occupant)

    def _full(self, older: str | None, *, exempt: bool) -> bool:
        """The one who is replaced does not count; agents and recorders neither count nor are kept out."""
        limit = self.info.max_participants
        if not limit or exempt:
            return False
        inside = sum(1 for sid, one in self._state.occupants.items() if not one.dependent and sid != older)
        return inside >= limit

    def _activate(self, occupant: Occupant) -> None:
        if occupant.activated:
            return
        occupant.activated = True
        occupant.change(state="active")
        self._state.tell_changed(occupant)
        self._state.do(ParticipantJoined(self.info, occupant.snapshot))

    def _remove(self, occupant: Occupant, reason: LeaveReason, now_ms: int, *, goes_on: bool = False) -> None:
        """Its tracks, wishes and handles go along; the others hear one word. `goes_on`: its session and media do, elsewhere."""
        state, sid = self._state, occupant.sid
        if occupant.guest:
            remove_guest(state, occupant)
            return
        for publication in list(occupant.publications.values()):
            del state.publications[publication.track.sid]
            forget_track(state, publication)
        for data in list(occupant.data_publications.values()):
            del state.data_publications[data.track.sid]
            for subscriber in state.occupants.values():
                subscriber.wanted_data.discard(data.track.sid)
                subscriber.handles.pop(data.track.sid, None)
        forget_subscriber(state, sid)
        before = occupant.snapshot
        del state.occupants[sid]
        if state.identities.get(before.identity) == sid:
            del state.identities[before.identity]
        occupant.change(state="disconnected", tracks=(), data_tracks=(), leave_reason=str(reason))
        if not goes_on:
            state.say((sid,), Left(reason))
        state.tell_changed(occupant, to_itself=False)
        if not goes_on:
            state.do(RemoveMember(sid))
        for publication in occupant.publications.values():
            if publication.bound:
                state.do(TrackUnpublished(self.info, before, publication.track))
        told = ParticipantLeft if occupant.activated else ParticipantAborted
        state.do(told(self.info, occupant.snapshot))
        if not occupant.dependent:
            state.last_left_ms = now_ms

    def _close(self, reason: LeaveReason, now_ms: int) -> None:
        for occupant in list(self._state.occupants.values()):
            self._remove(occupant, reason, now_ms)
        self._state.recount()
        self._state.closed = True
        self._state.do(RoomFinished(self.info))

    def _tick(self, now_ms: int) -> None:
        state, info = self._state, self.info
        if state.counts_dirty:
            state.counts_dirty = False
            state.say(state.occupants, RoomChanged(info))
        if any(not one.dependent for one in state.occupants.values()):
            return
        if state.first_joined_ms is not None and state.last_left_ms is not None:
            over = now_ms - state.last_left_ms >= info.departure_timeout_s * 1000
        else:
            over = now_ms - info.created_at_ms >= info.empty_timeout_s * 1000
        if over:
            self._close(LeaveReason.ROOM_CLOSED, now_ms)

    # Changes

    def _update_participant(self, command: UpdateParticipant, now_ms: int) -> None:
        state = self._state
        occupant = state.occupants[command.participant]
        if command.by is not None and (
            command.by != command.participant
            or command.permission is not None
            or not occupant.snapshot.permission.can_update_metadata
        ):
            state.refuse(command.by, command, "not_allowed", "may not change this")
            return
        attributes = dict(occupant.snapshot.attributes)
        changes, problem = own_attributes(attributes, command.attributes or {}, now_ms, server=command.by is None)
        if problem:
            state.refuse(command.by, command, *problem)
            return
        for key, value in changes.items():
            if value:
                attributes[key] = value
            else:
                attributes.pop(key, None)
        old = occupant.snapshot
        name = old.name if command.name is None else command.name
        metadata = old.metadata if command.metadata is None else command.metadata
        if problem := _too_big(state.policy, name, metadata, attributes):
            state.refuse(command.by, command, *problem)
            return
        granted = occupant.granted if command.permission is None else command.permission
        permission = old.permission if command.permission is None else narrowed(granted, state.rules, occupant)
        wanted = (name, metadata, attributes, permission, granted)
        if wanted == (old.name, old.metadata, old.attributes, old.permission, occupant.granted):
            return
        if permission.hidden and not old.permission.hidden:
            self._hide(occupant)
        occupant.change(
            name=name,
            metadata=metadata,
            attributes=attributes,
            permission=permission,
            granted=None if granted == permission else granted,
        )
        if permission != old.permission:
            self._apply_permission(occupant, old.permission)
        state.tell_changed(occupant)
        state.recount()

    def _hide(self, occupant: Occupant) -> None:
        """For the others it leaves."""
        gone = replace(
            occupant.snapshot,
            state="disconnected",
            tracks=(),
            data_tracks=(),
            leave_reason=str(LeaveReason.CLIENT),
            version=occupant.snapshot.version,
        )
        self._state.say((one.sid for one in self._state.others(occupant.sid)), ParticipantsChanged((gone,)))

    def _apply_permission(self, occupant: Occupant, old: Permission) -> None:
        """A right that is taken away ends what it allowed at once; one that is given is used at once."""
        state, new = self._state, occupant.snapshot.permission
        state.do(SetRights(occupant.sid, *_rights(occupant)))
        state.say((occupant.sid,), PermissionChanged(new))
        revoke(state, occupant)
        revoke_data(state, occupant)
        reconcile_subscriber(state, occupant)
        reconcile_all_data(state, occupant)
        if new.hidden != old.hidden:
            reconcile_publisher(state, occupant)
            reconcile_data_publisher(state, occupant)

    def _update_room(self, command: UpdateRoom) -> None:
        state = self._state
        if len(command.metadata.encode()) > state.policy.max_metadata:
            state.refuse(None, command, "metadata_size", f"metadata has at most {state.policy.max_metadata} bytes")
        elif command.metadata != self.info.metadata:
            state.change_info(at_once=True, metadata=command.metadata)

    # News of the engine

    def _speaking(self, command: Speaking) -> None:
        state = self._state
        seen = tuple(
            level for level in command.levels if (one := state.occupants.get(level[0])) is not None and not one.hidden
        )
        if seen:
            state.say(state.occupants, SpeakersChanged(seen))

    def _quality(self, command: MediaQuality) -> None:
        """To itself and to those who receive it."""
        state = self._state
        occupant = state.occupants[command.participant]
        occupant.quality = (command.quality, command.score)
        readers = {occupant.sid: None}
        for publication in occupant.publications.values():
            readers.update(dict.fromkeys(sorted(publication.receivers)))
        state.say(readers, QualityChanged(((occupant.sid, command.quality, command.score),)))


def _asker(command: Command) -> str | None:
    """The participant a command speaks of, which must be there."""
    match command:
        case (
            Join()
            | Bind()
            | Unpublish()
            | Mute()
            | UpdateTrack()
            | UpdateRoom()
            | SetLoudest()
            | Speaking()
            | Demand()
            | Tick()
        ):
            return None
        case Close() | StreamPaused() | FirstPacket() | CannotSubscribe() | Knock() | Arrive():
            return None
        case ShowGuest() | EndGuest():
            return None
        case Silence() | Expel() | SetRole() | LowerHand() | SetRules() | Decide() | EndForAll():
            return None  # `moderation` tells who asks and whom it is about
        case _:
            return command.participant


def _exempt(command: Join) -> bool:
    """Agents and recorders: they neither fill a room nor are kept out of it."""
    return command.kind in ("agent", "egress") or command.permission.agent or command.permission.recorder


def _rights(occupant: Occupant) -> tuple[bool, bool, bool, bool]:
    """As the engine knows them: subscribe, publish data, hidden, agent."""
    permission = occupant.snapshot.permission
    agent = occupant.snapshot.kind == "agent" or permission.agent
    return permission.can_subscribe, permission.can_publish_data, permission.hidden, agent


def _too_big(policy: Policy, name: str, metadata: str, attributes: Mapping[str, str]) -> tuple[str, str] | None:
    if len(name.encode()) > policy.max_name:
        return "name_length", f"a name has at most {policy.max_name} bytes"
    if len(metadata.encode()) > policy.max_metadata:
        return "metadata_size", f"metadata has at most {policy.max_metadata} bytes"
    if sum(len(key.encode()) + len(value.encode()) for key, value in attributes.items()) > policy.max_attributes:
        return "attributes_size", f"attributes have at most {policy.max_attributes} bytes"
    return None
