"""Kills a writing process again and again, and compares what is kept with what was acknowledged. `killed.py URL ROUNDS`

Prints rounds and acknowledged messages; fails when one is missing, doubled or out of order. Children are forks, so that a thousand take a minute.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections.abc import Iterator
from itertools import count

from roomful.core.chat import Message
from roomful.storage.chat import ChatTables
from roomful.storage.database import open_database

ROOM = "room"
WRITERS = 4


def write(url: str, round_: int, out: int) -> None:
    """Says each message's id once it is acknowledged."""

    async def writer(chat: ChatTables, which: int) -> None:
        for n in count():
            message = Message(f"{round_}-{which}-{n}", ROOM, f"writer {which}", "", "hello", n)
            kept, new = await chat.add(message)
            # An answer that was lost: the same again adds nothing.
            assert new and (await chat.add(message)) == (kept, False)
            os.write(out, f"{kept.id}\n".encode())

    async def all_of_them() -> None:
        chat = ChatTables(open_database(url))
        await asyncio.gather(*(writer(chat, which) for which in range(WRITERS)))

    asyncio.run(all_of_them())


def one_round(url: str, round_: int, chance: random.Random) -> list[str]:
    """What a child had acknowledged when it was killed."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            write(url, round_, writing)
        finally:
            os._exit(1)
    os.close(writing)
    said = bytearray()
    enough = chance.randrange(1, 600)
    while len(said) < enough and (more := os.read(reading, 4096)):
        said += more
    os.kill(child, signal.SIGKILL)
    while more := os.read(reading, 4096):
        said += more
    os.close(reading)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "the child ended by itself"
    return said.decode().splitlines()


async def kept(url: str) -> list[str]:
    database = open_database(url)
    chat = ChatTables(database)
    found: list[str] = []
    after = 0
    while page := await chat.history(ROOM, after=after, limit=1000):
        found += [message.id for message in page]
        after = page[-1].seq
    database.close()
    return found


def numbers(ids: list[str], prefix: str) -> Iterator[int]:
    return (int(one.removeprefix(prefix)) for one in ids if one.startswith(prefix))


def main() -> None:
    url, rounds = sys.argv[1], int(sys.argv[2])
    chance = random.Random(rounds)
    acknowledged: list[str] = []
    open_database(url).close()
    for round_ in range(rounds):
        acknowledged += one_round(url, round_, chance)
    found = asyncio.run(kept(url))
    assert len(found) == len(set(found)), "a message is doubled"
    assert not (missing := set(acknowledged) - set(found)), f"acknowledged and lost: {sorted(missing)[:5]}"
    for round_ in range(rounds):
        for which in range(WRITERS):
            mine = list(numbers(found, f"{round_}-{which}-"))
            assert mine == list(range(len(mine))), "messages are out of order"
    print(rounds, len(acknowledged))


if __name__ == "__main__":
    main()
