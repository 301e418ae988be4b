"""Commands reach the hub in its words and order, events find who asked for them, and a death is told to everybody."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import pytest

from roomful.core.errors import Unavailable
from roomful.edge.door import DoorSocket
from roomful.edge.socket import SocketClosed
from roomful.hub.adapter import HubAdapter
from roomful.ports import Asked, ChannelRules, Opening, Verdict

FOREIGN = 1 << 62
BAD = "\ud800"
"""A lone surrogate."""


class Native:
    """Plays the hub in Rust."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Mapping[str, Any]]] = []
        self.events: list[tuple[str, Mapping[str, Any]]] = []
        self.broken = False
        self._read, self._write = os.pipe()

    def fileno(self) -> int:
        return self._read

    def ports(self) -> list[tuple[str, str, int]]:
        return [("plain", "127.0.0.1", 1)]

    def reload(self) -> None:
        self.reloaded = True

    def send(self, command: str, fields: Mapping[str, Any]) -> None:
        if self.broken:
            raise RuntimeError("a thread panicked")
        if fields.get("message") == BAD:
            raise ValueError("message is not UTF-8")
        self.sent.append((command, fields))

    def send_all(self, commands: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        if any(fields.get("message") == BAD for _, fields in commands):
            raise ValueError("message is not UTF-8")
        for command, fields in commands:
            self.send(command, fields)

    def drain(self) -> list[tuple[str, Mapping[str, Any]]]:
        if self.broken:
            raise RuntimeError("a thread panicked")
        os.read(self._read, 100)
        events, self.events = self.events, []
        return events

    def close(self, grace_ms: int = 0) -> None:
        self.sent.append(("closed", {}))

    async def tell(self, *events: tuple[str, Mapping[str, Any]]) -> None:
        self.events += events
        os.write(self._write, b"x")
        await asyncio.sleep(0.02)


class Heard:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def message(self, message: str | bytes) -> None:
        self.told.append(message)

    def closed(self, code: int, reason: str) -> None:
        self.told.append((code, reason))

    def slow(self, slow: bool) -> None:
        self.told.append(slow)


def run(body: Callable[[Native, HubAdapter], Awaitable[None]]) -> None:
    async def main() -> None:
        native = Native()
        hub = HubAdapter(native, foreign=FOREIGN)
        hub.start()
        try:
            async with asyncio.timeout(20):
                await body(native, hub)
        finally:
            await hub.shut()

    asyncio.run(main())


def opened(connection: int, path: str = "/x") -> tuple[str, Mapping[str, Any]]:
    fields = {
        "connection": connection, "path": path, "query": "a=1&b=%20", "headers": [("host", "h")],
        "peer": "192.0.2.7", "secure": False, "accepted": False,
    }  # fmt: skip
    return "opened", fields


def test_a_handshake_finds_its_route_and_its_listener(caplog: pytest.LogCaptureFixture) -> None:
    async def body(native: Native, hub: HubAdapter) -> None:
        openings: list[Opening] = []
        hub.route("/x", openings.append)
        await native.tell(opened(1), opened(2, "/nowhere"))
        assert [one.connection for one in openings] == [1]
        assert openings[0].headers == {"host": "h"}
        assert native.sent[-1][0] == "refuse"
        assert native.sent[-1][1]["status"] == 404
        heard = Heard()
        hub.accept(1, heard, identity="ada")
        assert native.sent[-1] == ("accept", {"connection": 1, "speech": "raw", "identity": "ada"})
        await native.tell(
            ("message", {"connection": 1, "message": "hi"}),
            ("slow", {"connection": 1}),
            ("writable", {"connection": 1}),
            ("closed", {"connection": 1, "code": 1000, "reason": "bye"}),
            ("message", {"connection": 1, "message": "after the end"}),
        )
        assert heard.told == ["hi", True, False, (1000, "bye")]

    run(body)


def test_who_left_before_the_answer_is_told_at_once() -> None:
    async def body(native: Native, hub: HubAdapter) -> None:
        hub.route("/x", lambda opening: None)
        await native.tell(opened(1), ("closed", {"connection": 1, "code": 1006, "reason": ""}))
        heard = Heard()
        hub.accept(1, heard)
        assert heard.told == [(1006, "")]
        assert not [one for one in native.sent if one[0] == "accept"]

    run(body)


def test_what_is_no_message_keeps_no_other_from_being_sent(caplog: pytest.LogCaptureFixture) -> None:
    async def body(native: Native, hub: HubAdapter) -> None:
        for message in ("a", BAD, "b"):
            hub.send([1], message)
        await asyncio.sleep(0)
        assert [fields["message"] for _, fields in native.sent] == ["a", "b"]

    run(body)
    assert "cannot be sent" in caplog.text


def test_one_message_to_many_within_a_turn_is_one_call_and_keeps_the_order() -> None:
    async def body(native: Native, hub: HubAdapter) -> None:
        for connection in (1, 2, 3):
            hub.send((connection,), b"news")
        hub.send((1,), "more")
        hub.send((2,), b"more")
        hub.close(2, 1000, "")
        hub.send((3,), "last")
        assert [name for name, _ in native.sent] == ["send", "send", "send", "close"]
        await asyncio.sleep(0)
        assert [(fields["to"], fields["message"]) for name, fields in native.sent if name == "send"] == [
            ([1, 2, 3], b"news"), ([1], "more"), ([2], b"more"), ([3], "last"),
        ]  # fmt: skip

    run(body)


def test_questions_are_asked_and_answered() -> None:
    async def body(native: Native, hub: HubAdapter) -> None:
        asked: list[Asked] = []
        left: list[tuple[int, str]] = []
        fields = {"ask": 5, "connection": 1, "channel": "c", "info": None}
        await native.tell(("join_asked", fields))
        assert native.sent[-1][1]["allow"] is False
        hub.ask(asked.append, lambda connection, channel: left.append((connection, channel)))
        await native.tell(
            ("join_asked", fields),
            ("message_asked", {**fields, "ask": 6, "message": "1", "to": None}),
            ("request_asked", {**fields, "ask": 7, "message": b"2"}),
            ("left", {"connection": 1, "channel": "c"}),
        )
        assert [(one.kind, one.message) for one in asked] == [("join", None), ("message", "1"), ("request", b"2")]
        assert left == [(1, "c")]
        hub.decide(6, Verdict(True, message="3"))
        assert native.sent[-1] == ("decide", {"ask": 6, "allow": True, "message": "3"})
        hub.rules("c*", ChannelRules(history=3, presence=True))
        rules = {"history": 3, "presence": True, "on_message": False, "on_request": False}
        assert native.sent[-1] == ("channel_rules", {"pattern": "c*", "rules": rules})
        waiting = asyncio.create_task(hub.presence("c"))
        await asyncio.sleep(0)
        number = native.sent[-1][1]["request"]
        members = [(1, "id", None, '{"name":"Ada"}')]
        await native.tell(("presence", {"request": number, "channel": "c", "members": members}))
        [one] = await waiting
        assert (one.connection, one.id, one.identity, one.info) == (1, "id", "", '{"name":"Ada"}')

    run(body)


def test_foreign_connections_have_numbers_of_their_own() -> None:
    async def body(native: Native, hub: HubAdapter) -> None:
        one, two = Heard(), Heard()
        numbers = [hub.open_foreign(heard, "relay") for heard in (one, two)]
        assert numbers == [FOREIGN + 1, FOREIGN + 2]
        await native.tell(
            ("deliver", {"to": numbers, "message": "x", "slow": "close"}),
            ("close", {"connection": numbers[0], "code": 1008, "reason": "flood"}),
        )
        assert one.told == ["x", (1008, "flood")]
        hub.gone(numbers[0])
        hub.gone(numbers[0])
        assert [name for name, _ in native.sent].count("gone") == 1
        await native.tell(("deliver", {"to": numbers, "message": "y", "slow": "close"}))
        assert (one.told[-1], two.told[-1]) == ((1008, "flood"), "y")

    run(body)


def test_a_death_is_told_to_everybody(caplog: pytest.LogCaptureFixture) -> None:
    async def body(native: Native, hub: HubAdapter) -> None:
        heard = Heard()
        hub.open_foreign(heard, "muaz")
        waiting = asyncio.create_task(hub.stats())
        await asyncio.sleep(0)
        native.broken = True
        hub.feed(FOREIGN + 1, "x")
        hub.publish("c", "1")
        with pytest.raises(Unavailable):
            await waiting
        with pytest.raises(Unavailable):
            await hub.stats()
        assert heard.told == [(1006, "")]

    run(body)
    assert "the hub has died" in caplog.text


def test_a_door_socket_waits_reads_and_ends() -> None:
    async def body(native: Native, hub: HubAdapter) -> None:
        openings: list[Opening] = []
        hub.route("/x", openings.append)
        await native.tell(opened(1))
        socket = DoorSocket(hub, openings[0], max_message=9)
        assert dict(socket.query) == {"a": "1", "b": " "}
        await socket.accept()
        assert native.sent[-1][1]["max_message"] == 9
        await native.tell(("message", {"connection": 1, "message": "hi"}), ("slow", {"connection": 1}))
        assert await socket.receive() == "hi"
        sending = asyncio.create_task(socket.send("much"))
        reading = asyncio.create_task(socket.receive())
        await asyncio.sleep(0.02)
        assert not sending.done()
        await native.tell(("writable", {"connection": 1}))
        await sending
        await native.tell(("closed", {"connection": 1, "code": 1001, "reason": ""}))
        with pytest.raises(SocketClosed):
            await reading
        with pytest.raises(SocketClosed):
            await socket.send("late")
        await socket.close()
        assert native.sent[-1][0] == "send"

    run(body)


def test_who_sends_faster_than_it_is_read_is_closed() -> None:
    async def body(native: Native, hub: HubAdapter) -> None:
        openings: list[Opening] = []
        hub.route("/x", openings.append)
        await native.tell(opened(1))
        socket = DoorSocket(hub, openings[0])
        await socket.accept()
        await native.tell(*[("message", {"connection": 1, "message": "x" * 60_000}) for _ in range(80)])
        assert native.sent[-1] == ("close", {"connection": 1, "code": 1008, "reason": "too many messages"})

    run(body)
