"""A user's Python functions as `ports.Hooks`: sync or async, in order per room, with a deadline, and never fatal.

Filled by `roomful.server.Roomful`, called by services. A hook that fails is logged and goes no further, except
`on_join`: there a failure denies. Sync hooks run in the event loop and should be quick.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import assert_never

from roomful.core.commands import Join
from roomful.core.effects import (
    Happening,
    ParticipantAborted,
    ParticipantJoined,
    ParticipantLeft,
    RoomFinished,
    RoomGoverned,
    RoomStarted,
    TrackPublished,
    TrackUnpublished,
)
from roomful.core.errors import Denied, RoomfulError
from roomful.core.participant import Participant
from roomful.core.permission import Permission
from roomful.core.room_info import RoomInfo
from roomful.core.track import Track
from roomful.ports import DataMessage, DataPassed

log = logging.getLogger("roomful.hooks")

QUEUE = 1_000
"""Calls waiting per room; more are dropped with a warning."""


@dataclass(frozen=True, slots=True)
class JoinRequest:
    """Somebody with a good token at the door. Return a changed copy (`request.change(...)`) to let it in otherwise."""

    room: str
    identity: str
    name: str
    metadata: str
    attributes: Mapping[str, str]
    permission: Permission
    kind: str = "standard"

    def change(
        self,
        *,
        name: str | None = None,
        metadata: str | None = None,
        attributes: Mapping[str, str] | None = None,
        permission: Permission | None = None,
    ) -> JoinRequest:
        """A copy with other words; None leaves a field as it is."""
        return replace(
            self,
            name=self.name if name is None else name,
            metadata=self.metadata if metadata is None else metadata,
            attributes=self.attributes if attributes is None else attributes,
            permission=self.permission if permission is None else permission,
        )

    def refuse(self, reason: str) -> Denied:
        """To be raised: `raise request.refuse("the class is full")`; the reason may be shown to the person."""
        return Denied(reason)


Verdict = JoinRequest | bool | None
"""A changed request, True or None let in; False refuses."""
JoinHook = Callable[[JoinRequest], Verdict | Awaitable[Verdict]]
LeaveHook = Callable[[RoomInfo, Participant], object]
PublishHook = Callable[[RoomInfo, Participant, Track], object]
DataHook = Callable[[str, Participant, DataMessage], object]
RoomHook = Callable[[RoomInfo], object]


@dataclass(slots=True)
class _Line:
    """One room's calls, one after the other."""

    queue: asyncio.Queue[tuple[str, Callable[[], object]] | None]


@dataclass(slots=True)
class UserHooks:
    """Implements `ports.Hooks`. `decode` turns a data packet into a message, or None when it carries no user data."""

    deadline_s: float
    decode: Callable[[bytes], DataMessage | None]
    on_join: list[JoinHook] = field(default_factory=list[JoinHook])
    on_leave: list[LeaveHook] = field(default_factory=list[LeaveHook])
    on_publish: list[PublishHook] = field(default_factory=list[PublishHook])
    on_data: list[DataHook] = field(default_factory=list[DataHook])
    on_room_started: list[RoomHook] = field(default_factory=list[RoomHook])
    on_room_ended: list[RoomHook] = field(default_factory=list[RoomHook])
    _lines: dict[str, _Line] = field(default_factory=dict[str, _Line])
    _tasks: set[asyncio.Task[None]] = field(default_factory=set["asyncio.Task[None]"])

    @property
    def wants_data(self) -> bool:
        return bool(self.on_data)

    async def admit(self, room: str, join: Join) -> Join:
        request = JoinRequest(
            room=room,
            identity=join.identity,
            name=join.name,
            metadata=join.metadata,
            attributes=join.attributes,
            permission=join.permission,
            kind=join.kind,
        )
        for hook in self.on_join:
            request = await self._ask(hook, request)
        return replace(
            join,
            name=request.name,
            metadata=request.metadata,
            attributes=request.attributes,
            permission=request.permission,
        )

    async def _ask(self, hook: JoinHook, request: JoinRequest) -> JoinRequest:
        try:
            async with asyncio.timeout(self.deadline_s):
                verdict = hook(request)
                if inspect.isawaitable(verdict):
                    verdict = await verdict
        except RoomfulError:
            raise
        except TimeoutError:
            log.error("on_join took longer than %s s: %s may not join", self.deadline_s, request.identity)
            raise Denied("the server could not decide in time") from None
        except Exception:
            log.exception("on_join failed: %s may not join", request.identity)
            raise Denied("the server could not decide") from None
        if isinstance(verdict, JoinRequest):
            return verdict
        if verdict is False:
            raise Denied("you may not join this room")
        return request

    def told(self, happening: Happening) -> None:
        room = happening.room
        match happening:
            case RoomStarted():
                for hook in self.on_room_started:
                    self._call(room.sid, "on_room_started", lambda hook=hook: hook(room))
            case RoomFinished():
                for hook in self.on_room_ended:
                    self._call(room.sid, "on_room_ended", lambda hook=hook: hook(room))
                if line := self._lines.pop(room.sid, None):
                    _put(line.queue, None)
            case ParticipantLeft():
                for leave in self.on_leave:
                    self._call(room.sid, "on_leave", lambda hook=leave, who=happening.participant: hook(room, who))
            case TrackPublished():
                for publish in self.on_publish:
                    self._call(
                        room.sid,
                        "on_publish",
                        lambda hook=publish, who=happening.participant, track=happening.track: hook(room, who, track),
                    )
            case ParticipantJoined() | ParticipantAborted() | TrackUnpublished() | RoomGoverned():
                pass
            case _:
                assert_never(happening)

    def data(self, room: RoomInfo, participant: Participant, packet: DataPassed) -> None:
        message = self.decode(packet.packet)
        if message is None:
            return
        for hook in self.on_data:
            self._call(room.sid, "on_data", lambda hook=hook: hook(room.name, participant, message))

    async def close(self) -> None:
        """Lets what waits finish, for a deadline at most."""
        for line in self._lines.values():
            _put(line.queue, None)
        self._lines.clear()
        if self._tasks:
            _, late = await asyncio.wait(tuple(self._tasks), timeout=self.deadline_s)
            for task in late:
                task.cancel()

    def _call(self, room: str, name: str, call: Callable[[], object]) -> None:
        line = self._lines.get(room)
        if line is None:
            queue: asyncio.Queue[tuple[str, Callable[[], object]] | None] = asyncio.Queue(QUEUE)
            line = self._lines[room] = _Line(queue)
            task = asyncio.create_task(self._work(queue), name=f"hooks of {room}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if line.queue.full():
            log.warning("%s of room %s falls behind: a call is dropped", name, room)
            return
        line.queue.put_nowait((name, call))

    async def _work(self, queue: asyncio.Queue[tuple[str, Callable[[], object]] | None]) -> None:
        while (item := await queue.get()) is not None:
            name, call = item
            try:
                async with asyncio.timeout(self.deadline_s):
                    result = call()
                    if inspect.isawaitable(result):
                        await result
            except TimeoutError:
                log.error("%s took longer than %s s and was stopped", name, self.deadline_s)
            except Exception:
                log.exception("%s failed", name)


def _put(queue: asyncio.Queue[tuple[str, Callable[[], object]] | None], item: None) -> None:
    if queue.full():
        queue.get_nowait()
    queue.put_nowait(item)
