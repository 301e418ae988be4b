"""One room at work: a task that feeds `core.room.Room` from a bounded inbox and carries out what it says.

Called by edges (through `service.directory.Directory.enter`) and by the media engine. It owns the sessions' mailboxes,
the transports, and the pace of updates; it decides nothing about the room itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar, cast

from roomful.core.commands import Activate, Close, Command, Join, Leave, Speaking, Tick
from roomful.core.effects import (
    AddMember,
    Happening,
    ParticipantAborted,
    ParticipantJoined,
    ParticipantLeft,
    RemoveMember,
    RoomFinished,
    RoomGoverned,
    RoomStarted,
    TrackPublished,
    TrackUnpublished,
)
from roomful.core.errors import (
    AlreadyExists,
    Denied,
    Invalid,
    LimitExceeded,
    NotAllowed,
    NotFound,
    RoomfulError,
    Unavailable,
)
from roomful.core.events import LeaveReason, Notice, Refused, SentOn
from roomful.core.participant import Participant
from roomful.core.permission import SubscriptionRules
from roomful.core.policy import Policy, RoomRules
from roomful.core.room import Output, Room
from roomful.core.room_info import RoomInfo
from roomful.core.state import Waiting
from roomful.ports import (
    Clock,
    DataHeld,
    DataPassed,
    DataSeen,
    EngineDied,
    Hooks,
    Ids,
    MediaAnswer,
    MediaEngine,
    MediaOffer,
    MediaReport,
    Observer,
    SectionsWanted,
    SlowReader,
    TransportChanged,
)
from roomful.service.delivery import Delivery, Member
from roomful.service.ear import Ear
from roomful.service.mailbox import Mailbox

log = logging.getLogger("roomful.room")

T = TypeVar("T")
Follower = Callable[[Participant | None, SubscriptionRules], None]
"""Told of each change of a participant, and None as the last thing."""

TICK_S = 1.0
"""How often a room looks at its timeouts."""


@dataclass(frozen=True, slots=True)
class Joined:
    """What somebody who enters, or comes back, finds."""

    participant: Participant
    others: tuple[Participant, ...]
    """Everybody else it may see."""
    room: RoomInfo
    transports: dict[str, str]
    """role → `TP_…`"""


class RoomActor:
    """All methods are called in the event loop's thread. Once `closed`, coroutines raise NotFound (`room_not_found`)."""

    def __init__(
        self,
        info: RoomInfo,
        *,
        policy: Policy,
        engine: MediaEngine,
        clock: Clock,
        ids: Ids,
        hooks: Hooks,
        observers: tuple[Observer, ...],
        on_closed: Callable[[RoomActor], None],
        rules: RoomRules | None = None,
        ear: Callable[[RoomActor], Ear] | None = None,
    ) -> None:
        self._room = Room(info, policy, rules)
        self._policy = policy
        self._engine = engine
        self._clock = clock
        self._ids = ids
        self._hooks = hooks
        self._observers = observers
        self._on_closed = on_closed
        self._delivery = Delivery(policy.mailbox_limit)
        self._inbox: deque[tuple[Callable[[], object], asyncio.Future[object] | None]] = deque()
        self._wake = asyncio.Event()
        self._levels: Speaking | None = None
        self._flushed_at = 0.0
        self._next_tick = 0.0
        self._task: asyncio.Task[None] | None = None
        self._listeners: list[Callable[[DataPassed], None]] = []
        self._followed: dict[str, tuple[Participant | None, SubscriptionRules, list[Follower]]] = {}
        self.closed = False
        self._ear = ear(self) if ear is not None else None

    @property
    def info(self) -> RoomInfo:
        return self._room.info

    @property
    def rules(self) -> RoomRules:
        return self._room.rules

    @property
    def waiting(self) -> tuple[Waiting, ...]:
        """Who is in the lobby, in order of coming."""
        return self._room.waiting

    def moderates(self, participant: str) -> bool:
        """Whether it is a host or co-host."""
        return self._room.moderates(participant)

    def participants(self) -> tuple[Participant, ...]:
        """Everybody, hidden ones too."""
        return self._room.participants()

    def participant(self, sid: str) -> Participant | None:
        return self._room.participant(sid)

    def by_identity(self, identity: str) -> Participant | None:
        return self._room.by_identity(identity)

    def transports(self, participant: str) -> dict[str, str]:
        """role → `TP_…`; empty when unknown."""
        member = self._delivery.members.get(participant)
        return dict(member.transports) if member else {}

    def track_rules(self, participant: str) -> SubscriptionRules:
        """Who may receive its tracks."""
        return self._room.track_rules(participant)

    def follow(self, participant: str, follower: Follower) -> Callable[[], None]:
        """`follower` is told of every change of a participant, until it is gone or the function returned is called."""
        _, _, followers = self._followed.setdefault(
            participant, (self._room.participant(participant), self._room.track_rules(participant), [])
        )
        followers.append(follower)

        def stop() -> None:
            if follower in followers:
                followers.remove(follower)
            if not followers:
                self._followed.pop(participant, None)

        return stop

    def start(self, *, beside: str = "") -> None:
        """Opens the room at the engine, near the room `beside` (`RM_…`), and starts its task."""
        self._engine.open_room(self.info.sid, self._hear, beside=beside)
        self._watch_data()
        if self._ear is not None:
            if self._ear.holds:
                self._engine.hold_topics(self.info.sid, self._ear.topics)
            # Also of what is held: what follows in such a stream is told.
            self._engine.watch_topics(self.info.sid, self._ear.topics)
        self._carry_out(self._room.start())
        self._next_tick = asyncio.get_running_loop().time() + TICK_S
        self._task = asyncio.create_task(self._run(), name=f"room {self.info.name}")

    # Sessions

    async def join(self, join: Join, mailbox: Mailbox) -> Joined:
        """Enters. Use `Directory.enter`, which asks the hooks first. Raises LimitExceeded (`room_full`), NotFound."""
        return await self._call(lambda: self._join(join, mailbox))

    async def resume(self, participant: str, mailbox: Mailbox) -> Joined:
        """A session comes back. Raises NotFound (`participant_not_found`): then it must join anew."""
        return await self._call(lambda: self._resume(participant, mailbox))

    def detach(self, participant: str, mailbox: Mailbox) -> None:
        """The signal connection is lost without a word: the participant stays for `Policy.resume_grace_ms`."""
        member = self._delivery.members.get(participant)
        if member is not None and member.mailbox is mailbox:
            member.mailbox = None
            member.behind = []
            member.detached_at_ms = self._clock.now_ms()

    # Commands

    async def ask(self, command: Command) -> None:
        """Awaits its handling; raises what the room refuses."""
        await self._call(lambda: self._handle(command, asked=True))

    def post(self, command: Command) -> None:
        """Does not wait; a refusal comes to the asker's mailbox. Raises Unavailable (`overloaded`)."""
        self._push(lambda: self._handle(command), None)

    # To and from other rooms; called by `service.moving`

    @property
    def room_of_its_own(self) -> Room:
        return self._room

    def member(self, participant: str) -> Member | None:
        return self._delivery.members.get(participant)

    def catch_up(self) -> None:
        """Does all that was asked so far."""
        while self._inbox and not self.closed:
            self._do(*self._inbox.popleft())

    def consider(self, command: Command) -> Output:
        """What a command leads to, for `carry_out`. Raises its refusal."""
        said = self._room.handle(command, self._clock.now_ms())
        for one in said:
            if isinstance(one, Notice) and isinstance(one.event, Refused):
                raise refusal(one.event)
        if not said:
            raise NotFound("the room is closed", code="room_not_found")
        return said

    def carry_out(self, said: Output) -> None:
        self._carry_out(said)
        self._wake.set()

    def take_in(self, member: Member) -> None:
        """A session of another room, with its transports."""
        self._delivery.members[member.sid] = Member(
            member.sid,
            member.mailbox,
            member.transports,
            tcp_only=member.tcp_only,
            media_lost_at_ms=member.media_lost_at_ms,
        )

    def let_go(self, participant: str) -> None:
        self._delivery.let_go(participant)

    def send_on(self, participant: str, room: str) -> None:
        """It hears of another room, where it shall join. It has yet to leave here."""
        if member := self._delivery.members.get(participant):
            self._delivery.put(member, SentOn(room))

    # Media

    async def offer(self, participant: str, sdp: str, role: str) -> MediaAnswer:
        """The client's offer for its `single` or `publisher` transport.

        The mailbox then holds every participant the answer speaks of: write `take_ready()` first.
        """
        answer = await self._engine.offer(self._transport(participant, role), sdp)
        if member := self._delivery.members.get(participant):
            self._delivery.flush_one(member)
        return answer

    async def answer(self, participant: str, sdp: str, offer_id: int) -> None:
        """The client's answer to a `MediaOffer`; 0 when it does not say which."""
        await self._engine.answer(self._transport(participant, "subscriber"), sdp, offer_id)

    def candidate(self, participant: str, role: str, candidate: str) -> None:
        """`role` as in the participant's transports; unknown ones are ignored, since candidates are hints."""
        if member := self._delivery.members.get(participant):
            transport = member.transports.get(role) or member.transports.get("single")
            if transport is not None:
                self._engine.candidate(transport, candidate)

    async def restart_ice(self, participant: str) -> None:
        """Offers the subscriber transport anew (v0); a client restarts the others by its own offer."""
        member = self._delivery.members.get(participant)
        if member is None:
            raise NotFound("no such participant", code="participant_not_found")
        if transport := member.transports.get("subscriber"):
            self._engine.restart_ice(transport)

    def limit_bandwidth(self, participant: str, bps: int) -> None:
        """A test of clients: their videos come as over a link of so many bits a second; 0 ends it."""
        self._engine.limit_bandwidth(participant, bps)

    # Data

    def send_data(self, packet: bytes, kind: str, to: tuple[str, ...] = ()) -> None:
        """A whole LiveKit DataPacket; `kind` is `reliable` or `lossy`; `to` empty is everybody."""
        self._engine.send_data(self.info.sid, kind, packet, to)

    def decide(self, hold: int, *, verdict: bool) -> None:
        """What becomes of a packet that `Ear.held` was told of."""
        if not self.closed:
            self._engine.decide(self.info.sid, hold, verdict)

    def replay_data(self, participant: str, seen: tuple[tuple[str, int], ...]) -> None:
        """Sends the reliable packets missed; `seen` is (publisher, last sequence seen)."""
        self._engine.replay_data(participant, seen)

    def listen_data(self, listener: Callable[[DataPassed], None]) -> Callable[[], None]:
        """`listener` is told of every data packet until the function returned is called. It must not block or raise."""
        self._listeners.append(listener)
        self._watch_data()

        def stop() -> None:
            self._listeners.remove(listener)
            if not self.closed:
                self._watch_data()

        return stop

    def _watch_data(self) -> None:
        self._engine.watch_data(self.info.sid, self._hooks.wants_data or bool(self._listeners))

    async def last_received(self, participant: str) -> int:
        """The count of its last reliable packet that came; 0 before the first."""
        return await self._engine.last_received(participant)

    async def stats(self) -> str:
        """JSON text of the engine's counters."""
        return await self._engine.stats(self.info.sid)

    async def close(self, reason: str = LeaveReason.ROOM_DELETED) -> None:
        """Everybody is told and leaves; returns when the room is gone."""
        if not self.closed:
            await self._call(lambda: self._handle(Close(reason)))
        if self._task is not None:
            await asyncio.wait((self._task,))

    # The task

    async def _run(self) -> None:
        try:
            while not self.closed:
                await self._wait()
                for _ in range(256):
                    if not self._inbox or self.closed:
                        break
                    work, future = self._inbox.popleft()
                    self._do(work, future)
                if not self.closed:
                    self._tick_if_due()
                self._flush_if_due()
                # Other tasks have their turn between batches of a flooded room.
                await asyncio.sleep(0)
        finally:
            self._finish()

    async def _wait(self) -> None:
        """Until there is work, a flush is due, or a tick."""
        if self._inbox:
            return
        self._wake.clear()
        until = self._next_tick
        if self._delivery.dirty:
            until = min(until, self._flushed_at + self._pace_s())
        try:
            async with asyncio.timeout_at(until):
                await self._wake.wait()
        except TimeoutError:
            return

    def _tick_if_due(self) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._next_tick:
            self._next_tick = now + TICK_S
            self.tick()

    def _do(self, work: Callable[[], object], future: asyncio.Future[object] | None) -> None:
        try:
            result = work()
        except Exception as error:
            if future is not None and not future.done():
                future.set_exception(error)
            elif not isinstance(error, RoomfulError):
                log.exception("room %s: a command failed", self.info.name)
        else:
            if future is not None and not future.done():
                future.set_result(result)

    def _push(self, work: Callable[[], object], future: asyncio.Future[object] | None) -> None:
        if self.closed:
            raise NotFound("the room is closed", code="room_not_found")
        if len(self._inbox) >= self._policy.inbox_limit:
            raise Unavailable("the room has more to do than it can", code="overloaded")
        self._inbox.append((work, future))
        self._wake.set()

    async def _call(self, work: Callable[[], T]) -> T:
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._push(work, cast("asyncio.Future[object]", future))
        return await future

    def _pace_s(self) -> float:
        """How long updates are gathered."""
        policy = self._policy
        return min(policy.coalesce_most_ms, policy.coalesce_ms + len(self._delivery.members) // 10) / 1000

    def _flush_if_due(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._delivery.dirty and now - self._flushed_at >= self._pace_s():
            self._flushed_at = now
            self._delivery.flush()
            self._drop_slow()

    # What the room says

    def _handle(self, command: Command, *, asked: bool = False) -> None:
        """Raises the refusal of an asked command; others go to the asker's mailbox."""
        refused = self._carry_out(self._room.handle(command, self._clock.now_ms()), command if asked else None)
        if refused is not None:
            raise refusal(refused)

    def _carry_out(self, said: Output, asked: Command | None = None) -> Refused | None:
        refused: Refused | None = None
        for one in said:
            match one:
                case Notice(event=Refused() as event) if event.asked is asked:
                    refused = event
                case Notice():
                    self._delivery.tell(one)
                case AddMember():
                    self._engine.order(self.info.sid, one)
                    # Before the first order that needs them.
                    member = self._delivery.members[one.participant]
                    for role, transport in member.transports.items():
                        self._engine.open_transport(
                            self.info.sid, one.participant, transport, role, tcp_only=member.tcp_only
                        )
                case RemoveMember():
                    self._delivery.remove(one.participant)
                    if self._ear is not None:
                        self._ear.left(one.participant)
                    self._engine.order(self.info.sid, one)
                case RoomFinished():
                    self.closed = True
                    self._wake.set()
                    self._happened(one)
                case (
                    RoomStarted()
                    | ParticipantJoined()
                    | ParticipantLeft()
                    | ParticipantAborted()
                    | TrackPublished()
                    | TrackUnpublished()
                    | RoomGoverned()
                ):
                    self._happened(one)
                case _:
                    self._engine.order(self.info.sid, one)
        if self._followed:
            self._tell_followers()
        self._drop_slow()
        return refused

    def _tell_followers(self) -> None:
        for sid, (before, rules_before, followers) in list(self._followed.items()):
            now, rules = self._room.participant(sid), self._room.track_rules(sid)
            if now is before and rules is rules_before:
                continue
            self._followed[sid] = (now, rules, followers)
            for follower in list(followers):
                follower(now, rules)
            if now is None:
                self._followed.pop(sid, None)

    def _happened(self, happening: Happening) -> None:
        for observer in (self._hooks.told, *self._observers):
            try:
                observer(happening)
            except Exception:
                log.exception("room %s: an observer failed", self.info.name)

    def _join(self, join: Join, mailbox: Mailbox) -> Joined:
        roles = ("single",) if join.single_transport else ("publisher", "subscriber")
        transports = {role: self._ids.transport() for role in roles}
        member = Member(join.participant, mailbox, transports, tcp_only=join.tcp_only)
        self._delivery.members[join.participant] = member
        try:
            self._handle(join, asked=True)
        except RoomfulError:
            del self._delivery.members[join.participant]
            raise
        return self._joined(member)

    def _resume(self, participant: str, mailbox: Mailbox) -> Joined:
        member = self._delivery.members.get(participant)
        if member is None:
            raise NotFound("no such participant", code="participant_not_found")
        self._delivery.attach(member, mailbox)
        return self._joined(member)

    def _joined(self, member: Member) -> Joined:
        """The snapshots it holds are newer than what waits to be told, departures apart."""
        room = self._room
        participant = room.participant(member.sid)
        if participant is None:
            raise NotFound("no such participant", code="participant_not_found")
        self._delivery.know(member)
        return Joined(participant, room.others(member.sid), room.info, dict(member.transports))

    def _transport(self, participant: str, role: str) -> str:
        member = self._delivery.members.get(participant)
        if member is None:
            raise NotFound("no such participant", code="participant_not_found")
        if (transport := member.transports.get(role)) is None:
            raise Invalid(f"this participant has no {role} transport", code="wrong_state")
        return transport

    # News of the engine

    def _hear(self, report: MediaReport) -> None:
        """Never refused: what the engine tells is bounded by what it holds, and levels overwrite each other."""
        if self.closed:
            return
        if isinstance(report, Speaking):
            if self._levels is None:
                self._inbox.append((self._speak, None))
            self._levels = report
        else:
            self._inbox.append((partial(self._report, report), None))
        self._wake.set()

    def _speak(self) -> None:
        levels, self._levels = self._levels, None
        if levels is not None:
            self._handle(levels)

    def _report(self, report: MediaReport) -> None:
        match report:
            case MediaOffer() | SectionsWanted():
                if member := self._delivery.members.get(report.participant):
                    self._delivery.put(member, report)
                    self._drop_slow()
            case TransportChanged():
                self._transport_changed(report)
            case DataPassed():
                if self._hooks.wants_data and (participant := self._room.participant(report.participant)):
                    self._hooks.data(self.info, participant, report)
                for listener in tuple(self._listeners):
                    listener(report)
            case DataSeen():
                if self._ear is not None and (participant := self._room.participant(report.participant)):
                    self._ear.seen(participant, report.packet)
            case DataHeld():
                participant = self._room.participant(report.participant)
                if self._ear is not None and participant is not None:
                    self._ear.held(participant, report.hold, report.packet)
                else:
                    self.decide(report.hold, verdict=True)
            case SlowReader():
                self._leave(report.participant, LeaveReason.SLOW_READER)
            case EngineDied():
                log.error("room %s: the media engine died: %s", self.info.name, report.reason)
                self._handle(Close(LeaveReason.MEDIA_FAILURE))
            case _:
                self._handle(report)

    def _transport_changed(self, report: TransportChanged) -> None:
        member = self._delivery.members.get(report.participant)
        if member is None or report.transport not in member.transports.values():
            return
        if report.state == "connected":
            member.media_lost_at_ms = None
            # The subscriber's is the primary one in v0, unless its client publishes only.
            self._handle(Activate(report.participant))
        elif member.media_lost_at_ms is None:
            member.media_lost_at_ms = self._clock.now_ms()

    def _leave(self, participant: str, reason: LeaveReason) -> None:
        if self._room.participant(participant) is not None:
            self._handle(Leave(participant, reason))

    def _drop_slow(self) -> None:
        while self._delivery.overflowed:
            self._leave(self._delivery.overflowed.pop(), LeaveReason.SLOW_READER)

    def tick(self) -> None:
        """Looks at every timeout; the room's task does so each second."""
        now, policy = self._clock.now_ms(), self._policy
        for member in list(self._delivery.members.values()):
            gone, lost = member.detached_at_ms, member.media_lost_at_ms
            if gone is not None and now - gone >= policy.resume_grace_ms:
                self._leave(member.sid, LeaveReason.SIGNAL_CLOSE)
            elif lost is not None and now - lost >= policy.media_grace_ms:
                self._leave(member.sid, LeaveReason.CONNECTION_TIMEOUT)
        self._handle(Tick())

    def _finish(self) -> None:
        """Whoever still waits hears that the room is gone."""
        self.closed = True
        self._delivery.flush()
        for sid in list(self._delivery.members):
            self._delivery.remove(sid)
        self._engine.close_room(self.info.sid)
        if self._ear is not None:
            self._ear.close()
        self._on_closed(self)
        while self._inbox:
            _, future = self._inbox.popleft()
            if future is not None and not future.done():
                future.set_exception(NotFound("the room is closed", code="room_not_found"))


def refusal(refused: Refused) -> RoomfulError:
    """The error for whoever asked."""
    for kind, codes in _KINDS:
        if refused.code in codes:
            return kind(refused.message, code=refused.code)
    return Invalid(refused.message, code=refused.code)


_KINDS: tuple[tuple[type[RoomfulError], frozenset[str]], ...] = (
    (NotAllowed, frozenset({"not_allowed", "remote_unmute_disabled"})),
    (Denied, frozenset({"removed", "room_locked", "lobby_waiting", "lobby_refused", "lobby_full"})),
    (NotFound, frozenset({"not_found", "participant_not_found", "track_not_found"})),
    (AlreadyExists, frozenset({"duplicate_handle", "duplicate_name", "identity_taken"})),
    (
        LimitExceeded,
        frozenset(
            {"limit_exceeded", "room_full", "name_length", "identity_length", "metadata_size", "attributes_size"}
        ),
    ),
)
