"""An unmodified client from PyPI (`livekit`, libwebrtc inside) in the same room: media, data, RPC, streams."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

import pytest
from clients import Connect, Seen, publish_picture, token
from conftest import Enter, Server
from livekit import rtc
from people import until

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio]


@pytest.mark.parametrize(
    ("codec", "simulcast"),
    [
        (rtc.VideoCodec.VP8, True),
        (rtc.VideoCodec.H264, True),
        (rtc.VideoCodec.VP9, False),
        (rtc.VideoCodec.AV1, False),
    ],
    ids=["vp8-simulcast", "h264-simulcast", "vp9-svc", "av1-svc"],
)
async def test_python_publishes_and_chromium_sees_and_back(
    enter: Enter, connect: Connect, codec: Any, simulcast: bool
) -> None:
    room = f"py-{codec}"
    ada = await enter("Ada", room)
    client = await connect("snake", room)
    seen = Seen(client)
    feeding = await publish_picture(client, codec, simulcast=simulcast)
    try:

        async def sees() -> bool:
            return await ada.sees("snake", more_than=5) and await ada.hears("snake")

        await until("Ada sees and hears the Python client", sees, 30)

        async def back() -> bool:
            return seen.video("Ada") > 5 and seen.loud.get("Ada", 0) > 200

        await until("the Python client sees and hears Ada", back, 30)
    finally:
        feeding.cancel()


async def test_two_python_clients_pass_data_rpc_and_streams(connect: Connect) -> None:
    one = await connect("one", "py-data")
    got: asyncio.Queue[tuple[str, bytes, str | None]] = asyncio.Queue()
    two = await connect("two", "py-data")

    @two.on("data_received")
    def _(packet: rtc.DataPacket) -> None:
        got.put_nowait((packet.participant.identity if packet.participant else "", packet.data, packet.topic))

    texts: asyncio.Queue[str] = asyncio.Queue()
    files: asyncio.Queue[bytes] = asyncio.Queue()

    async def read_text(reader: rtc.TextStreamReader) -> None:
        texts.put_nowait(await reader.read_all())

    async def read_bytes(reader: rtc.ByteStreamReader) -> None:
        files.put_nowait(b"".join([chunk async for chunk in reader]))

    tasks: set[asyncio.Task[None]] = set()
    two.register_text_stream_handler("poem", lambda reader, who: tasks.add(asyncio.create_task(read_text(reader))))
    two.register_byte_stream_handler("blob", lambda reader, who: tasks.add(asyncio.create_task(read_bytes(reader))))

    @two.local_participant.register_rpc_method("add")
    async def _(call: rtc.RpcInvocationData) -> str:
        return json.dumps(sum(json.loads(call.payload)))

    await one.local_participant.publish_data(b"hello", reliable=True, topic="greeting")
    assert await asyncio.wait_for(got.get(), 10) == ("one", b"hello", "greeting")
    await one.local_participant.publish_data(b"only you", reliable=True, destination_identities=["two"])
    assert (await asyncio.wait_for(got.get(), 10))[1] == b"only you"
    answer = await one.local_participant.perform_rpc(destination_identity="two", method="add", payload="[20, 22]")
    assert answer == "42"
    poem = "line after line " * 4000
    await one.local_participant.send_text(poem, topic="poem")
    assert await asyncio.wait_for(texts.get(), 20) == poem
    blob = bytes(range(256)) * 2000
    writer = await one.local_participant.stream_bytes("x.bin", topic="blob", total_size=len(blob))
    await writer.write(blob)
    await writer.aclose()
    assert await asyncio.wait_for(files.get(), 20) == blob


async def test_rights_are_enforced(connect: Connect, server: Server) -> None:
    watcher = await connect("watcher", "py-rights")
    mute = rtc.Room()
    await mute.connect(server.ws, token("mute", "py-rights", can_publish=False, can_publish_data=False))
    try:
        heard: list[bytes] = []
        watcher.on("data_received", lambda packet: heard.append(packet.data))
        with pytest.raises(Exception, match=r"(?i)permission|not allowed|unauthor|timed? ?out|publish"):
            async with asyncio.timeout(15):
                await mute.local_participant.publish_track(
                    rtc.LocalAudioTrack.create_audio_track("tone", rtc.AudioSource(48000, 1)),
                    rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE),
                )
        # Some versions refuse in the client; the server must refuse in any case.
        with suppress(Exception):
            await asyncio.wait_for(mute.local_participant.publish_data(b"psst", reliable=True), 5)
        await asyncio.sleep(1)
        assert heard == []
        assert not watcher.remote_participants["mute"].track_publications
    finally:
        await mute.disconnect()


async def test_a_second_client_of_the_same_identity_replaces_the_first(connect: Connect) -> None:
    first = await connect("same", "py-same")
    gone: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    first.on("disconnected", lambda reason: gone.done() or gone.set_result(reason))
    await connect("same", "py-same")
    assert await asyncio.wait_for(gone, 10) == rtc.DisconnectReason.DUPLICATE_IDENTITY
