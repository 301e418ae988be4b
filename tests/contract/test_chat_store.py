"""What keeps chat, on every kind of database: messages once, in order, changed by their writers alone, gone when they are old."""

from __future__ import annotations

import pytest

from roomful.core.chat import FOREVER, MAX_REACTIONS, Message
from roomful.core.errors import AlreadyExists, LimitExceeded, NotAllowed, NotFound
from roomful.storage.chat import DAY_MS, ChatTables
from roomful.storage.database import Database

pytestmark = pytest.mark.asyncio


@pytest.fixture
def chat(database: Database) -> ChatTables:
    return ChatTables(database)


def message(id: str, room: str = "room", sender: str = "ada", at: int = 1, **more: object) -> Message:
    return Message(id, room, sender, sender.title(), f"text of {id}", at, **more)  # type: ignore[arg-type]


async def ids(chat: ChatTables, room: str = "room", **more: int) -> list[str]:
    return [one.id for one in await chat.history(room, **{"limit": 100, **more})]


async def test_a_message_comes_back_whole(chat: ChatTables) -> None:
    await chat.add(message("first"))
    said = message("a", reply_to="first", mentions=("bob", "b\u00e9a \U0001f600"))
    kept, new = await chat.add(said)
    assert new and kept.seq > 0
    assert await chat.get("room", "a") == kept
    assert (kept.sender, kept.name, kept.text, kept.reply_to) == ("ada", "Ada", "text of a", "first")
    assert kept.mentions == ("bob", "b\u00e9a \U0001f600") and not kept.deleted and kept.edited_at_ms is None
    assert await chat.get("room", "other") is None


async def test_the_same_twice_is_once(chat: ChatTables) -> None:
    kept, _ = await chat.add(message("a"))
    assert await chat.add(message("a", at=99)) == (kept, False)
    with pytest.raises(AlreadyExists) as raised:
        await chat.add(message("a", sender="mallory"))
    assert raised.value.code == "message_id_taken"
    assert (await chat.add(message("a", room="elsewhere", sender="mallory")))[1]
    assert await ids(chat) == ["a"]


async def test_history_in_pages(chat: ChatTables) -> None:
    for n in range(10):
        await chat.add(message(str(n)))
        await chat.add(message(str(n), room="elsewhere"))
    last = await chat.history("room", limit=3)
    assert [one.id for one in last] == ["7", "8", "9"]
    assert await ids(chat, before=last[0].seq, limit=2) == ["5", "6"]
    assert await ids(chat, after=last[0].seq) == ["8", "9"]
    assert await ids(chat, "nowhere") == []


async def test_only_the_writer_edits(chat: ChatTables) -> None:
    await chat.add(message("a"))
    edited = await chat.edit("room", "a", "ada", "better", 7)
    assert (edited.text, edited.edited_at_ms, edited.sent_at_ms) == ("better", 7, 1)
    with pytest.raises(NotAllowed):
        await chat.edit("room", "a", "mallory", "worse", 8)
    with pytest.raises(NotFound):
        await chat.edit("room", "b", "ada", "what", 8)
    assert await chat.get("room", "a") == edited


async def test_deleting_leaves_the_place_and_nothing_else(chat: ChatTables) -> None:
    await chat.add(message("a", mentions=("bob",)))
    await chat.react("room", "a", "bob", "👍", 2, on=True)
    with pytest.raises(NotAllowed):
        await chat.delete("room", "a", "mallory", 3)
    gone = await chat.delete("room", "a", "ada", 3)
    assert (gone.text, gone.deleted, gone.mentions, gone.reactions) == ("", True, (), {})
    for attempt in (
        chat.edit("room", "a", "ada", "back", 4),
        chat.react("room", "a", "bob", "👍", 4, on=True),
        chat.delete("room", "a", "ada", 4),
    ):
        with pytest.raises(NotFound):
            await attempt
    await chat.add(message("b"))
    assert (await chat.delete("room", "b", None, 5)).deleted
    assert await ids(chat) == ["a", "b"]


async def test_reactions_are_sets_of_people(chat: ChatTables) -> None:
    await chat.add(message("a"))
    await chat.react("room", "a", "bob", "👍", 1, on=True)
    await chat.react("room", "a", "bob", "👍", 2, on=True)
    await chat.react("room", "a", "cid", "👍", 3, on=True)
    found = await chat.react("room", "a", "bob", "🎉", 4, on=True)
    assert found.reactions == {"👍": ("bob", "cid"), "🎉": ("bob",)}
    await chat.react("room", "a", "nobody", "👍", 5, on=False)
    found = await chat.react("room", "a", "bob", "👍", 5, on=False)
    assert found.reactions == {"👍": ("cid",), "🎉": ("bob",)}
    assert (await chat.history("room", limit=1))[0] == found


async def test_reactions_are_bounded(chat: ChatTables) -> None:
    await chat.add(message("a"))
    for n in range(MAX_REACTIONS):
        await chat.react("room", "a", str(n), "👍", n, on=True)
    with pytest.raises(LimitExceeded):
        await chat.react("room", "a", "one more", "👍", 1, on=True)
    assert (await chat.react("room", "a", "0", "👍", 1, on=True)).reactions["👍"][0] == "0"


async def test_old_messages_go_by_their_rooms_policy(chat: ChatTables) -> None:
    now = 100 * DAY_MS
    for room in ("default", "forever", "short"):
        for days in (1, 20, 40):
            await chat.add(message(f"{days}", room=room, at=now - days * DAY_MS))
    await chat.react("default", "40", "bob", "👍", 1, on=True)
    await chat.set_keep_days("forever", 3)
    await chat.set_keep_days("forever", FOREVER)
    await chat.set_keep_days("short", 10)
    assert await chat.keep_days("forever") == FOREVER and await chat.keep_days("default") is None
    assert await chat.purge(30, now) == 3
    assert await ids(chat, "default") == ["1", "20"]
    assert await ids(chat, "forever") == ["1", "20", "40"]
    assert await ids(chat, "short") == ["1"]
    assert await chat.purge(FOREVER, now) == 0


async def test_a_cleared_room_gives_no_number_twice(chat: ChatTables) -> None:
    first, _ = await chat.add(message("a"))
    assert await chat.clear("room") == 1
    again, new = await chat.add(message("a"))
    assert new and again.seq > first.seq
