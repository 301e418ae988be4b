"""Who in a room is listening, and what waits to be told to each: participant updates are gathered, the rest keeps its order.

All who wait for the same updates get the same event object, so that edges make one message of it for all of them. Used by `service.actor` only. It knows mailboxes, never sockets.
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
from roomful.service.news import News, line

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
    news: News | None = None
    """Participants that changed since it was last told."""
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
        if isinstance(event, ParticipantsChanged):
            for participant in event.participants:
                self._gather(notice.to, participant)
            return
        for sid in notice.to:
            member = self.members.get(sid)
            if member is None:
                continue
            if isinstance(event, Left):
                self.flush_one(member)
                if member.mailbox is not None:
                    member.mailbox.close(event)
            else:
                self.put(member, event)

    def _gather(self, to: tuple[str, ...], participant: Participant) -> None:
        # The loop over everybody: little may happen in it.
        members, dirty = self.members, self._dirty
        longer: dict[News | None, News] = {}
        for sid in to:
            member = members.get(sid)
            if member is None:
                continue
            news = longer.get(member.news)
            if news is None:
                news = longer[member.news] = News(participant, member.news)
            member.news = news
            dirty[sid] = member
            if member.mailbox is None and news.length > 2 * self._limit:
                self._shorten(member, news)

    def _shorten(self, member: Member, news: News) -> None:
        """Nobody reads: what is out of date goes, and with too much that is not, the member."""
        newest = news.newest()
        member.news = line(newest)
        if len(newest) > self._limit:
            self.overflowed.append(member.sid)

    def put(self, member: Member, item: Item) -> None:
        """One item in its order."""
        if member.mailbox is None:
            return
        if (member.news is not None or member.behind) and isinstance(item, _AFTER_PARTICIPANTS):
            _join_line(member.behind, item)
            self._dirty[member.sid] = member
            return
        self._send(member, item)

    def flush_one(self, member: Member) -> None:
        """Tells a member what was gathered for it."""
        self._dirty.pop(member.sid, None)
        if member.mailbox is not None:
            self._tell_gathered(member, member.news and ParticipantsChanged(member.news.newest()))

    def flush(self) -> None:
        """Tells everybody what was gathered."""
        alike: dict[News | None, list[Member]] = {}
        for member in self._dirty.values():
            if member.mailbox is not None:
                alike.setdefault(member.news, []).append(member)
        self._dirty.clear()
        for news, members in alike.items():
            changed = news and ParticipantsChanged(news.newest())
            for member in members:
                self._tell_gathered(member, changed)

    def _tell_gathered(self, member: Member, changed: ParticipantsChanged | None) -> None:
        member.news = None
        if changed is not None:
            self._send(member, changed)
        behind, member.behind = member.behind, []
        for item in behind:
            self._send(member, item)

    def know(self, member: Member) -> None:
        """It was just shown who is there: of what waits for it, departures alone are news."""
        if member.news is not None:
            member.news = line(tuple(one for one in member.news.newest() if one.state == "disconnected"))

    def attach(self, member: Member, mailbox: Mailbox) -> None:
        """A session takes the member over; the older one hears that another has its place."""
        if member.mailbox is not None and member.mailbox is not mailbox:
            member.mailbox.close(Left(LeaveReason.STATE_MISMATCH))
        member.mailbox = mailbox
        member.detached_at_ms = None
        if member.news is not None:
            self._dirty[member.sid] = member

    def remove(self, sid: str) -> None:
        """Forgets a member; its mailbox ends."""
        member = self.members.pop(sid, None)
        self._dirty.pop(sid, None)
        if member is not None and member.mailbox is not None:
            self.flush_one(member)
            member.mailbox.close()

    def let_go(self, sid: str) -> None:
        """Forgets a member whose session goes on in another room. What waited here to be told is of no use there."""
        member = self.members.pop(sid, None)
        self._dirty.pop(sid, None)
        if member is not None:
            member.news = None
            member.behind = []

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
