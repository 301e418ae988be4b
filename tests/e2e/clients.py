"""Clients made with the unmodified PyPI `livekit` package: their tokens, what they send, what they receive.

Used by the end-to-end tests; the fixture that connects them is in `conftest`.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
from livekit import api, rtc

Connect = Callable[..., Awaitable[rtc.Room]]


def token(identity: str, room: str, **grants: Any) -> str:
    made = (
        api.AccessToken("devkey", "secret")
        .with_identity(identity)
        .with_name(identity)
        .with_grants(api.VideoGrants(room_join=True, room=room, **grants))
    )
    with warnings.catch_warnings():
        # The dev secret is short on purpose, as LiveKit's is; its library warns of that.
        warnings.simplefilter("ignore")
        return made.to_jwt()


async def publish_picture(
    room: rtc.Room, codec: Any, width: int = 640, height: int = 360, **options: Any
) -> asyncio.Task[None]:
    """Publishes a moving picture and a tone; the task feeds them until it is cancelled."""
    video = rtc.VideoSource(width, height)
    audio = rtc.AudioSource(48000, 1)
    await room.local_participant.publish_track(
        rtc.LocalVideoTrack.create_video_track("picture", video),
        rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_CAMERA, video_codec=codec, **options),
    )
    await room.local_participant.publish_track(
        rtc.LocalAudioTrack.create_audio_track("tone", audio),
        rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE),
    )

    async def pictures() -> None:
        n = 0
        while True:
            picture = np.full((height, width, 4), 255, dtype=np.uint8)
            picture[:, :, 0] = (np.arange(width) + 4 * n) % 256
            picture[:, :, 1] = n % 256
            video.capture_frame(rtc.VideoFrame(width, height, rtc.VideoBufferType.RGBA, picture.tobytes()))
            n += 1
            await asyncio.sleep(1 / 20)

    async def tone() -> None:
        n = 0
        while True:
            t = (np.arange(480) + n) / 48000
            samples = (np.sin(2 * np.pi * 440 * t) * 12000).astype(np.int16)
            await audio.capture_frame(rtc.AudioFrame(samples.tobytes(), 48000, 1, 480))
            n += 480

    async def both() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(pictures())
            group.create_task(tone())

    return asyncio.create_task(both())


class Seen:
    """Counts the frames that a client decoded, for each publisher and kind."""

    def __init__(self, room: rtc.Room) -> None:
        self.frames: dict[tuple[str, int], int] = {}
        self.loud: dict[str, int] = {}
        self._tasks: list[asyncio.Task[None]] = []

        @room.on("track_subscribed")
        def _(track: rtc.Track, publication: rtc.RemoteTrackPublication, who: rtc.RemoteParticipant) -> None:
            self._tasks.append(asyncio.create_task(self._watch(track, who.name or who.identity)))

    async def _watch(self, track: rtc.Track, who: str) -> None:
        if track.kind == rtc.TrackKind.KIND_VIDEO:
            async for _ in rtc.VideoStream(track):
                self.frames[who, track.kind] = self.frames.get((who, track.kind), 0) + 1
        else:
            async for event in rtc.AudioStream(track):
                samples = np.frombuffer(event.frame.data, dtype=np.int16)
                self.loud[who] = max(self.loud.get(who, 0), int(np.abs(samples).max(initial=0)))

    def video(self, who: str) -> int:
        return self.frames.get((who, rtc.TrackKind.KIND_VIDEO), 0)
