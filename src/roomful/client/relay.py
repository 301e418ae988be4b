"""A client of `/relay`: channels with members, history, requests, and a connection that comes back by itself.

    async with Relay("ws://127.0.0.1:7880/relay") as relay:
        channel = await relay.join("game-1", info={"name": "Ada"})
        await channel.publish({"x": 1})
        async for event in channel:
            match event:
                case Message(data=data): print(data)

Needs an asyncio loop, and `websockets`; knows nothing of the server's own code.
"""

from __future__ import annotations

import asyncio
import inspect
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count
from types import TracebackType
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, WebSocketException

from roomful.client.relay_wire import decode, encode

ANSWER_S = 15.0
"""How long an answer may take; the server's own deadlines are shorter."""
WAIT_S = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Before each further attempt to connect again, times 0.5 … 1.5."""
MAX_EVENTS = 10_000
"""Of one channel that wait to be read; the oldest go first."""
MAX_MESSAGE = 1 << 20


class RelayError(Exception):
    """What the server refused, by its code (docs/reference/relay.md); `closed` when the connection ended meanwhile."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Member:
    id: str
    identity: str = ""
    """What the server vouches for."""
    info: Any = None


@dataclass(frozen=True, slots=True)
class Message:
    data: Any
    """JSON, or bytes."""
    sender: str = ""
    """A member's id; empty for the server."""
    offset: int | None = None
    to: str = ""
    """One's own id, where nobody else was told."""


@dataclass(frozen=True, slots=True)
class MemberJoined:
    member: Member


@dataclass(frozen=True, slots=True)
class MemberLeft:
    member: Member


@dataclass(frozen=True, slots=True)
class Reconnected:
    """The connection was lost and is back. With `recovered` nothing was missed; otherwise load the state anew."""

    recovered: bool


@dataclass(frozen=True, slots=True)
class PutOut:
    """The last event of a channel one was put out of, or could not come back to."""

    code: str
    message: str


Event = Message | MemberJoined | MemberLeft | Reconnected | PutOut
Answer = Callable[[Any, str], Any | Awaitable[Any]]
"""(data, sender's id) → the reply. What it raises is told as `declined`, with the words of a RelayError."""


@dataclass(slots=True)
class Channel:
    """One that was joined. Iterating gives its events, one reader at a time, until it is left."""

    name: str
    info: Any
    members: dict[str, Member] = field(default_factory=dict[str, Member])
    """By id; empty in channels that do not tell."""
    on_request: Answer | None = None
    """Answers other members' requests."""
    _relay: Relay = field(kw_only=True)
    _epoch: str = ""
    _offset: int = 0
    _events: asyncio.Queue[Event | None] = field(default_factory=lambda: asyncio.Queue[Event | None](MAX_EVENTS))

    async def publish(self, data: Any, *, to: str = "", acknowledged: bool = True) -> int | None:
        """JSON data, or bytes, to all others or to one; its offset, where the channel has a history. Raises RelayError."""
        message: dict[str, Any] = {"type": "publish", "channel": self.name, "data": data, **({"to": to} if to else {})}
        if not acknowledged:
            await self._relay.send(message)
            return None
        return (await self._relay.ask(message)).get("offset")

    async def request(self, data: Any, *, to: str = "") -> Any:
        """The reply of a member, or of the server. Raises RelayError (`declined`, `no_answer`, `member_left` …)."""
        message: dict[str, Any] = {"type": "request", "channel": self.name, "data": data, **({"to": to} if to else {})}
        return (await self._relay.ask(message)).get("data")

    async def history(self, *, after: int = 0, limit: int = 100) -> int:
        """How many kept messages come next among the events."""
        asked = {"type": "history", "channel": self.name, "after": after, "limit": limit}
        return int((await self._relay.ask(asked))["count"])

    async def leave(self) -> None:
        await self._relay.leave(self)

    async def __aiter__(self) -> AsyncIterator[Event]:
        while (event := await self._events.get()) is not None:
            yield event

    # What the relay tells

    def put(self, event: Event | None) -> None:
        if self._events.full():
            self._events.get_nowait()
        self._events.put_nowait(event)

    def joining(self) -> dict[str, Any]:
        """The message that joins, or joins again where it stopped."""
        message: dict[str, Any] = {"type": "join", "channel": self.name}
        if self.info is not None:
            message["info"] = self.info
        if self._epoch:
            message |= {"epoch": self._epoch, "offset": self._offset}
        return message

    def joined(self, told: dict[str, Any], *, again: bool) -> None:
        self.members = {one.id: one for one in map(_member, told.get("members", ()))}
        recovered = bool(told.get("recovered"))
        self._epoch = told.get("epoch", "")
        if not recovered:
            self._offset = told.get("offset", 0)
        if again:
            self.put(Reconnected(recovered))

    def told(self, told: dict[str, Any]) -> None:
        match told["type"]:
            case "message":
                offset = told.get("offset")
                if offset is not None:
                    self._offset = max(self._offset, offset)
                self.put(Message(told.get("data"), told.get("from", ""), offset, told.get("to", "")))
            case "member_joined":
                member = _member(told["member"])
                self.members[member.id] = member
                self.put(MemberJoined(member))
            case "member_left":
                self.put(MemberLeft(self.members.pop(told["member"], Member(told["member"]))))
            case _:
                # Later versions may say more.
                return


def _member(told: dict[str, Any]) -> Member:
    return Member(told["id"], told.get("identity", ""), told.get("info"))


class Relay:
    """`token` is a room token whose identity others see; None for a stranger. `jitter` gives numbers from 0 to 1."""

    def __init__(self, url: str, *, token: str | None = None, jitter: Callable[[], float] = random.random) -> None:
        self._url = url
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._jitter = jitter
        self._socket: ClientConnection | None = None
        self._there = asyncio.Event()
        self._channels: dict[str, Channel] = {}
        self._asked: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._joining: dict[int, tuple[Channel, bool]] = {}
        self._numbers = count(1)
        self._task: asyncio.Task[None] | None = None
        self._replies: set[asyncio.Task[None]] = set()
        self.you = ""
        """How others call this connection; new with each."""

    async def __aenter__(self) -> Relay:
        """Raises OSError and websockets' exceptions when it cannot connect the first time."""
        await self._connect()
        self._task = asyncio.create_task(self._live(), name="relay")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in (*self._replies, *filter(None, (self._task,))):
            task.cancel()
        await asyncio.gather(*filter(None, (self._task,)), *self._replies, return_exceptions=True)
        if self._socket is not None:
            await self._socket.close()
        self._fail("the client was closed")
        for channel in self._channels.values():
            channel.put(None)

    async def join(self, name: str, *, info: Any = None, on_request: Answer | None = None) -> Channel:
        """Raises RelayError (`channel_full`, `refused` …)."""
        if name in self._channels:
            raise RelayError("already_member", "this channel is joined")
        channel = Channel(name, info, on_request=on_request, _relay=self)
        self._channels[name] = channel
        try:
            await self._join(channel, again=False)
        except BaseException:
            del self._channels[name]
            raise
        return channel

    async def leave(self, channel: Channel) -> None:
        if self._channels.pop(channel.name, None) is channel:
            channel.put(None)
            await self.ask({"type": "leave", "channel": channel.name})

    async def send(self, message: dict[str, Any]) -> None:
        """Waits while the connection is down."""
        frame = encode(message)
        async with asyncio.timeout(ANSWER_S):
            while True:
                await self._there.wait()
                assert self._socket is not None
                try:
                    await self._socket.send(frame)
                    return
                except WebSocketException:
                    self._there.clear()

    async def ask(self, message: dict[str, Any]) -> dict[str, Any]:
        """The answer to a message. Raises RelayError; `closed` leaves open whether the server had heard it."""
        number = next(self._numbers)
        return await self._ask({**message, "id": number}, number)

    async def _ask(self, message: dict[str, Any], number: int) -> dict[str, Any]:
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._asked[number] = future
        try:
            await self.send(message)
            async with asyncio.timeout(ANSWER_S):
                return await future
        finally:
            del self._asked[number]

    async def _join(self, channel: Channel, *, again: bool) -> None:
        number = next(self._numbers)
        self._joining[number] = (channel, again)
        try:
            await self._ask({**channel.joining(), "id": number}, number)
        finally:
            del self._joining[number]

    # The connection

    async def _connect(self) -> None:
        socket = await connect(
            self._url, additional_headers=self._headers, max_size=MAX_MESSAGE, compression=None, proxy=None
        )
        self.you = decode(await socket.recv())["you"]
        self._socket = socket
        self._there.set()

    async def _live(self) -> None:
        """Reads, and connects again whenever the connection ends."""
        attempt = 0
        while True:
            socket = self._socket
            if socket is not None:
                try:
                    async for frame in socket:
                        attempt = 0
                        self._told(decode(frame))
                except (WebSocketException, ValueError, KeyError):
                    # Ended; or it said what makes no sense, and is ended.
                    await socket.close()
            self._there.clear()
            self._socket = None
            self._fail("the connection ended")
            await asyncio.sleep(WAIT_S[min(attempt, len(WAIT_S) - 1)] * (0.5 + self._jitter()))
            attempt += 1
            try:
                await self._connect()
            except (OSError, InvalidHandshake, WebSocketException, ValueError, KeyError):
                continue
            for channel in self._channels.values():
                self._later(self._return(channel))

    async def _return(self, channel: Channel) -> None:
        try:
            await self._join(channel, again=True)
        except RelayError as refused:
            if refused.code != "closed" and self._channels.pop(channel.name, None) is channel:
                channel.put(PutOut(refused.code, refused.message))
                channel.put(None)
        except TimeoutError:
            # The next connection tries again.
            return

    def _told(self, told: dict[str, Any]) -> None:
        number = told.get("id")
        future = self._asked.get(number) if isinstance(number, int) else None
        if future is not None and isinstance(number, int):
            if told["type"] == "error":
                error = RelayError(told["code"], told["message"])
                if not future.done():
                    future.set_exception(error)
                return
            if number in self._joining:
                # Here, and not where it is waited for: what was missed comes right behind.
                channel, again = self._joining[number]
                channel.joined(told, again=again)
            if not future.done():
                future.set_result(told)
            return
        channel = self._channels.get(told.get("channel", ""))
        if channel is None:
            return
        if told["type"] == "request":
            self._later(self._reply(channel, told))
        elif told["type"] == "left":
            del self._channels[channel.name]
            channel.put(PutOut(told["code"], told["message"]))
            channel.put(None)
        else:
            channel.told(told)

    async def _reply(self, channel: Channel, told: dict[str, Any]) -> None:
        reply: dict[str, Any] = {"type": "reply", "request": told["request"]}
        if channel.on_request is None:
            await self.send({**reply, "error": "this member answers no requests"})
            return
        try:
            data = channel.on_request(told.get("data"), told.get("from", ""))
            if inspect.isawaitable(data):
                data = await data
        except RelayError as declined:
            await self.send({**reply, "error": declined.message})
        except Exception:
            await self.send({**reply, "error": "the member failed"})
            raise
        else:
            await self.send({**reply, "data": data})

    def _later(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._replies.add(task)
        task.add_done_callback(self._replies.discard)

    def _fail(self, why: str) -> None:
        for future in self._asked.values():
            if not future.done():
                future.set_exception(RelayError("closed", why))
