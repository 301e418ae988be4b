"""Whatever people do, in whatever order: what a room says and what it holds never contradict each other."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from roomful.core.commands import (
    Activate,
    Bind,
    Close,
    Command,
    Join,
    Leave,
    MediaQuality,
    Mute,
    Publish,
    PublishData,
    SetSubscriptionRules,
    SetView,
    Speaking,
    Subscribe,
    SubscribeData,
    Tick,
    Unpublish,
    UnpublishData,
    UpdateParticipant,
)
from roomful.core.effects import (
    AddMember,
    AnnounceDataTrack,
    AnnounceTrack,
    ChangeView,
    EndDataTrack,
    EndTrack,
    MuteTrack,
    ParticipantAborted,
    ParticipantLeft,
    Receive,
    ReceiveData,
    RemoveMember,
    RoomFinished,
    SetRights,
    StopReceiving,
    StopReceivingData,
)
from roomful.core.events import (
    DataHandles,
    Left,
    Notice,
    ParticipantsChanged,
    Refused,
    SpeakersChanged,
)
from roomful.core.participant import Participant
from roomful.core.permission import Permission, SubscriptionRules, TrackRule
from roomful.core.policy import Policy
from roomful.core.room import Room
from roomful.core.room_info import RoomInfo
from roomful.core.track import AddTrack, DataTrackSpec, View

IDENTITIES = ("ann", "ben", "cat", "dan", "eve")
SOURCES = ("camera", "microphone", "screen_share")
POLICY = Policy(max_tracks=4, max_data_tracks=3)

permissions = st.builds(
    Permission,
    can_subscribe=st.booleans(),
    can_publish=st.booleans(),
    can_publish_data=st.booleans(),
    can_publish_sources=st.frozensets(st.sampled_from(SOURCES)),
    hidden=st.sampled_from([False, False, True]),
    recorder=st.sampled_from([False, False, False, True]),
)
who = st.sampled_from(IDENTITIES)
pick = st.integers(0, 9)


@dataclass
class Engine:
    """What the media engine would hold after the orders it was given."""

    members: dict[str, tuple[bool, bool]] = field(default_factory=dict[str, tuple[bool, bool]])
    tracks: dict[str, str] = field(default_factory=dict[str, str])
    receiving: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    data_tracks: dict[str, str] = field(default_factory=dict[str, str])
    handles: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])

    def obey(self, effect: object) -> None:
        match effect:
            case AddMember():
                assert effect.participant not in self.members
                self.members[effect.participant] = (effect.subscribe, effect.publish_data)
            case SetRights():
                self.members[effect.participant] = (effect.subscribe, effect.publish_data)
            case RemoveMember():
                gone = effect.participant
                del self.members[gone]
                ended = {track for track, owner in self.tracks.items() if owner == gone}
                self.tracks = {track: owner for track, owner in self.tracks.items() if owner != gone}
                self.receiving = {one for one in self.receiving if one[0] != gone and one[1] not in ended}
                data = {track for track, owner in self.data_tracks.items() if owner == gone}
                self.data_tracks = {track: owner for track, owner in self.data_tracks.items() if owner != gone}
                self.handles = {one: n for one, n in self.handles.items() if one[0] != gone and one[1] not in data}
            case AnnounceTrack():
                assert effect.participant in self.members
                self.tracks[effect.track.sid] = effect.participant
            case EndTrack():
                del self.tracks[effect.track]
                self.receiving = {one for one in self.receiving if one[1] != effect.track}
            case MuteTrack():
                assert effect.track in self.tracks
            case Receive():
                assert effect.participant in self.members
                assert effect.track in self.tracks
                assert (effect.participant, effect.track) not in self.receiving
                self.receiving.add((effect.participant, effect.track))
            case StopReceiving():
                self.receiving.remove((effect.participant, effect.track))
            case ChangeView():
                assert (effect.participant, effect.track) in self.receiving
            case AnnounceDataTrack():
                self.data_tracks[effect.track] = effect.participant
            case EndDataTrack():
                del self.data_tracks[effect.track]
                self.handles = {one: n for one, n in self.handles.items() if one[1] != effect.track}
            case ReceiveData():
                assert effect.track in self.data_tracks
                key = (effect.participant, effect.track)
                assert key not in self.handles
                assert effect.handle not in [n for one, n in self.handles.items() if one[0] == effect.participant]
                self.handles[key] = effect.handle
            case StopReceivingData():
                del self.handles[(effect.participant, effect.track)]
            case _:
                pass


class RoomMachine(RuleBasedStateMachine):
    """Drives a room, and follows it as the engine and as each participant's client do."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000
        self.count = 0
        self.engine = Engine()
        self.seen: dict[str, dict[str, Participant]] = {}
        self.handles: dict[str, dict[int, tuple[str, str, str]]] = {}
        self.ever_hidden: set[str] = set()
        self.left_told: set[str] = set()
        self.finished = 0

    @initialize(limit=st.sampled_from([0, 0, 3]))
    def start(self, limit: int) -> None:
        self.limit = limit
        self.room = Room(RoomInfo("RM_1", "room", max_participants=limit, created_at_ms=self.now), POLICY)
        self.room.start()

    def send(self, command: Command) -> list[object]:
        before = {one.sid: one for one in self.room.participants()}
        version = self.room.info.version
        out = self.room.handle(command, self.now)
        inside = {one.sid: one for one in self.room.participants()}
        if isinstance(command, Join) and command.participant in inside:
            self.seen[command.participant] = {}
        assert self.room.info.version >= version
        for sid, one in inside.items():
            if sid in before and one != before[sid]:
                assert one.version > before[sid].version
        for one in out:
            if isinstance(one, Notice):
                self.hear(one, before, inside)
            else:
                self.engine.obey(one)
                if isinstance(one, ParticipantLeft | ParticipantAborted):
                    assert one.participant.sid not in self.left_told
                    self.left_told.add(one.participant.sid)
                self.finished += isinstance(one, RoomFinished)
        for sid in before.keys() - inside.keys():
            self.seen.pop(sid, None)
            self.handles.pop(sid, None)
        if isinstance(command, Join) and command.participant in inside:
            self.seen[command.participant] = {one.sid: one for one in self.room.others(command.participant)}
        return list(out)

    def hear(self, notice: Notice, before: dict[str, Participant], inside: dict[str, Participant]) -> None:
        event = notice.event
        for sid in notice.to:
            assert sid in before or sid in inside, "told to somebody who is not here"
            if sid not in self.seen:
                continue
            match event:
                case ParticipantsChanged():
                    for one in event.participants:
                        known = self.seen[sid].get(one.sid)
                        if known is not None and one.state != "disconnected":
                            assert one.version >= known.version, "an older snapshot after a newer one"
                        if one.state == "disconnected":
                            self.seen[sid].pop(one.sid, None)
                        else:
                            assert one.sid == sid or not one.permission.hidden, "a hidden participant was shown"
                            self.seen[sid][one.sid] = one
                case SpeakersChanged():
                    for speaker, _, _ in event.levels:
                        assert not inside[speaker].permission.hidden
                case DataHandles():
                    self.handles[sid] = dict(event.handles)
                case _:
                    pass

    # What people do

    def someone(self, n: int) -> str:
        people = self.room.participants()
        return people[n % len(people)].sid if people else "PA_nobody"

    def track(self, n: int) -> str:
        tracks = sorted(self.engine.tracks)
        return tracks[n % len(tracks)] if tracks else "TR_nothing"

    def data_track(self, n: int) -> str:
        tracks = sorted(self.engine.data_tracks)
        return tracks[n % len(tracks)] if tracks else "DTR_nothing"

    def fresh(self, prefix: str) -> str:
        self.count += 1
        return f"{prefix}_{self.count}"

    @rule(identity=who, permission=permissions, auto=st.booleans(), kind=st.sampled_from(["standard", "agent"]))
    def join(self, identity: str, permission: Permission, auto: bool, kind: str) -> None:
        older = self.room.by_identity(identity)
        sid = self.fresh("PA")
        out = self.send(
            Join(sid, identity, permission=permission, auto_subscribe=auto, auto_subscribe_data=auto, kind=kind)
        )
        refused = any(isinstance(one, Notice) and isinstance(one.event, Refused) for one in out)
        if self.room.closed or refused:
            assert self.room.participant(sid) is None
            return
        assert (newer := self.room.by_identity(identity)) is not None and newer.sid == sid
        if older is not None:
            assert any(
                isinstance(one, Notice) and isinstance(one.event, Left) and one.to == (older.sid,) for one in out
            )

    @rule(n=pick, reason=st.sampled_from(["client_initiated", "participant_removed"]))
    def leave(self, n: int, reason: str) -> None:
        self.send(Leave(self.someone(n), reason))

    @rule(n=pick)
    def activate(self, n: int) -> None:
        self.send(Activate(self.someone(n)))

    @rule(n=pick, source=st.sampled_from(SOURCES), cid=st.sampled_from("abc"))
    def publish(self, n: int, source: str, cid: str) -> None:
        kind = "audio" if source == "microphone" else "video"
        self.send(Publish(self.someone(n), self.fresh("TR"), AddTrack(cid, kind, source=source)))

    @rule(n=pick)
    def bind(self, n: int) -> None:
        self.send(Bind(self.track(n), str(n), "vp8"))

    @rule(n=pick, m=pick, by_owner=st.booleans())
    def unpublish(self, n: int, m: int, by_owner: bool) -> None:
        track = self.track(n)
        by = self.engine.tracks.get(track, "PA_nobody") if by_owner else self.someone(m)
        self.send(Unpublish(track, by))

    @rule(n=pick, muted=st.booleans(), by_server=st.booleans())
    def mute(self, n: int, muted: bool, by_server: bool) -> None:
        track = self.track(n)
        self.send(Mute(track, muted, None if by_server else self.engine.tracks.get(track)))

    @rule(n=pick, m=pick, on=st.booleans())
    def subscribe(self, n: int, m: int, on: bool) -> None:
        self.send(Subscribe(self.someone(n), (self.track(m),), on))

    @rule(n=pick, m=pick, paused=st.booleans())
    def set_view(self, n: int, m: int, paused: bool) -> None:
        self.send(SetView(self.someone(n), (self.track(m),), View(paused=paused)))

    @rule(n=pick, everyone=st.booleans(), friend=who, all_tracks=st.booleans(), m=pick)
    def set_rules(self, n: int, everyone: bool, friend: str, all_tracks: bool, m: int) -> None:
        rule_ = TrackRule(identity=friend, all_tracks=all_tracks, tracks=frozenset({self.track(m)}))
        self.send(SetSubscriptionRules(self.someone(n), SubscriptionRules(everyone, (rule_,))))

    @rule(n=pick, permission=permissions, name=st.sampled_from(["", "x"]))
    def update(self, n: int, permission: Permission, name: str) -> None:
        self.send(UpdateParticipant(self.someone(n), name=name, permission=permission))

    @rule(n=pick, handle=st.integers(0, 3), name=st.sampled_from("pq"))
    def publish_data(self, n: int, handle: int, name: str) -> None:
        self.send(PublishData(self.someone(n), self.fresh("DTR"), DataTrackSpec(handle, name)))

    @rule(n=pick, handle=st.integers(0, 3))
    def unpublish_data(self, n: int, handle: int) -> None:
        self.send(UnpublishData(self.someone(n), handle))

    @rule(n=pick, m=pick, on=st.booleans())
    def subscribe_data(self, n: int, m: int, on: bool) -> None:
        self.send(SubscribeData(self.someone(n), self.data_track(m), on))

    @rule(n=pick)
    def speak(self, n: int) -> None:
        self.send(Speaking(((self.someone(n), 0.5, True), ("PA_gone", 0.1, False))))

    @rule(n=pick)
    def quality(self, n: int) -> None:
        self.send(MediaQuality(self.someone(n), "good", 4.0))

    @rule(ms=st.integers(0, 400_000))
    def wait(self, ms: int) -> None:
        self.now += ms
        self.send(Tick())

    @rule(really=st.integers(0, 19))
    def close(self, really: int) -> None:
        if really == 0:
            self.send(Close())

    # What must always hold

    @invariant()
    def engine_agrees(self) -> None:
        people = {one.sid: one for one in self.room.participants()}
        assert set(self.engine.members) == set(people)
        for sid, (subscribe, publish_data) in self.engine.members.items():
            permission = people[sid].permission
            assert (subscribe, publish_data) == (permission.can_subscribe, permission.can_publish_data)

    @invariant()
    def nobody_receives_without_a_right(self) -> None:
        people = {one.sid: one for one in self.room.participants()}
        for sid, track in self.engine.receiving:
            owner = self.engine.tracks[track]
            assert people[sid].permission.can_subscribe
            assert owner != sid
            assert not people[owner].permission.hidden
            assert track in [one.sid for one in people[owner].tracks], "receives a track it was never shown"
            assert sid in self.room.receivers(track)
        for sid, track in self.engine.handles:
            assert people[sid].permission.can_subscribe
            assert not people[self.engine.data_tracks[track]].permission.hidden

    @invariant()
    def nobody_publishes_without_a_right(self) -> None:
        people = {one.sid: one for one in self.room.participants()}
        for one in people.values():
            for track in one.tracks:
                assert one.permission.allows_source(track.source)
                assert self.engine.tracks[track.sid] == one.sid
            assert one.permission.can_publish_data or not one.data_tracks

    @invariant()
    def everybody_sees_the_same(self) -> None:
        for sid, seen in self.seen.items():
            others = {one.sid: one for one in self.room.others(sid)}
            assert {key: one for key, one in seen.items() if key != sid} == others

    @invariant()
    def clients_know_their_handles(self) -> None:
        for sid in self.seen:
            held = {n: track for (one, track), n in self.engine.handles.items() if one == sid}
            told = {n: track for n, (_, _, track) in self.handles.get(sid, {}).items()}
            # A handle whose track ended may linger with the client; none it needs is missing.
            assert held.items() <= told.items()

    @invariant()
    def bounds_hold(self) -> None:
        people = self.room.participants()
        assert len({one.identity for one in people}) == len(people)
        for one in people:
            assert len(one.tracks) <= POLICY.max_tracks
            assert len(one.data_tracks) <= POLICY.max_data_tracks
        info = self.room.info
        assert info.participants == sum(1 for one in people if not one.permission.hidden)
        assert self.finished == (1 if self.room.closed else 0)
        if self.room.closed:
            assert not people
            assert not self.engine.members
            assert not self.engine.tracks


RoomMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestRoom = RoomMachine.TestCase
