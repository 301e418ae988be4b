"""What waits to be told of participants, whoever shares it: the newest of each, in order, once."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from roomful.core.events import LeaveReason, Left, Notice, ParticipantsChanged, SpeakersChanged
from roomful.core.participant import Participant
from roomful.core.permission import Permission
from roomful.service.delivery import Delivery, Member
from roomful.service.mailbox import Item, Mailbox


def person(sid: str, version: int = 1, state: str = "active") -> Participant:
    return Participant(sid, sid.lower(), "", state, "", {}, Permission(), 0, version=version)


def room(*sids: str, limit: int = 1_024) -> Delivery:
    delivery = Delivery(limit)
    for sid in sids:
        delivery.members[sid] = Member(sid, Mailbox(limit), {})
    return delivery


def heard(delivery: Delivery, sid: str) -> list[Item]:
    mailbox = delivery.members[sid].mailbox
    assert mailbox is not None
    return mailbox.take_ready()


def changed(*participants: Participant) -> ParticipantsChanged:
    return ParticipantsChanged(participants)


STEP = st.tuples(st.sampled_from("WXYZ"), st.frozensets(st.sampled_from("abc")), st.sampled_from(["all", "one", "no"]))


@given(st.lists(STEP, max_size=30))
def test_each_hears_the_newest_of_all_it_was_to_hear(steps: list[tuple[str, frozenset[str], str]]) -> None:
    """Against what a dictionary for each reader would hold."""
    delivery = room("a", "b", "c")
    waiting: dict[str, dict[str, Participant]] = {sid: {} for sid in "abc"}
    for version, (sid, to, flush) in enumerate(steps):
        snapshot = person(sid, version)
        delivery.tell(Notice(tuple(sorted(to)), changed(snapshot)))
        for reader in to:
            waiting[reader].pop(sid, None)
            waiting[reader][sid] = snapshot
        for reader in {"all": "abc", "one": "a", "no": ""}[flush]:
            if flush == "one":
                delivery.flush_one(delivery.members[reader])
            elif reader == "a":
                delivery.flush()
            expected = [ParticipantsChanged(tuple(waiting[reader].values()))] if waiting[reader] else []
            assert heard(delivery, reader) == expected
            waiting[reader] = {}
    assert delivery.dirty == any(waiting.values())


def test_those_who_wait_for_the_same_get_the_same_object() -> None:
    delivery = room("a", "b", "c")
    delivery.tell(Notice(("a", "b", "c"), changed(person("X"))))
    delivery.tell(Notice(("a", "b"), changed(person("c", 2))))
    delivery.flush()
    (to_a,), (to_b,), (to_c,) = (heard(delivery, sid) for sid in "abc")
    assert to_a is to_b
    assert to_c == changed(person("X"))


def test_a_leave_after_a_join_and_news_that_speaks_of_people_keep_their_order() -> None:
    delivery = room("a")
    gone = person("X", 2, "disconnected")
    loud = SpeakersChanged((("Y", 0.5, True),))
    for event in (changed(person("X")), loud, changed(gone), changed(person("Y"))):
        delivery.tell(Notice(("a",), event))
    delivery.flush()
    assert heard(delivery, "a") == [changed(gone, person("Y")), loud]


def test_a_last_word_comes_after_what_was_gathered() -> None:
    delivery = room("a")
    delivery.tell(Notice(("a",), changed(person("X"))))
    delivery.tell(Notice(("a",), Left(LeaveReason.REMOVED)))
    assert heard(delivery, "a") == [changed(person("X")), Left(LeaveReason.REMOVED)]


def test_who_is_away_keeps_the_newest_and_only_so_much() -> None:
    delivery = room("a", limit=4)
    member = delivery.members["a"]
    member.mailbox = None
    for version in range(100):
        delivery.tell(Notice(("a",), changed(person("X", version))))
    assert member.news is not None
    assert member.news.length <= 8
    assert member.news.newest() == (person("X", 99),)
    assert delivery.overflowed == []
    for number in range(8):
        delivery.tell(Notice(("a",), changed(person(f"P{number}"))))
    assert "a" in delivery.overflowed


def test_who_comes_back_hears_at_once_who_left_meanwhile() -> None:
    delivery = room("a")
    member = delivery.members["a"]
    member.mailbox = None
    gone = person("X", 2, "disconnected")
    for event in (changed(person("X")), changed(person("Y")), changed(gone)):
        delivery.tell(Notice(("a",), event))
    delivery.flush()
    delivery.attach(member, Mailbox())
    delivery.know(member)
    assert delivery.dirty
    delivery.flush()
    assert heard(delivery, "a") == [changed(gone)]


def test_a_reader_that_takes_at_once_keeps_the_order() -> None:
    mailbox, taken, ready = Mailbox(2), list[Item](), True

    def take(item: Item) -> bool:
        if ready:
            taken.append(item)
        return ready

    one, two, three = (changed(replace(person("X"), version=version)) for version in range(3))
    assert mailbox.put(one)
    mailbox.at_once = take
    assert mailbox.put(two)
    assert taken == []  # what came before waits still
    assert mailbox.take_ready() == [one, two]
    assert mailbox.put(three)
    assert taken == [three]
    ready = False
    assert mailbox.put(one) and mailbox.put(two) and not mailbox.put(three)
    assert mailbox.take_ready() == [Left(LeaveReason.SLOW_READER)]
