"""What waits for a session is in order, bounded, and ends with a reason."""

from __future__ import annotations

import asyncio

from roomful.core.events import LeaveReason, Left, SubscriptionFailed
from roomful.service.mailbox import Item, Mailbox


def item(n: int) -> Item:
    return SubscriptionFailed(f"TR_{n}", "track_not_found")


def test_keeps_order_and_ends() -> None:
    async def run() -> list[Item]:
        mailbox = Mailbox(10)
        for n in range(3):
            assert mailbox.put(item(n))
        mailbox.close(Left(LeaveReason.REMOVED))
        assert not mailbox.put(item(9))
        return [one async for one in mailbox]

    assert asyncio.run(run()) == [item(0), item(1), item(2), Left(LeaveReason.REMOVED)]


def test_wakes_who_waits() -> None:
    async def run() -> Item | None:
        mailbox = Mailbox(10)
        waiting = asyncio.create_task(mailbox.get())
        await asyncio.sleep(0)
        mailbox.put(item(1))
        return await waiting

    assert asyncio.run(run()) == item(1)


def test_a_slow_reader_is_closed_and_told() -> None:
    mailbox = Mailbox(2)
    assert mailbox.put(item(0))
    assert mailbox.put(item(1))
    assert not mailbox.put(item(2))
    assert mailbox.overflowed
    assert mailbox.closed
    assert mailbox.take_ready() == [Left(LeaveReason.SLOW_READER)]


def test_take_ready_never_waits() -> None:
    async def run() -> None:
        mailbox = Mailbox(2)
        assert mailbox.take_ready() == []
        mailbox.put(item(0))
        assert mailbox.take_ready() == [item(0)]
        mailbox.close()
        assert await mailbox.get() is None

    asyncio.run(run())
