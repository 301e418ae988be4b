"""Who in a room is listening, and what waits to be told to each: participant updates are gathered, the rest keeps its order.

Used by `service.actor` only. It knows mailboxes, never sockets.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from roomful.core.events import (
    DataHandles,
    LeaveReason,
    Left,
    Notice,
    ParticipantsChanged,
    SpeakersChanged,
    TrackSubscribed,
)
from roomful.core.participant import Participant
from roomful.ports import MediaOffer, SectionsWanted
from roomful.service.mailbox import Item, Mailbox

_AFTER_PARTICIPANTS = (MediaOffer, SectionsWanted, DataHandles, SpeakersChanged, TrackSubscribed)
"""Items that may speak of a participant the reader has yet to hear of: they wait for the update."""


@dataclass(slots=True)
class Member:
    """One participant's listening side."""

    sid: str
    mailbox: Mailbox | None
    transports: dict[str, str]
    """role → `TP_…`"""
    tcp_only: bool = False
    pending: dict[str, Participant] = field(default_factory=dict[str, Participant])
    behind: list[Item] = field(default_factory=list[Item])
    detached_at_ms: int | None = None
    media_lost_at_ms: int | None = None


class Delivery:
    """Members by `PA_…`; `overflowed` gathers those whose reader fell behind, until the actor takes them."""

    def __init__(self, limit: int) -> None:
        self.members: dict[str, Member] = {}
        self.overflowed: list[str] = []
        self._limit = limit
        self._dirty: dict[str, Member] = {}

    @property
    def dirty(self) -> bool:
        """Whether updates wait for `flush`."""
        return bool(self._dirty)

    def tell(self, notice: Notice) -> None:
        """Puts an event where its readers will find it."""
        event = notice.event
        for sid in notice.to:
            member = self.members.get(sid)
            if member is None:
                continue
            if isinstance(event, ParticipantsChanged):
                for participant in event.participants:
                    # The newest snapshot goes to the end: a leave and a join keep their order.
                    member.pending.pop(participant.sid, None)
                    member.pending[participant.sid] = participant
                self._dirty[sid] = member
                if member.mailbox is None and len(member.pending) > self._limit:
                    self.overflowed.append(sid)
            elif isinstance(event, Left):
                self.flush_one(member)
                if member.mailbox is not None:
                    member.mailbox.close(event)
            else:
                self.put(member, event)

    def put(self, member: Member, item: Item) -> None:
        """One item in its order."""
        if member.mailbox is None:
            return
        if (member.pending or member.behind) and isinstance(item, _AFTER_PARTICIPANTS):
            _join_line(member.behind, item)
            self._dirty[member.sid] = member
            return
        self._send(member, item)

    def flush_one(self, member: Member) -> None:
        """Tells a member what was gathered for it."""
        self._dirty.pop(member.sid, None)
        if member.mailbox is None:
            return
        if member.pending:
            changed = ParticipantsChanged(tuple(member.pending.values()))
            member.pending = {}
            self._send(member, changed)
        behind, member.behind = member.behind, []
        for item in behind:
            self._send(member, item)

    def flush(self) -> None:
        """Tells everybody what was gathered."""
        for member in list(self._dirty.values()):
            self.flush_one(member)
        self._dirty.clear()

    def attach(self, member: Member, mailbox: Mailbox) -> None:
        """A session takes the member over; the older one hears that another has its place."""
        if member.mailbox is not None and member.mailbox is not mailbox:
            member.mailbox.close(Left(LeaveReason.STATE_MISMATCH))
        member.mailbox = mailbox
        member.detached_at_ms = None

    def remove(self, sid: str) -> None:
        """Forgets a member; its mailbox ends."""
        member = self.members.pop(sid, None)
        self._dirty.pop(sid, None)
        if member is not None and member.mailbox is not None:
            self.flush_one(member)
            member.mailbox.close()

    def _send(self, member: Member, item: Item) -> None:
        if member.mailbox is not None and not member.mailbox.put(item) and member.mailbox.overflowed:
            self.overflowed.append(member.sid)


def _join_line(line: list[Item], item: Item) -> None:
    """Loudness replaces older loudness; wishes for more sections add up; the rest waits in order."""
    for at, other in enumerate(line):
        if isinstance(item, SpeakersChanged) and isinstance(other, SpeakersChanged):
            line[at] = item
            return
        if isinstance(item, SectionsWanted) and isinstance(other, SectionsWanted):
            line[at] = replace(item, audios=other.audios + item.audios, videos=other.videos + item.videos)
            return
    line.append(item)
