"""What members have yet to hear of participants: a line of snapshots, shared by all who wait for the same.

Used by `service.delivery` only. In a room of a thousand nearly everybody waits for the same news: then there is one line, one
event made of it, and one message.
"""

from __future__ import annotations

from roomful.core.participant import Participant


class News:
    """A snapshot and the line before it. Immutable; two lines are the same only when they are one object."""

    __slots__ = ("before", "length", "participant")

    def __init__(self, participant: Participant, before: News | None) -> None:
        self.participant = participant
        self.before = before
        self.length: int = 1 if before is None else before.length + 1

    def newest(self) -> tuple[Participant, ...]:
        """The last snapshot of each, in the order of these: a leave and a join keep their order."""
        out: dict[str, Participant] = {}
        line: News | None = self
        while line is not None:
            out.setdefault(line.participant.sid, line.participant)
            line = line.before
        return tuple(reversed(out.values()))


def line(participants: tuple[Participant, ...]) -> News | None:
    """A line of its own; None when there is nothing to hear."""
    news: News | None = None
    for one in participants:
        news = News(one, news)
    return news
