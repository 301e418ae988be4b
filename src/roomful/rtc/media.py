"""Sound and video: transceivers with W3C's names, coded frames in and out. Made by `connection`.

Lost packets and key frames are asked for below; what is here is whole frames in order. `frames` decodes with PyAV, which is imported
when it is used.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from importlib import import_module
from typing import Any, Literal, Protocol

from roomful._native import rtc as native
from roomful.rtc.errors import InvalidStateError, OperationError, error_of
from roomful.rtc.events import EventTarget

Kind = Literal["audio", "video"]
Direction = Literal["sendrecv", "sendonly", "recvonly", "inactive"]

CLOCK = {"opus": 48_000, "vp8": 90_000, "h264": 90_000}
"""Hz of each codec's timestamps."""
MOST_QUEUED = 256
"""Frames that wait to be read. Older sound is dropped; video begins anew with a key frame."""


@dataclass(frozen=True, slots=True)
class EncodedFrame:
    """One frame as it is coded."""

    data: bytes
    """H.264 with start codes (Annex B)."""
    timestamp: int
    """In the codec's clock: 48,000 Hz for Opus, 90,000 Hz for video; wraps at 2**32."""
    key: bool
    """A decoder can begin with it; always so for sound."""
    after_loss: bool
    """Something before it was lost."""
    codec: str
    """`opus`, `vp8` or `h264`."""


def direction_of(sends: bool, receives: bool) -> Direction:
    match sends, receives:
        case True, True:
            return "sendrecv"
        case True, False:
            return "sendonly"
        case False, True:
            return "recvonly"
        case _:
            return "inactive"


def ways(direction: str) -> tuple[bool, bool]:
    """Whether it sends, whether it receives. Raises ValueError."""
    found = {"sendrecv": (True, True), "sendonly": (True, False), "recvonly": (False, True), "inactive": (False, False)}
    if (both := found.get(direction)) is None:
        raise ValueError(f"a direction is sendrecv, sendonly, recvonly or inactive, not {direction!r}")
    return both


class Source(Protocol):
    """What can be sent: `sources.VideoSource`, `AudioSource`, or a program's own."""

    @property
    def kind(self) -> Kind: ...

    def attach(self, sender: RTCRtpSender) -> None:
        """Frames go to this sender too from now on."""
        ...


class MediaStreamTrack(EventTarget):
    """What the peer sends in one section. Events: `ended`."""

    onended: Callable[..., Any] | None = None

    def __init__(self, kind: Kind, want_key: Callable[[], None], number: str) -> None:
        super().__init__()
        self.kind: Kind = kind
        self.id = number
        self.readyState: Literal["live", "ended"] = "live"
        self._queue: deque[EncodedFrame] = deque()
        self._want_key = want_key
        self._waiter: asyncio.Future[None] | None = None
        self._skips = False

    def request_key_frame(self) -> None:
        """Asks the peer for a key frame (at most twice a second on the wire)."""
        self._want_key()

    async def encoded(self) -> AsyncGenerator[EncodedFrame, None]:
        """Coded frames, in order, until the track ends. One reader at a time."""
        while True:
            while self._queue:
                yield self._queue.popleft()
            if self.readyState == "ended":
                return
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter

    async def frames(self) -> AsyncGenerator[Any, None]:
        """Decoded frames: `av.VideoFrame` or `av.AudioFrame`, each with `to_ndarray`. Needs PyAV (`pip install av`)."""
        av = pyav()
        decoder: Any = None
        codec = ""
        async with contextlib.aclosing(self.encoded()) as encoded:
            async for frame in encoded:
                if frame.codec != codec:
                    codec = frame.codec
                    decoder = av.CodecContext.create(codec, "r")
                packet = av.Packet(frame.data)
                packet.pts = frame.timestamp
                packet.time_base = Fraction(1, CLOCK[codec])
                try:
                    decoded = await asyncio.to_thread(_decode, decoder, packet)
                except av.error.FFmpegError:
                    self.request_key_frame()
                    continue
                for one in decoded:
                    yield one

    def _took(self, frames: Sequence[tuple[bytes, int, bool, bool, str]]) -> None:
        for values in frames:
            frame = EncodedFrame(*values)
            if self._skips and not frame.key:
                continue
            self._skips = False
            if len(self._queue) >= MOST_QUEUED:
                if self.kind == "audio":
                    self._queue.popleft()
                else:
                    self._queue.clear()
                    self._skips = not frame.key
                    self.request_key_frame()
                    if self._skips:
                        continue
            self._queue.append(frame)
        self._wake()

    def _end(self) -> None:
        if self.readyState == "live":
            self.readyState = "ended"
            self._wake()
            self._emit("ended")

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def pyav() -> Any:
    """PyAV. Raises OperationError (`no_pyav`) where it is not installed."""
    try:
        return import_module("av")
    except ImportError:
        raise OperationError("coding and decoding needs PyAV: pip install av", code="no_pyav") from None


def _decode(decoder: Any, packet: Any) -> list[Any]:
    return list(decoder.decode(packet))


class RTCRtpSender(EventTarget):
    """Sends coded frames. Events: `keyframe`: the peer needs one."""

    onkeyframe: Callable[..., Any] | None = None

    def __init__(self, kind: Kind, send: Callable[[bytes, int], None]) -> None:
        super().__init__()
        self.kind: Kind = kind
        self.id = ""
        """Of the track, as descriptions have it (`a=msid`)."""
        self.codec: str | None = None
        """`opus`, `vp8` or `h264`, once both sides agreed and we may send."""
        self.track: Source | None = None
        self._send = send

    def send_encoded(self, data: bytes, timestamp: int) -> None:
        """One whole coded frame (Opus packet, VP8 frame, H.264 access unit with start codes).

        Args:
            data: As the codec in `codec` has it; at most 4 MiB.
            timestamp: In the codec's clock; wraps at 2**32.

        Raises:
            OperationError: Too large, or seconds of frames wait (`backpressure`).
            InvalidStateError: The connection is closed. While it is not there yet frames are lost.
        """
        try:
            self._send(bytes(data), timestamp & 0xFFFFFFFF)
        except native.RtcError as error:
            raise error_of(error.code, str(error)) from None

    def replaceTrack(self, track: Source | None) -> None:
        """Sends what another source makes."""
        if track is not None and track.kind != self.kind:
            raise ValueError(f"this sends {self.kind}, not {track.kind}")
        self.track = track
        if track is not None:
            track.attach(self)

    def _key_frame_wanted(self) -> None:
        self._emit("keyframe")


@dataclass(frozen=True, slots=True)
class RTCRtpReceiver:
    """Where the peer's track is."""

    track: MediaStreamTrack


class RTCRtpTransceiver:
    """One section of sound or video: what we send and what the peer sends."""

    def __init__(
        self,
        key: int,
        direction: Direction,
        sender: RTCRtpSender,
        receiver: RTCRtpReceiver,
        turn: Callable[[int, Direction], None],
    ) -> None:
        self.kind: Kind = sender.kind
        self.mid: str | None = None
        self.currentDirection: Direction | None = None
        self.stopped = False
        self.sender = sender
        self.receiver = receiver
        self._key = key
        self._direction: Direction = direction
        self._turn = turn
        self._told = False

    @property
    def direction(self) -> Direction:
        """As it is wanted; a change takes the next offer and answer."""
        return self._direction

    @direction.setter
    def direction(self, value: Direction) -> None:
        ways(value)
        if self.stopped:
            raise InvalidStateError("the transceiver is stopped")
        self._direction = value
        self._turn(self._key, value)

    def stop(self) -> None:
        """Carries nothing any more, with the next offer and answer."""
        if not self.stopped:
            self.direction = "inactive"

    def _agreed(self, mid: str, sends: bool, receives: bool, codec: str | None) -> None:
        self.mid = mid
        self.currentDirection = direction_of(sends, receives)
        self.sender.codec = codec

    def _end(self) -> None:
        self.stopped = True
        self.currentDirection = None
        self.sender.codec = None
        self.receiver.track._end()  # pyright: ignore[reportPrivateUsage]
