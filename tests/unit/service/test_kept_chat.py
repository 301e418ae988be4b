"""Chat of rooms: said by REST, overheard from clients, judged by a hook; kept or not by the room's policy."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from livekit.protocol.models import DataPacket, DataStream
from service_fakes import World

from roomful.core.chat import FOREVER, MAX_TEXT, NOTHING
from roomful.core.commands import Join
from roomful.core.errors import AlreadyExists, Denied, Invalid, LimitExceeded, NotAllowed, NotFound
from roomful.edge.livekit.chat import LiveKitChat
from roomful.plugins.chat import UserChatHooks
from roomful.ports import DataHeld, DataSeen
from roomful.ports.chat import ChatRequest, Opened, Part, Said
from roomful.service.actor import RoomActor
from roomful.service.chat import Author, Chat
from roomful.service.directory import Directory
from roomful.service.overheard import MAX_OPEN, Overheard
from roomful.storage.chat import ChatTables
from roomful.storage.database import file_url, open_database

ADA, BOB = Author("ada", "Ada"), Author("bob", "Bob")
HOST = Author("host", "Host", host=True)
WIRE = LiveKitChat()


class Rig:
    """A room with Ada and Bob in it, a database and a hook."""

    def __init__(self, world: World, directory: Directory, chat: Chat, hooks: UserChatHooks, actor: RoomActor) -> None:
        self.world, self.directory, self.chat, self.hooks, self.actor = world, directory, chat, hooks, actor

    def hear(self, sid: str, packet: DataPacket, hold: int | None = None) -> None:
        person = self.actor.participant(sid)
        assert person
        packet.participant_identity = person.identity
        data = packet.SerializeToString()
        report = DataSeen(sid, data) if hold is None else DataHeld(hold, sid, "lk.chat", data)
        self.world.engine.sinks[self.actor.info.sid](report)

    async def kept(self, count: int) -> list[tuple[str, str]]:
        """(sender, text), once there are so many."""
        async with asyncio.timeout(10):
            while len(found := (await self.chat.history("room")).messages) < count:
                await asyncio.sleep(0.005)
        return [(one.sender, one.text) for one in found]

    async def decisions(self, count: int) -> list[tuple[int, bool]]:
        async with asyncio.timeout(10):
            while len(found := [call[1:] for call in self.world.engine.calls if call[0] == "decide"]) < count:
                await asyncio.sleep(0.005)
        return found  # type: ignore[return-value]

    def sent(self) -> list[tuple[Said | Opened | Part | str | None, tuple[str, ...]]]:
        """What the server said since the last call, and to whom."""
        found: list[Any] = []
        for name, *rest in self.world.engine.calls:
            if name == "send_data":
                _, packet, to = rest
                message = DataPacket.FromString(packet)  # type: ignore[arg-type]
                found.append((message.user.topic or WIRE.read(packet), to))  # type: ignore[arg-type]
        self.world.engine.calls = [call for call in self.world.engine.calls if call[0] != "send_data"]
        return found


def run(body: Callable[[Rig], Awaitable[None]], tmp_path: Path, *hooks: Any, keep_days: int = 30) -> None:
    async def main() -> None:
        world = World()
        directory = world.directory()
        database = open_database(file_url(tmp_path / "roomful.db"))
        user = UserChatHooks(1.0, list(hooks))
        chat = Chat(ChatTables(database), WIRE, user, world.clock, directory.get, keep_days=keep_days)
        directory.ear = lambda actor: Overheard(actor, chat)
        for sid, identity in (("PA_ada", "ada"), ("PA_bob", "bob")):
            join = Join(sid, identity, name=identity.title())
            actor, _ = await directory.enter("room", join, directory.new_mailbox())
        await body(Rig(world, directory, chat, user, actor))
        await directory.drain()
        await asyncio.sleep(0)
        database.close()

    asyncio.run(asyncio.wait_for(main(), 30))


def chat_message(id: str, text: str, **fields: Any) -> DataPacket:
    packet = DataPacket()
    packet.chat_message.id, packet.chat_message.message = id, text
    for name, value in fields.items():
        setattr(packet.chat_message, name, value)
    return packet


def stream(id: str, text: str, **text_header: Any) -> list[DataPacket]:
    header = DataPacket()
    header.stream_header.stream_id, header.stream_header.topic = id, "lk.chat"
    header.stream_header.text_header.CopyFrom(DataStream.TextHeader(**text_header))
    parts = [
        DataPacket(stream_chunk=DataStream.Chunk(stream_id=id, chunk_index=n, content=one.encode()))
        for n, one in enumerate(text)
    ]
    return [header, *parts, DataPacket(stream_trailer=DataStream.Trailer(stream_id=id))]


def test_what_is_said_is_kept_and_told(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        message, new = await rig.chat.post("room", ADA, "hello", id="m1")
        assert new and message.seq and message.sent_at_ms == rig.world.clock.ms
        told = rig.sent()
        assert told[0] == ("roomful.chat", ())
        assert told[1] == (Said("post", "m1", "ada", "hello"), ("PA_bob",))
        assert isinstance(told[2][0], Opened) and all(to == ("PA_bob",) for _, to in told[1:])
        assert await rig.chat.post("room", ADA, "hello", id="m1") == (message, False)
        assert rig.sent() == []
        with pytest.raises(AlreadyExists):
            await rig.chat.post("room", BOB, "mine", id="m1")

    run(body, tmp_path)


def test_changes_are_told_too(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        await rig.chat.post("room", ADA, "helo", id="m1")
        rig.sent()
        edited = await rig.chat.edit("room", ADA, "m1", "hello")
        assert edited.edited_at_ms and [one for one, _ in rig.sent()][:2] == [
            "roomful.chat",
            Said("edit", "m1", "ada", "hello"),
        ]
        with pytest.raises(NotAllowed):
            await rig.chat.edit("room", BOB, "m1", "hijacked")
        reacted = await rig.chat.react("room", BOB, "m1", "👍", on=True)
        assert reacted.reactions == {"👍": ("bob",)}
        assert (await rig.chat.react("room", BOB, "m1", "👍", on=False)).reactions == {}
        with pytest.raises(NotAllowed):
            await rig.chat.delete("room", BOB, "m1")
        assert (await rig.chat.delete("room", HOST, "m1")).deleted
        assert (await rig.chat.history("room")).messages[0].text == ""

    run(body, tmp_path)


def test_bad_messages_are_refused(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        for text in ("", " \n", "\x00", "\ud800"):
            with pytest.raises(Invalid):
                await rig.chat.post("room", ADA, text, id="m")
        with pytest.raises(LimitExceeded):
            await rig.chat.post("room", ADA, "é" * (MAX_TEXT // 2 + 1), id="m")
        for id in ("", "a b", "é", "x" * 65, "../up"):
            with pytest.raises(Invalid):
                await rig.chat.post("room", ADA, "text", id=id)
        with pytest.raises(LimitExceeded):
            await rig.chat.post("room", ADA, "text", id="m", mentions=tuple(map(str, range(51))))
        await rig.chat.post("room", ADA, "text", id="m")
        for emoji in ("", "two words", "👍" * 9, "\ud83d"):
            with pytest.raises(Invalid):
                await rig.chat.react("room", ADA, "m", emoji, on=True)
        for days in (-2, 40_000):
            with pytest.raises(Invalid):
                await rig.chat.set_days("room", days)
        with pytest.raises(Invalid):
            await rig.chat.history("room", limit=101)

    run(body, tmp_path)


def test_history_tells_whether_there_is_more(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        for n in range(5):
            await rig.chat.post("room", ADA, str(n), id=str(n))
        last = await rig.chat.history("room", limit=2)
        assert [one.text for one in last.messages] == ["3", "4"] and last.more and last.keep_days == 30
        before = await rig.chat.history("room", before=last.messages[0].seq, limit=3)
        assert [one.text for one in before.messages] == ["0", "1", "2"] and not before.more
        after = await rig.chat.history("room", after=before.messages[0].seq, limit=2)
        assert [one.text for one in after.messages] == ["1", "2"] and after.more

    run(body, tmp_path)


def test_other_clients_messages_are_kept_as_they_pass(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        assert ("watch_topics", ("lk.chat",)) in rig.world.engine.calls
        assert not any(call[0] == "hold_topics" for call in rig.world.engine.calls)
        rig.hear("PA_ada", chat_message("a", "by packet"))
        for packet in stream("b", "by stream é", reply_to_stream_id="a"):
            rig.hear("PA_bob", packet)
        assert await rig.kept(2) == [("ada", "by packet"), ("bob", "by stream é")]
        kept = (await rig.chat.history("room")).messages[1]
        assert (kept.id, kept.name, kept.reply_to) == ("b", "Bob", "a")
        # Everybody has heard it: pages are told how it stands, and nobody hears it again.
        told = rig.sent()
        async with asyncio.timeout(5):
            while len(told) < 2:
                await asyncio.sleep(0.005)
                told += rig.sent()
        assert {one for one, _ in told} == {"roomful.chat"}

    run(body, tmp_path)


def test_changes_of_other_clients_are_kept_too(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        rig.hear("PA_ada", chat_message("a", "helo"))
        await rig.kept(1)
        rig.hear("PA_bob", chat_message("a", "forged", edit_timestamp=1))
        rig.hear("PA_ada", chat_message("a", "hello", edit_timestamp=1))
        for packet in stream("r", "👍", operation_type=DataStream.OperationType.REACTION, reply_to_stream_id="a"):
            rig.hear("PA_bob", packet)
        async with asyncio.timeout(5):
            while not (message := (await rig.chat.history("room")).messages[0]).reactions:
                await asyncio.sleep(0.005)
        assert message.text == "hello" and message.reactions == {"👍": ("bob",)}
        rig.hear("PA_ada", chat_message("a", "", deleted=True))
        async with asyncio.timeout(5):
            while not (await rig.chat.history("room")).messages[0].deleted:
                await asyncio.sleep(0.005)

    run(body, tmp_path)


def test_private_and_broken_and_endless_messages_are_not_kept(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        private = chat_message("p", "just you")
        private.destination_identities.append("bob")
        rig.hear("PA_ada", private)
        for packet in stream("long", "x")[:1]:
            rig.hear("PA_ada", packet)
        for _ in range(MAX_TEXT // 10_000 + 1):
            content = DataStream.Chunk(stream_id="long", content=b"x" * 10_000)
            rig.hear("PA_ada", DataPacket(stream_chunk=content))
        rig.hear("PA_ada", stream("long", "")[-1])
        rig.hear("PA_ada", stream("cut", "text")[0])
        rig.hear("PA_ada", DataPacket(stream_trailer=DataStream.Trailer(stream_id="cut", reason="error")))
        rig.hear("PA_ada", DataPacket(stream_chunk=DataStream.Chunk(stream_id="unknown", content=b"x")))
        for n in range(3 * MAX_OPEN):
            rig.hear("PA_ada", stream(f"open{n}", "")[0])
        rig.hear("PA_ada", chat_message("bad id!", "text"))
        rig.hear("PA_ada", chat_message("ok", "kept"))
        assert await rig.kept(1) == [("ada", "kept")]

    run(body, tmp_path)


def test_a_hook_allows_changes_and_refuses(tmp_path: Path) -> None:
    asked: list[ChatRequest] = []

    async def judge(message: ChatRequest) -> object:
        asked.append(message)
        if "bad" in message.text:
            return False
        if "rude" in message.text:
            raise message.refuse("be kind")
        if "fail" in message.text:
            raise ZeroDivisionError
        return message.text.replace("darn", "d***") if "darn" in message.text else None

    async def body(rig: Rig) -> None:
        assert ("hold_topics", ("lk.chat",)) in rig.world.engine.calls
        for text, why in (("bad", "may not be said"), ("rude", "be kind"), ("fail", "could not decide")):
            with pytest.raises(Denied, match=why):
                await rig.chat.post("room", ADA, text, id="no")
        assert (await rig.chat.post("room", ADA, "darn it", id="m1"))[0].text == "d*** it"
        count = len(asked)
        assert not (await rig.chat.post("room", ADA, "darn it", id="m1"))[1]
        assert len(asked) == count
        with pytest.raises(Denied):
            await rig.chat.edit("room", ADA, "m1", "bad")
        rig.sent()

        rig.hear("PA_ada", chat_message("m2", "fine"), hold=1)
        rig.hear("PA_ada", chat_message("m3", "bad"), hold=2)
        first, *rest = stream("m4", "darn")
        rig.hear("PA_ada", first, hold=3)
        for packet in rest:
            rig.hear("PA_ada", packet)
        assert await rig.decisions(3) == [(1, True), (2, False), (3, False)]
        assert await rig.kept(3) == [("ada", "d*** it"), ("ada", "fine"), ("ada", "d***")]
        said = [(one, to) for one, to in rig.sent() if isinstance(one, Said)]
        assert said == [(Said("post", "m4", "ada", "d***"), ("PA_bob",))]
        assert asked[-1] == ChatRequest("room", "m4", "ada", "Ada", "darn")

    run(body, tmp_path, judge)


def test_a_room_that_keeps_nothing(tmp_path: Path) -> None:
    async def body(rig: Rig) -> None:
        message, new = await rig.chat.post("room", ADA, "hello", id="m1")
        assert new and message.seq == 0
        assert rig.sent()[0] == (Said("post", "m1", "ada", "hello"), ("PA_bob",))
        rig.hear("PA_ada", chat_message("m2", "also"))
        await asyncio.sleep(0.05)
        assert (await rig.chat.history("room")).messages == ()
        with pytest.raises(NotFound):
            await rig.chat.edit("room", ADA, "m1", "what")
        await rig.chat.set_days("room", FOREVER)
        await rig.chat.post("room", ADA, "kept", id="m3")
        assert len((await rig.chat.history("room")).messages) == 1
        await rig.chat.set_days("room", NOTHING)
        assert (await rig.chat.history("room")).messages == ()

    run(body, tmp_path, keep_days=NOTHING)
