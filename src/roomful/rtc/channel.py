"""Data channels: W3C's `RTCDataChannel`, aiortc's listeners, and two ways that suit asyncio: `await drain()` and `async for`."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from roomful._native import rtc as native
from roomful.rtc.errors import InvalidStateError, OperationError, error_of
from roomful.rtc.events import EventTarget

ReadyState = Literal["connecting", "open", "closing", "closed"]

HIGH_WATER = 1 << 20
"""What may wait before `drain` waits, bytes."""

MOST_QUEUED = 256
"""Messages that wait for an `async for` before the peer is held back."""


@dataclass(frozen=True, slots=True)
class RTCDataChannelParameters:
    """How a channel delivers."""

    label: str = ""
    ordered: bool = True
    maxPacketLifeTime: int | None = None
    """ms"""
    maxRetransmits: int | None = None
    protocol: str = ""
    negotiated: bool = False
    id: int | None = None


class RTCDataChannel(EventTarget):
    """One channel. Made by `RTCPeerConnection.createDataChannel`, or told by its `datachannel` event.

    Events: `open`, `message` (str or bytes), `bufferedamountlow`, `closing`, `close`, `error`.
    """

    onopen: Callable[..., Any] | None = None
    onmessage: Callable[..., Any] | None = None
    onbufferedamountlow: Callable[..., Any] | None = None
    onclosing: Callable[..., Any] | None = None
    onclose: Callable[..., Any] | None = None
    onerror: Callable[..., Any] | None = None
    binaryType = "bytes"

    def __init__(self, line: native.Channel, parameters: RTCDataChannelParameters) -> None:
        super().__init__()
        self._line = line
        self._parameters = parameters
        self._id = parameters.id
        self._state: ReadyState = "connecting"
        self._queue: deque[str | bytes] | None = None
        self._early: list[str | bytes] | None = None
        self._iterated = False
        self._held = False
        self._waiters: set[asyncio.Future[None]] = set()

    @property
    def label(self) -> str:
        return self._parameters.label

    @property
    def ordered(self) -> bool:
        return self._parameters.ordered

    @property
    def maxPacketLifeTime(self) -> int | None:
        """How long a message is sent again, ms."""
        return self._parameters.maxPacketLifeTime

    @property
    def maxRetransmits(self) -> int | None:
        """How often a message is sent again."""
        return self._parameters.maxRetransmits

    @property
    def protocol(self) -> str:
        return self._parameters.protocol

    @property
    def negotiated(self) -> bool:
        """Both sides made it, with the same id."""
        return self._parameters.negotiated

    @property
    def id(self) -> int | None:
        """Of its SCTP stream, once it is known."""
        return self._id

    @property
    def readyState(self) -> ReadyState:
        return self._state

    @property
    def bufferedAmount(self) -> int:
        """Bytes that were sent and have not arrived."""
        return self._line.buffered

    @property
    def bufferedAmountLowThreshold(self) -> int:
        """`bufferedamountlow` is told when `bufferedAmount` falls to it, bytes."""
        return self._line.low

    @bufferedAmountLowThreshold.setter
    def bufferedAmountLowThreshold(self, value: int) -> None:
        if not 0 <= value < 2**32:
            raise ValueError(f"bufferedAmountLowThreshold must be 0 to 2**32 - 1, not {value}")
        self._line.low = value

    def send(self, data: str | bytes | bytearray | memoryview) -> None:
        """Sends without waiting; await `drain` now and then. Before the channel is open messages wait for it.

        Raises:
            OperationError: 16 MiB wait already (`backpressure`), or it is larger than the peer takes (`too_large`).
            InvalidStateError: The channel is closed.
        """
        try:
            self._line.send(bytes(data) if isinstance(data, memoryview) else data)
        except native.RtcError as error:
            raise error_of(error.code, str(error)) from None

    async def drain(self) -> None:
        """As a stream's: returns at once while less than 1 MiB waits, else when half of that is left. Raises InvalidStateError when it
        closes."""
        if self._line.buffered > HIGH_WATER:
            while self._line.buffered > HIGH_WATER // 2:
                await self._turn()

    async def flush(self) -> None:
        """Waits until everything has arrived. Raises InvalidStateError when it closes before."""
        while self._line.buffered > 0:
            await self._turn()

    async def opened(self) -> None:
        """Waits until messages travel. Raises InvalidStateError when it closes instead."""
        while self._state == "connecting":
            await self._turn()
        self._check()

    async def _turn(self) -> None:
        """Waits until something happens: open, arrived, a message, closed."""
        self._check()
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            await waiter
        finally:
            self._waiters.discard(waiter)

    def _check(self) -> None:
        if self._state == "closed":
            raise InvalidStateError("the channel is closed")

    def __aiter__(self) -> RTCDataChannel:
        """Messages, until it closes. A slow loop holds the peer back rather than losing any."""
        self._collect()
        return self

    async def __anext__(self) -> str | bytes:
        try:
            return await self.receive()
        except InvalidStateError:
            raise StopAsyncIteration from None

    async def receive(self) -> str | bytes:
        """The next message. Raises InvalidStateError when it closes and none is left."""
        queue = self._collect()
        while not queue:
            await self._turn()
        message = queue.popleft()
        if self._held and len(queue) <= MOST_QUEUED // 2:
            self._held = False
            self._line.read(True)
        return message

    def _collect(self) -> deque[str | bytes]:
        if self._queue is None:
            self._queue = deque()
        self._iterated = True
        return self._queue

    def close(self) -> None:
        """Closes it once what was sent has arrived. Closing twice does nothing."""
        if self._state in ("connecting", "open"):
            self._state = "closing"
            self._line.close()
            self._emit("closing")

    # What the connection is told.

    def _incoming(self) -> None:
        """The peer opened it: it can be used at once, and `open` follows `datachannel`."""
        self._state = "open"

    def _opened(self, number: int) -> None:
        self._id = number
        if self._state == "connecting":
            self._state = "open"
        if self._state == "open":
            self._wake()
            self._emit("open")

    def _took(self, messages: list[str | bytes]) -> None:
        if self._early is not None:
            self._early.extend(messages)
            return
        listened = self.listens("message")
        if self._iterated or not listened:
            # Without anybody who listens they are kept for whoever comes, and the peer is held back.
            if self._queue is None:
                self._queue = deque()
            self._queue.extend(messages)
            if not self._held and len(self._queue) > MOST_QUEUED:
                self._held = True
                self._line.read(False)
            self._wake()
        if listened:
            for message in messages:
                self._emit("message", message, data=message)

    def _heard(self, event: str) -> None:
        """Messages that came before the first listener are his."""
        if event != "message" or self._iterated or self._queue is None:
            return
        self._early, self._queue = list(self._queue), None
        if self._held:
            self._held = False
            self._line.read(True)
        asyncio.get_running_loop().call_soon(self._late)

    def _late(self) -> None:
        early, self._early = self._early or [], None
        self._took(early)

    def _fell(self, low: bool) -> None:
        self._wake()
        if low:
            self._emit("bufferedamountlow")

    def _closed(self, reason: str | None) -> None:
        if self._state == "closed":
            return
        self._state = "closed"
        self._wake()
        if reason is not None:
            error = OperationError(reason)
            self._emit("error", error, error=error)
        self._emit("close")

    def _wake(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
