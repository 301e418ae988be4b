"""One task for all that do not wait, one for each that does; nobody is held up by another, nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from roomful.edge.websocket.runners import MOST_IDLE, Runners


class Someone:
    def __init__(self, name: int, done: list[int], gate: asyncio.Event | None = None) -> None:
        self.name, self.done, self.gate = name, done, gate
        self.task: asyncio.Task[Any] | None = None

    async def work(self) -> None:
        self.task = asyncio.current_task()
        if self.gate is not None:
            # As users' functions do: what needs a task of its own.
            async with asyncio.timeout(10):
                await self.gate.wait()
        self.done.append(self.name)


async def until(holds: Callable[[], bool]) -> None:
    for _ in range(10_000):
        if holds():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never comes about")


class Tasks:
    def __init__(self) -> None:
        self.all: list[asyncio.Task[None]] = []

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        self.all.append(asyncio.create_task(work))


def test_all_that_do_not_wait_share_a_task_in_order() -> None:
    async def body() -> None:
        tasks, done = Tasks(), list[int]()
        runners = Runners(tasks.later)
        for _ in range(3):
            people = [Someone(name, done) for name in range(100)]
            for one in people:
                runners.put(one)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert len({one.task for one in people}) == 1
        assert done == [*range(100)] * 3
        assert len(tasks.all) == 1
        runners.end()
        await asyncio.gather(*tasks.all)

    asyncio.run(body())


def test_one_that_waits_holds_up_nobody_and_keeps_its_task() -> None:
    async def body() -> None:
        tasks, done, gate = Tasks(), list[int](), asyncio.Event()
        runners = Runners(tasks.later)
        slow = [Someone(-name, done, gate) for name in range(1, MOST_IDLE + 40)]
        for at, one in enumerate(slow):
            runners.put(one)
            runners.put(Someone(at, done))
        await until(lambda: len(done) >= len(slow))
        assert done == [*range(len(slow))]
        assert len({one.task for one in slow}) == len(slow), "each has a task for itself"
        gate.set()
        await until(lambda: len(done) >= 2 * len(slow))
        await asyncio.sleep(0)
        assert sum(not task.done() for task in tasks.all) <= MOST_IDLE
        runners.end()
        async with asyncio.timeout(10):
            await asyncio.gather(*tasks.all)

    asyncio.run(body())


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3)), max_size=60))
def test_whatever_comes_is_done_once(plan: list[tuple[bool, int]]) -> None:
    async def body() -> None:
        tasks, done = Tasks(), list[int]()
        gate = asyncio.Event()
        runners = Runners(tasks.later)
        for name, (waits, pauses) in enumerate(plan):
            runners.put(Someone(name, done, gate if waits else None))
            for _ in range(pauses):
                await asyncio.sleep(0)
        gate.set()
        await until(lambda: len(done) >= len(plan))
        assert sorted(done) == [*range(len(plan))]
        runners.end()
        await asyncio.gather(*tasks.all)

    asyncio.run(body())
