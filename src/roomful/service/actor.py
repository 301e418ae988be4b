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
from typing import TypeVar, assert_never

from roomful.core.commands import Close, Command, Join, Leave, Tick
from roomful.core.errors import NotFound, Unavailable
from roomful.core.events import LeaveReason
from roomful.core.participant import Participant
from roomful.core.policy import Policy
from roomful.core.room import Room
from roomful.core.room_info import RoomInfo
from roomful.ports import (
    Clock,
    DataHeld,
    DataPassed,
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
from roomful.service.delivery import Delivery
from roomful.service.mailbox import Mailbox

log = logging.getLogger("roomful.room")

T = TypeVar("T")

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
    ) -> None:
        self._room = Room(info, policy)
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
        self._levels: Command | None = None
        self._flushed_at = 0.0
        self._task: asyncio.Task[None] | None = None
        self.closed = False

    @property
    def info(self) -> RoomInfo:
        return self._room.info

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

    def start(self) -> None:
        """Opens the room at the engine and starts its task."""
        self._engine.open_room(self.info.sid, self._hear)
        self._engine.watch_data(self.info.sid, self._hooks.wants_data)
        self._handle_all(self._room.start())
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

    # Data

    def send_data(self, packet: bytes, kind: str, to: tuple[str, ...] = ()) -> None:
        """A whole LiveKit DataPacket; `kind` is `reliable` or `lossy`; `to` empty is everybody."""
        self._engine.send_data(self.info.sid, kind, packet, to)

    def replay_data(self, participant: str, seen: tuple[tuple[str, int], ...]) -> None:
        """Sends the reliable packets missed; `seen` is (publisher, last sequence seen)."""
        self._engine.replay_data(participant, seen)

    async def stats(self) -> str:
        """JSON text of the engine's counters."""
        return await self._engine.stats(self.info.sid)

    async def close(self, reason: str = LeaveReason.ROOM_DELETED) -> None:
        """Everybody is told and leaves; returns when the room is gone."""
        if self.closed:
            return
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
        timeout = TICK_S
        if self._delivery.dirty:
            timeout = max(0.0, self._flushed_at + self._policy.coalesce_ms / 1000 - asyncio.get_running_loop().time())
        try:
            async with asyncio.timeout(timeout):
                await self._wake.wait()
        except TimeoutError:
            if timeout == TICK_S:
                self._tick()

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

    def _flush_if_due(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._delivery.dirty and now - self._flushed_at >= self._policy.coalesce_ms / 1000:
            self._flushed_at = now
            self._delivery.flush()
            self._drop_slow()
