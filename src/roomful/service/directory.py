"""All rooms of this process: finds them, makes them within bounds, ends them.

Called by edges and by `app.py`. It keeps no participants and knows no protocol.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from roomful.core.commands import Join
from roomful.core.errors import Invalid, LimitExceeded, NotFound, RoomfulError, Unavailable
from roomful.core.events import LeaveReason
from roomful.core.policy import Policy, RoomOptions
from roomful.core.room_info import RoomInfo
from roomful.ports import Clock, Hooks, Ids, MediaEngine, Observer
from roomful.service.actor import Joined, RoomActor
from roomful.service.ear import Ear
from roomful.service.forwards import Forwards
from roomful.service.mailbox import Mailbox
from roomful.service.moving import move


class Directory:
    """Rooms by name. All methods are called in the event loop's thread."""

    def __init__(
        self,
        *,
        engine: MediaEngine,
        clock: Clock,
        ids: Ids,
        policy: Policy,
        hooks: Hooks,
        observers: Iterable[Observer] = (),
    ) -> None:
        self.policy = policy
        self.ids = ids
        self.clock = clock
        self.engine = engine
        self._hooks = hooks
        self._observers = tuple(observers)
        self._rooms: dict[str, RoomActor] = {}
        self._draining = False
        self._forwards = Forwards()
        self.ear: Callable[[RoomActor], Ear] | None = None
        """What listens in each room that opens from now on."""

    @property
    def draining(self) -> bool:
        return self._draining

    def new_mailbox(self) -> Mailbox:
        """A mailbox of the configured size."""
        return Mailbox(self.policy.mailbox_limit)

    def get(self, name: str) -> RoomActor | None:
        return self._rooms.get(name)

    def require(self, name: str) -> RoomActor:
        """Raises NotFound (`room_not_found`)."""
        if (actor := self._rooms.get(name)) is None:
            raise NotFound("no such room", code="room_not_found")
        return actor

    def list(self, names: Iterable[str] = ()) -> list[RoomActor]:
        """Those named, or all; unknown names are left out."""
        wanted = set(names)
        return [actor for name, actor in self._rooms.items() if not wanted or name in wanted]

    @property
    def rooms(self) -> int:
        return len(self._rooms)

    @property
    def participants(self) -> int:
        """Across all rooms."""
        return sum(len(actor.participants()) for actor in self._rooms.values())

    async def get_or_create(
        self, name: str, *, by_join: bool, options: RoomOptions | None = None, beside: str = ""
    ) -> RoomActor:
        """Options are for a new room only. `by_join` asks `Policy.auto_create`: NotFound (`room_not_found`) when it is off.

        `beside` names a room whose people will go from one to the other: a new one is put on its media thread.
        """
        if actor := self._rooms.get(name):
            return actor
        policy = self.policy
        if self._draining:
            raise Unavailable("the server is shutting down", code="shutting_down")
        if by_join and not policy.auto_create:
            raise NotFound("no such room", code="room_not_found")
        if not name or len(name.encode()) > policy.max_room_name:
            raise LimitExceeded(f"a room's name has 1 to {policy.max_room_name} bytes", code="name_length")
        if len(self._rooms) >= policy.max_rooms:
            raise LimitExceeded("no more rooms fit here", code="too_many_rooms")
        made = options or RoomOptions()
        if len(made.metadata.encode()) > policy.max_metadata:
            raise LimitExceeded(f"metadata has at most {policy.max_metadata} bytes", code="metadata_size")
        actor = RoomActor(
            RoomInfo(
                sid=self.ids.room(),
                name=name,
                metadata=made.metadata,
                empty_timeout_s=_or(made.empty_timeout_s, policy.empty_timeout_s),
                departure_timeout_s=_or(made.departure_timeout_s, policy.departure_timeout_s),
                loudest=_or(made.loudest, policy.loudest),
                max_participants=_or(made.max_participants, policy.max_participants),
                created_at_ms=self.clock.now_ms(),
                mode=made.mode,
            ),
            policy=policy,
            engine=self.engine,
            clock=self.clock,
            ids=self.ids,
            hooks=self._hooks,
            observers=self._observers,
            on_closed=self._forget,
            rules=made.rules,
            ear=self.ear,
        )
        self._rooms[name] = actor
        neighbour = self._rooms.get(beside)
        actor.start(beside=neighbour.info.sid if neighbour is not None else "")
        return actor

    async def enter(
        self, room: str, join: Join, mailbox: Mailbox, *, options: RoomOptions | None = None, may_create: bool = False
    ) -> tuple[RoomActor, Joined]:
        """Asks the hooks, finds or makes the room, and joins.

        `may_create`: the grant itself allows to make rooms, whatever `Policy.auto_create` says.
        Raises Denied, NotFound, LimitExceeded (`room_full` …), Unavailable.
        """
        admitted = await self._hooks.admit(room, join)
        for _ in range(3):
            actor = await self.get_or_create(room, by_join=not may_create, options=options)
            try:
                return actor, await actor.join(admitted, mailbox)
            except RoomfulError as error:
                if error.code != "room_not_found":
                    raise
                # It ended between the two steps; a fresh one takes its name.
                self._forget(actor)
        raise Unavailable("the room keeps ending", code="overloaded")

    async def move(self, room: str, identity: str, destination: str) -> None:
        """Takes somebody to another room, which is made when it is not there. Its transports and tracks go on where both rooms are
        on one media thread (`get_or_create` with `beside`); elsewhere its client joins there anew. Hooks are not asked.

        Raises NotFound, Invalid (`wrong_state`, `invalid` for one and the same room), LimitExceeded (`room_full` …), Unavailable.
        """
        source, other = await self._pair(room, identity, destination)
        await move(source, identity, other, together=self.engine.together(source.info.sid, other.info.sid))

    async def forward(self, room: str, identity: str, destination: str) -> None:
        """Shows somebody's tracks in another room besides, until it leaves its own or is removed from the other.

        Raises as `move`, AlreadyExists, and Unavailable (`other_thread`) when the rooms are on different media threads.
        """
        source, other = await self._pair(room, identity, destination)
        if not self.engine.together(source.info.sid, other.info.sid):
            raise Unavailable("the two rooms are on different media threads", code="other_thread")
        participant = source.by_identity(identity)
        if participant is None:
            raise NotFound("no such participant", code="participant_not_found")
        await self._forwards.begin(source, participant, other)

    async def _pair(self, room: str, identity: str, destination: str) -> tuple[RoomActor, RoomActor]:
        if room == destination:
            raise Invalid("both rooms are the same")
        source = self.require(room)
        if source.by_identity(identity) is None:
            raise NotFound("no such participant", code="participant_not_found")
        return source, await self.get_or_create(destination, by_join=False, beside=room)

    async def delete(self, name: str) -> None:
        """Everybody leaves (`room_deleted`). Raises NotFound (`room_not_found`)."""
        await self.require(name).close(LeaveReason.ROOM_DELETED)

    async def drain(self) -> None:
        """No new rooms; everybody is told that the server ends, then all is gone."""
        self._draining = True
        await asyncio.gather(*(actor.close(LeaveReason.SHUTDOWN) for actor in list(self._rooms.values())))

    def _forget(self, actor: RoomActor) -> None:
        if self._rooms.get(actor.info.name) is actor:
            del self._rooms[actor.info.name]


def _or(value: int | None, default: int) -> int:
    return default if value is None else value
