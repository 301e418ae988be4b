"""Pictures and sound of a program's own, coded with PyAV and sent to every sender they are attached to. PyAV is imported when it is used
(`pip install av`).
"""

from __future__ import annotations

import asyncio
import time
from fractions import Fraction
from typing import Any, Literal

from roomful.rtc.media import Kind, RTCRtpSender, pyav

AHEAD_S = 0.2
"""How far sound may run ahead of the clock before `AudioSource.send` waits."""
OPUS_RATE = 48_000
OPUS_FRAME = 960
"""20 ms."""


class _Attached:
    kind: Kind

    def __init__(self) -> None:
        self.senders: list[RTCRtpSender] = []
        self._key_wanted = True

    def attach(self, sender: RTCRtpSender) -> None:
        """Frames go to this sender too from now on."""
        if sender not in self.senders:
            self.senders.append(sender)
            sender.on("keyframe", self._want_key)
            self._key_wanted = True

    def detach(self, sender: RTCRtpSender) -> None:
        """And no longer."""
        if sender in self.senders:
            self.senders.remove(sender)
            sender.remove_listener("keyframe", self._want_key)

    def _want_key(self) -> None:
        self._key_wanted = True

    def _give(self, codec: str, data: bytes, timestamp: int) -> None:
        for sender in self.senders:
            if sender.track is self and sender.codec == codec:
                sender.send_encoded(data, timestamp)

    def _codecs(self) -> set[str]:
        return {sender.codec for sender in self.senders if sender.codec is not None and sender.track is self}


class VideoSource(_Attached):
    """Pictures. Coded once for each codec that a peer chose, however many senders there are."""

    kind: Kind = "video"

    def __init__(self, *, bitrate_bps: int = 1_500_000, fps: int = 30) -> None:
        super().__init__()
        self.bitrate_bps = bitrate_bps
        self.fps = fps
        self._coders: dict[tuple[str, int, int], Any] = {}
        self._began = time.monotonic()

    async def send(self, picture: Any, *, format: Literal["rgb24", "bgr24", "gray"] = "rgb24") -> None:
        """One picture, as soon as it is there; its time is now.

        Args:
            picture: An `av.VideoFrame`, or a numpy array of height × width × 3 bytes (× 1 without the last axis for `gray`). Width and
                height are even.
            format: Of an array.
        """
        timestamp = int((time.monotonic() - self._began) * 90_000)
        if not (codecs := self._codecs()):
            return
        key, self._key_wanted = self._key_wanted, False
        av = pyav()
        frame = picture if isinstance(picture, av.VideoFrame) else av.VideoFrame.from_ndarray(picture, format=format)
        for codec in codecs:
            for data in await asyncio.to_thread(self._code, av, codec, frame, timestamp, key):
                self._give(codec, data, timestamp)

    def _code(self, av: Any, codec: str, frame: Any, timestamp: int, key: bool) -> list[bytes]:
        place = (codec, frame.width, frame.height)
        if (coder := self._coders.get(place)) is None:
            # Of another size nothing is kept: a source has one size at a time.
            self._coders = {kept: one for kept, one in self._coders.items() if kept[1:] == place[1:]}
            coder = self._coders[place] = self._coder(av, *place)
        frame = frame.reformat(format="yuv420p")
        frame.pts = timestamp
        frame.time_base = Fraction(1, 90_000)
        frame.pict_type = av.video.frame.PictureType.I if key else av.video.frame.PictureType.NONE
        return [bytes(packet) for packet in coder.encode(frame)]

    def _coder(self, av: Any, codec: str, width: int, height: int) -> Any:
        coder = av.CodecContext.create({"vp8": "libvpx", "h264": "libx264"}[codec], "w")
        coder.width, coder.height, coder.pix_fmt = width, height, "yuv420p"
        coder.bit_rate = self.bitrate_bps
        coder.time_base = Fraction(1, 90_000)
        coder.framerate = Fraction(self.fps, 1)
        coder.gop_size = 3000
        if codec == "vp8":
            coder.options = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "error-resilient": "1"}
        else:
            coder.options = {"preset": "ultrafast", "tune": "zerolatency", "profile": "baseline"}
        return coder


class AudioSource(_Attached):
    """Sound: 16-bit samples at 48,000 Hz, coded as Opus in pieces of 20 ms."""

    kind: Kind = "audio"

    def __init__(self, *, channels: int = 1, bitrate_bps: int = 48_000) -> None:
        if channels not in (1, 2):
            raise ValueError(f"channels must be 1 or 2, not {channels}")
        super().__init__()
        self.channels = channels
        self.bitrate_bps = bitrate_bps
        self._coder: Any = None
        self._rest = b""
        self._timestamp = 0
        self._began: float | None = None

    async def send(self, samples: Any) -> None:
        """Samples as they come; waits while more than 200 ms are ahead of the clock.

        Args:
            samples: An `av.AudioFrame` (s16, 48,000 Hz), int16 numpy array (interleaved when there are two channels), or bytes.
        """
        if hasattr(samples, "to_ndarray"):
            samples = samples.to_ndarray()
        self._rest += samples if isinstance(samples, bytes) else samples.astype("int16", copy=False).tobytes()
        size = OPUS_FRAME * 2 * self.channels
        now = time.monotonic()
        if self._began is None or now - self._began > self._timestamp / OPUS_RATE + AHEAD_S:
            # The first, or after a pause: sound goes on from now, and time has passed.
            behind = 0.0 if self._began is None else now - self._began
            self._timestamp = max(self._timestamp, int(behind * OPUS_RATE))
            self._began = now - self._timestamp / OPUS_RATE
        while len(self._rest) >= size:
            piece, self._rest = self._rest[:size], self._rest[size:]
            for data in self._code(piece):
                self._give("opus", data, self._timestamp)
            self._timestamp += OPUS_FRAME
        ahead = self._timestamp / OPUS_RATE - (time.monotonic() - self._began)
        if ahead > AHEAD_S:
            await asyncio.sleep(ahead - AHEAD_S)

    def _code(self, piece: bytes) -> list[bytes]:
        av = pyav()
        layout = "mono" if self.channels == 1 else "stereo"
        if self._coder is None:
            self._coder = av.CodecContext.create("libopus", "w")
            self._coder.sample_rate = OPUS_RATE
            self._coder.layout = layout
            self._coder.format = "s16"
            self._coder.bit_rate = self.bitrate_bps
            self._coder.options = {"application": "voip", "frame_duration": "20"}
        frame = av.AudioFrame(format="s16", layout=layout, samples=OPUS_FRAME)
        frame.planes[0].update(piece)
        frame.sample_rate = OPUS_RATE
        frame.pts = self._timestamp
        frame.time_base = Fraction(1, OPUS_RATE)
        return [bytes(packet) for packet in self._coder.encode(frame)]
