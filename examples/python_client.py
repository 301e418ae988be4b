"""A participant made with LiveKit's own Python SDK: publishes a generated picture and a tone.

Start a server with `roomful serve --dev`, then `python examples/python_client.py [room] [address]`
(needs `pip install livekit livekit-api numpy`). Join the same room in a browser to see and hear it.
"""

import asyncio
import sys

import numpy as np
from livekit import api, rtc

WIDTH, HEIGHT, FPS = 640, 360, 15
RATE, TONE_HZ = 48_000, 440


async def draw(source: rtc.VideoSource) -> None:
    """A bar that moves over a gradient."""
    picture = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    picture[..., 1] = np.linspace(0, 200, WIDTH, dtype=np.uint8)
    picture[..., 3] = 255
    for n in range(sys.maxsize):
        frame = picture.copy()
        at = n * 8 % WIDTH
        frame[:, at : at + 40, 0] = 255
        source.capture_frame(rtc.VideoFrame(WIDTH, HEIGHT, rtc.VideoBufferType.RGBA, frame.tobytes()))
        await asyncio.sleep(1 / FPS)


async def hum(source: rtc.AudioSource) -> None:
    """A sine, 10 ms at a time; `capture_frame` sets the pace."""
    size = RATE // 100
    for n in range(sys.maxsize):
        times = (np.arange(size) + n * size) / RATE
        samples = (np.sin(2 * np.pi * TONE_HZ * times) * 6_000).astype(np.int16)
        await source.capture_frame(rtc.AudioFrame(samples.tobytes(), RATE, 1, size))


async def main(room_name: str, address: str) -> None:
    grants = api.VideoGrants(room_join=True, room=room_name)
    token = api.AccessToken("devkey", "secret").with_identity("python-client").with_name("Python").with_grants(grants)
    room = rtc.Room()
    room.on("participant_connected", lambda who: print(f"{who.name or who.identity} came"))
    room.on("participant_disconnected", lambda who: print(f"{who.name or who.identity} left"))
    await room.connect(address, token.to_jwt())
    print(f"in room {room.name}")

    video, audio = rtc.VideoSource(WIDTH, HEIGHT), rtc.AudioSource(RATE, 1)
    camera = rtc.LocalVideoTrack.create_video_track("picture", video)
    microphone = rtc.LocalAudioTrack.create_audio_track("tone", audio)
    me = room.local_participant
    await me.publish_track(camera, rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_CAMERA))
    await me.publish_track(microphone, rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE))
    await me.publish_data("hello from Python", topic="greeting")
    try:
        await asyncio.gather(draw(video), hum(audio))
    finally:
        await room.disconnect()


if __name__ == "__main__":
    arguments = [*sys.argv[1:], *("python", "ws://127.0.0.1:7880")[len(sys.argv) - 1 :]]
    try:
        asyncio.run(main(*arguments[:2]))
    except KeyboardInterrupt:
        print("bye")
