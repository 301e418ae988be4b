"""Sound and video between two connections of this package: coded frames, sources, key frames, directions."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import numpy as np
import pytest
from test_data_channels import negotiate, two

from roomful.rtc import (
    AudioSource,
    Event,
    InvalidStateError,
    MediaStreamTrack,
    OperationError,
    RTCPeerConnection,
    VideoSource,
)

av = pytest.importorskip("av")


def track_of(pc: RTCPeerConnection) -> asyncio.Future[MediaStreamTrack]:
    seen: asyncio.Future[MediaStreamTrack] = asyncio.get_running_loop().create_future()
    pc.once("track", seen.set_result)
    return seen


@pytest.mark.asyncio
async def test_coded_frames_go_through_whole_and_in_order() -> None:
    async with two() as (one, other), asyncio.timeout(20):
        seen = track_of(other)
        sender = one.addTransceiver("video", direction="sendonly", codecs=["VP8"]).sender
        wanted = asyncio.Event()
        sender.on("keyframe", wanted.set)
        await negotiate(one, other)
        track = await seen
        await one.connected()
        await other.connected()
        assert (track.kind, sender.codec) == ("video", "vp8")
        assert [t.currentDirection for t in (*one.getTransceivers(), *other.getTransceivers())] == [
            "sendonly",
            "recvonly",
        ]
        frames = [bytes([n > 0, n]) + bytes(4000) for n in range(50)]
        for n, frame in enumerate(frames):
            sender.send_encoded(frame, n * 3000)
            await asyncio.sleep(0.001)
        got = []
        async with contextlib.aclosing(track.encoded()) as encoded:
            async for frame in encoded:
                got.append(frame)
                if len(got) == len(frames):
                    break
        assert [frame.data for frame in got] == frames
        assert [frame.timestamp for frame in got] == [n * 3000 for n in range(50)]
        assert [frame.key for frame in got] == [True] + [False] * 49
        track.request_key_frame()
        await wanted.wait()
        with pytest.raises(OperationError):
            sender.send_encoded(bytes(5 << 20), 0)
        ended = asyncio.Event()
        track.on("ended", ended.set)
        await one.close()
        await ended.wait()
        with pytest.raises(InvalidStateError):
            sender.send_encoded(b"x", 0)


@pytest.mark.asyncio
@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_pictures_arrive_as_pictures(codec: str) -> None:
    async with two() as (one, other), asyncio.timeout(30):
        seen = track_of(other)
        source = VideoSource()
        one.addTransceiver(source, codecs=[codec])
        await negotiate(one, other)
        await one.connected()
        picture = np.zeros((120, 160, 3), np.uint8)
        picture[:, :80] = (200, 30, 30)

        async def film() -> None:
            while True:
                await source.send(picture)
                await asyncio.sleep(0.03)

        filming = asyncio.create_task(film())
        async with contextlib.aclosing((await seen).frames()) as frames:
            async for frame in frames:
                shown: Any = frame.to_ndarray(format="rgb24")
                assert shown.shape == (120, 160, 3)
                assert np.abs(shown[60, 40].astype(int) - (200, 30, 30)).max() < 40
                assert shown[60, 120].max() < 40
                break
        filming.cancel()


@pytest.mark.asyncio
async def test_sound_goes_both_ways_in_one_section() -> None:
    async with two() as (one, other), asyncio.timeout(30):
        tracks = track_of(one), track_of(other)
        sources = AudioSource(), AudioSource()
        one.addTrack(sources[0])
        other.addTrack(sources[1])
        await negotiate(one, other)
        await asyncio.gather(one.connected(), other.connected())
        assert len(one.getTransceivers()) == len(other.getTransceivers()) == 1
        tone = (np.sin(np.arange(48_000) * 2 * np.pi * 440 / 48_000) * 12_000).astype(np.int16)

        async def sing(source: AudioSource) -> None:
            for at in range(0, 48_000, 4_800):
                await source.send(tone[at : at + 4_800])

        singing = [asyncio.create_task(sing(source)) for source in sources]
        for seen in tracks:
            loud = 0
            async with contextlib.aclosing((await seen).frames()) as frames:
                async for frame in frames:
                    loud = max(loud, int(np.abs(frame.to_ndarray().astype(float)).max() * 1000))
                    if loud > 100:
                        break
        for task in singing:
            task.cancel()


@pytest.mark.asyncio
async def test_events_directions_and_arguments() -> None:
    async with two() as (one, other), asyncio.timeout(20):
        told: list[Event] = []
        other.ontrack = told.append
        needed: list[str] = []
        one.on("negotiationneeded", lambda: needed.append("x"))
        first = one.addTransceiver("audio", direction="sendonly", stream="talk")
        await negotiate(one, other)
        await one.connected()
        assert (told[0].type, told[0].track.kind, told[0].receiver.track) == ("track", "audio", told[0].track)
        assert first.mid == "0"
        first.direction = "inactive"
        await negotiate(one, other)
        assert first.currentDirection == "inactive"
        assert len(needed) == 2
        for wrong in (
            lambda: one.addTransceiver("smell"),  # type: ignore[arg-type]
            lambda: one.addTransceiver("audio", direction="up"),  # type: ignore[arg-type]
            lambda: one.addTransceiver("video", codecs=["AV9"]),
            lambda: first.sender.replaceTrack(VideoSource()),
            lambda: AudioSource(channels=5),
        ):
            with pytest.raises(ValueError, match=r"not|none"):
                wrong()
