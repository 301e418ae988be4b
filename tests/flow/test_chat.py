"""Kept chat on a real server, with LiveKit's Python SDK for the others: REST, history, hooks, restarts, and what is refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from livekit import api, rtc

from roomful import Roomful
from roomful.app.parts import for_tests
from roomful.ports.chat import ChatRequest

pytestmark = [
    pytest.mark.asyncio,
    # PyJWT warns of the development secret's length, which is LiveKit's choice.
    pytest.mark.filterwarnings("ignore:The HMAC key is"),
]


@asynccontextmanager
async def a_server(folder: Path, database: str = "") -> AsyncIterator[Roomful]:
    server = Roomful(replace(for_tests(folder), database=database))
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


class Person:
    """Somebody in the room, who hears chat as text streams and writes by REST."""

    def __init__(self, server: Roomful, identity: str, **grants: Any) -> None:
        video = api.VideoGrants(**{"room_join": True, "room": "tea", **grants})
        self.token = api.AccessToken("devkey", "secret").with_identity(identity).with_grants(video).to_jwt()
        self.room = rtc.Room()
        self.heard = asyncio.Queue[tuple[str, str, str]]()
        self._url = f"127.0.0.1:{server.port}"
        self._reading: set[asyncio.Task[None]] = set()

    async def join(self) -> None:
        self.room.register_text_stream_handler("lk.chat", self._opened)
        await self.room.connect(f"ws://{self._url}", self.token)

    def _opened(self, reader: rtc.TextStreamReader, sender: str) -> None:
        async def read() -> None:
            self.heard.put_nowait((sender, reader.info.stream_id, await reader.read_all()))

        task = asyncio.create_task(read())
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)

    async def hears(self) -> tuple[str, str, str]:
        return await asyncio.wait_for(self.heard.get(), 10)

    async def ask(self, method: str, path: str = "", **options: Any) -> httpx.Response:
        async with httpx.AsyncClient(base_url=f"http://{self._url}") as client:
            headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
            return await client.request(method, "/api/chat" + path, headers=headers, **options)

    async def say(self, text: str, **fields: Any) -> httpx.Response:
        return await self.ask("POST", json={"text": text, **fields})

    async def history(self, count: int = 0) -> list[dict[str, Any]]:
        """Once it has so many: what passes is kept a moment later."""
        async with asyncio.timeout(10):
            while len(found := (await self.ask("GET")).json()["messages"]) < count:
                await asyncio.sleep(0.02)
        return found


async def test_chat_outlives_the_server_whoever_wrote_it(tmp_path: Path, database_url: str) -> None:
    async with a_server(tmp_path, database_url) as server:
        ada, bob = Person(server, "ada"), Person(server, "bob")
        assert (await ada.say("nobody hears this")).status_code == 403
        await ada.join()
        await bob.join()
        posted = await ada.say("by REST é", id="m1", mentions=["bob"])
        assert posted.status_code == 201 and posted.json()["seq"] > 0
        assert (await ada.say("by REST é", id="m1")).json() == posted.json()
        assert await bob.hears() == ("ada", "m1", "by REST é")
        info = await bob.room.local_participant.send_text("x" * 20_000, topic="lk.chat", reply_to_id="m1")
        assert await ada.hears() == ("bob", info.stream_id, "x" * 20_000)
        kept = await ada.history(2)
        assert [(one["sender"], one["text"][:9], one["reply_to"]) for one in kept] == [
            ("ada", "by REST é", ""),
            ("bob", "xxxxxxxxx", "m1"),
        ]
        assert (await bob.ask("PUT", "/m1/reactions/👍")).json()["reactions"] == {"👍": ["bob"]}
        edited = await ada.ask("PATCH", "/m1", json={"text": "better"})
        assert edited.json()["edited_at_ms"]
        assert (await bob.hears())[2] == "better"
        await server.room("tea").chat.send("from the program", name="Bot")
        assert (await bob.hears())[2] == "from the program"
        await ada.room.disconnect()
        await bob.room.disconnect()
    async with a_server(tmp_path, database_url) as server:
        late = Person(server, "cid")
        assert [one["text"][:9] for one in await late.history()] == ["better", "xxxxxxxxx", "from the "]
        assert (await late.history())[0]["reactions"] == {"👍": ["bob"]}


async def test_a_hook_stands_before_everything(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server:

        @server.on_message
        def judge(message: ChatRequest) -> Any:
            if "spam" in message.text:
                raise message.refuse("no spam")
            return message.text.upper() if "loud" in message.text else None

        ada, bob = Person(server, "ada"), Person(server, "bob")
        await ada.join()
        await bob.join()
        refused = await ada.say("spam")
        assert (refused.status_code, refused.json()["message"]) == (403, "no spam")
        for text in ("spam by stream", "loud", "fine"):
            await ada.room.local_participant.send_text(text, topic="lk.chat")
        # What is changed is said anew, behind what was not.
        assert {(await bob.hears())[2], (await bob.hears())[2]} == {"LOUD", "fine"}
        assert [one["text"] for one in await bob.history(2)] == ["LOUD", "fine"]
        await ada.room.disconnect()
        await bob.room.disconnect()


async def test_what_is_refused(tmp_path: Path) -> None:
    async with a_server(tmp_path) as server:
        ada, guest, host = (
            Person(server, "ada"),
            Person(server, "eve", can_publish_data=False),
            Person(server, "h", room_admin=True),
        )
        await ada.join()
        await guest.join()
        await ada.say("hello", id="m1")
        bad: list[tuple[Person, str, str, dict[str, Any], int]] = [
            (guest, "POST", "", {"json": {"text": "muted"}}, 403),
            (guest, "GET", "?room=other", {}, 403),
            (ada, "POST", "", {"json": {"text": ""}}, 400),
            (ada, "POST", "", {"json": {"text": 5}}, 400),
            (ada, "POST", "", {"json": {"text": "x", "mentions": "bob"}}, 400),
            (ada, "POST", "", {"json": {"text": "x", "id": "a/b"}}, 400),
            (ada, "POST", "", {"json": ["text"]}, 400),
            (ada, "POST", "", {"content": b"{", "headers": {"Content-Type": "application/json"}}, 400),
            (ada, "POST", "", {"content": b"text"}, 400),
            (ada, "POST", "", {"json": {"text": "x" * 40_000}}, 413),
            (ada, "POST", "", {"json": {"text": "x" * 70_000}}, 413),
            (host, "POST", "", {"json": {"text": "mine", "id": "m1"}}, 409),
            (host, "PATCH", "/m1", {"json": {"text": "hijacked"}}, 403),
            (ada, "PATCH", "/unknown", {"json": {"text": "x"}}, 404),
            (ada, "PUT", "/m1/reactions/two%20words", {}, 400),
            (ada, "PUT", "-policy", {"json": {"keep_days": 1}}, 403),
            (host, "PUT", "-policy", {"json": {"keep_days": "x"}}, 400),
            (ada, "GET", "?before=x", {}, 400),
            (ada, "GET", "?limit=1000", {}, 400),
            (ada, "GET", "?limit=0", {}, 400),
        ]
        for who, method, path, options, status in bad:
            answer = await who.ask(method, path, **options)
            assert answer.status_code == status, (method, path, options, answer.text)
            assert set(answer.json()) == {"code", "message"}
        nobody = await ada.ask("GET", headers={"Authorization": "Bearer x"})
        assert nobody.status_code == 401
        assert (await host.ask("DELETE", "/m1")).json()["deleted"]
        assert (await host.ask("PUT", "-policy", json={"keep_days": 0})).json() == {"keep_days": 0}
        assert await ada.history() == []
        await ada.room.disconnect()
        await guest.room.disconnect()
