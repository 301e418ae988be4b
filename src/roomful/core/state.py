"""Everything a room knows, and the list of what it has to say. Shared by `core.room` and its parts; has no rules of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from roomful.core.effects import Effect, RoomGoverned
from roomful.core.events import Event, Notice, ParticipantsChanged, Refused, RoomChanged
from roomful.core.occupant import DataPublication, Occupant, Publication
from roomful.core.policy import Policy, RoomRules
from roomful.core.role import Role
from roomful.core.room_info import RoomInfo


@dataclass(frozen=True, slots=True)
class Waiting:
    """Somebody in the lobby."""

    identity: str
    name: str
    since_ms: int
    seen_ms: int
    """When it last asked."""


class RoomState:
    """Occupants by `PA_…` in order of joining, publications by `TR_…` and `DTR_…`."""

    def __init__(self, info: RoomInfo, policy: Policy, rules: RoomRules | None = None) -> None:
        self.info = info
        self.policy = policy
        self.rules = rules or policy.rules
        self.occupants: dict[str, Occupant] = {}
        self.identities: dict[str, str] = {}
        self.publications: dict[str, Publication] = {}
        self.data_publications: dict[str, DataPublication] = {}
        self.first_joined_ms: int | None = None
        self.last_left_ms: int | None = None
        self.counts_dirty = False
        self.closed = False
        self.roles: dict[str, Role] = {}
        """Identity → what a host made it, or what its token said; kept when it leaves."""
        self.waiting: dict[str, Waiting] = {}
        self.admitted: dict[str, None] = {}
        """Identities that need not wait (any more)."""
        self.refused: dict[str, None] = {}
        self.removed: dict[str, None] = {}
        self.out: list[Notice | Effect] = []

    def say(self, to: Iterable[str], event: Event) -> None:
        """An event for some; nothing when there is nobody."""
        if readers := tuple(to):
            self.out.append(Notice(readers, event))

    def do(self, effect: Effect) -> None:
        self.out.append(effect)

    def refuse(self, asker: str | None, asked: object, code: str, message: str) -> None:
        """`asker` None is the server itself: the service raises it to whoever asked."""
        self.out.append(
            Notice((asker,) if asker is not None and asker in self.occupants else (), Refused(asked, code, message))
        )

    def others(self, sid: str) -> Iterator[Occupant]:
        """Everybody but one."""
        return (one for key, one in self.occupants.items() if key != sid)

    def tell_changed(self, occupant: Occupant, *, to_itself: bool = True) -> None:
        """A participant's snapshot to everybody who may see it."""
        if occupant.hidden:
            readers = [occupant.sid] if to_itself else []
        else:
            readers = list(self.occupants)
            if not to_itself and occupant.sid in self.occupants:
                readers.remove(occupant.sid)
        self.say(readers, ParticipantsChanged((occupant.snapshot,)))

    def governed(self) -> None:
        """Moderators shall look again."""
        moderators = tuple(sid for sid, one in self.occupants.items() if one.role.moderates)
        if moderators and not (self.out and isinstance(self.out[-1], RoomGoverned)):
            self.do(RoomGoverned(self.info, moderators))

    def change_info(self, *, at_once: bool, **fields: object) -> None:
        """A new room snapshot, told now or with the next tick."""
        changed = replace(self.info, version=self.info.version + 1, **fields)  # type: ignore[arg-type]
        self.info = changed
        if at_once:
            self.counts_dirty = False
            self.say(self.occupants, RoomChanged(changed))
        else:
            self.counts_dirty = True

    def recount(self) -> None:
        """Participants, publishers and recording, as the room's snapshot shows them."""
        seen = publishers = 0
        recording = False
        for one in self.occupants.values():
            permission = one.snapshot.permission
            recording = recording or permission.recorder
            if not permission.hidden:
                seen += 1
                publishers += bool(one.snapshot.tracks)
        info = self.info
        if (info.participants, info.publishers, info.active_recording) != (seen, publishers, recording):
            self.change_info(
                at_once=recording != info.active_recording,
                participants=seen,
                publishers=publishers,
                active_recording=recording,
            )
