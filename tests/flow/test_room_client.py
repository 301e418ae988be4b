"""A participant in Python on `roomful.rtc`, in a real server's room: pictures, sound and data between two of them."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import numpy as np
import pytest
from livekit import api

import roomful
from roomful import Roomful
from roomful.app.parts import for_tests
from roomful.client.room import DataReceived, RoomError
from roomful.rtc import AudioSource, VideoSource

pytestmark = [
    pytest.mark.asyncio,
    # PyJWT warns of the development secret's length, which is LiveKit's choice.
    pytest.mark.filterwarnings("ignore:The HMAC key is"),
]


def token(identity: str) -> str:
    grants = api.VideoGrants(room_join=True, room="tea")
    return api.AccessToken("devkey", "secret").with_identity(identity).with_grants(grants).to_jwt()


async def test_two_programs_see_and_hear_each_other(tmp_path: Path) -> None:
    server = Roomful(for_tests(tmp_path))
    await server.start()
    url = f"ws://127.0.0.1:{server.port}"
    try:
        async with asyncio.timeout(40), await roomful.connect(url, token("ada")) as ada:
            source, sound = VideoSource(), AudioSource()
            await ada.publish(source, name="film")
            await ada.publish(sound)

            async def play() -> None:
                picture = np.full((120, 160, 3), (200, 30, 30), np.uint8)
                while True:
                    await source.send(picture)
                    await sound.send(np.full(1920, 4000, np.int16))

            playing = asyncio.create_task(play())
            async with await roomful.connect(url, token("bob")) as bob:
                kinds: set[str] = set()
                tracks = bob.tracks()
                async for track in tracks:
                    assert track.participant.identity == "ada"
                    async with contextlib.aclosing(track.frames()) as frames:
                        async for frame in frames:
                            if track.kind == "video":
                                assert track.name == "film"
                                red, green, _ = frame.to_ndarray(format="rgb24")[60, 80]
                                assert red > 150
                                assert green < 80
                            break
                    kinds.add(track.kind)
                    if kinds == {"audio", "video"}:
                        break
                heard: asyncio.Queue[DataReceived] = asyncio.Queue()
                ada.on("data", heard.put_nowait)
                await bob.send_data(b"hello", topic="greeting")
                assert await heard.get() == DataReceived(b"hello", "greeting", "bob")
                assert set(ada.participants) == {"bob"}
            playing.cancel()
    finally:
        await server.stop()


async def test_who_has_no_right_hears_so(tmp_path: Path) -> None:
    server = Roomful(for_tests(tmp_path))
    await server.start()
    try:
        with pytest.raises(RoomError, match="cannot be joined"):
            await roomful.connect(f"ws://127.0.0.1:{server.port}", "nonsense")
    finally:
        await server.stop()
    with pytest.raises(RoomError):
        await roomful.connect("ws://127.0.0.1:1", "nonsense")
