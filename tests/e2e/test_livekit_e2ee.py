"""End-to-end encryption between unmodified clients: media and data pass, and only those who know the key understand them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from clients import Connect, Seen, publish_picture
from conftest import Sdk
from livekit import rtc
from people import until

# No AV1: LiveKit's clients do not encrypt it (the browser's worker says so, libwebrtc's own sends what cannot be read).
pytestmark = [pytest.mark.e2e, pytest.mark.asyncio]
KEY = "a key for all of us"


def _options(key: str = KEY) -> rtc.E2EEOptions:
    return rtc.E2EEOptions(key_provider_options=rtc.KeyProviderOptions(shared_key=key.encode()))


@pytest.mark.parametrize(
    "codec",
    [rtc.VideoCodec.VP8, rtc.VideoCodec.H264, rtc.VideoCodec.VP9],
    ids=["vp8", "h264", "vp9"],
)
async def test_encrypted_media_and_data_of_python_clients(connect: Connect, codec: Any) -> None:
    room = f"e2ee-{codec}"
    seen: list[Seen] = []
    data: list[asyncio.Queue[bytes]] = []
    clients: list[rtc.Room] = []
    for name, key in (("insider", KEY), ("outsider", "another key")):
        client = rtc.Room()
        seen.append(Seen(client))
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        data.append(queue)
        client.on("data_received", lambda packet, queue=queue: queue.put_nowait(packet.data))
        clients.append(await connect(name, room, client=client, encryption=_options(key)))
    sender = await connect("sender", room, encryption=_options())
    feeding = await publish_picture(sender, codec, simulcast=codec in (rtc.VideoCodec.VP8, rtc.VideoCodec.H264))
    try:

        async def sees() -> bool:
            return seen[0].video("sender") > 5 and seen[0].loud.get("sender", 0) > 200

        await until("who has the key sees and hears", sees, 30)
        await sender.local_participant.publish_data(b"secret", reliable=True)
        assert await asyncio.wait_for(data[0].get(), 10) == b"secret"
        publication = next(iter(clients[0].remote_participants["sender"].track_publications.values()))
        assert publication.encryption_type == rtc.EncryptionType.GCM
        # Frames that the outsider cannot decrypt are frames that it does not get.
        assert seen[1].video("sender") == 0
        assert data[1].empty()
    finally:
        feeding.cancel()


async def test_encryption_between_the_browser_and_python(sdk: Sdk, connect: Connect) -> None:
    ada = await sdk("Ada", "e2ee-both", key=KEY)
    client = rtc.Room()
    seen = Seen(client)
    data: asyncio.Queue[bytes] = asyncio.Queue()
    client.on("data_received", lambda packet: data.put_nowait(packet.data))
    await connect("snake", "e2ee-both", client=client, encryption=_options())
    feeding = await publish_picture(client, rtc.VideoCodec.VP8, simulcast=True)
    try:
        await ada.run("await room.localParticipant.setCameraEnabled(true); "
                      "await room.localParticipant.setMicrophoneEnabled(true)")  # fmt: skip

        async def there() -> bool:
            return await ada.sees("snake", more_than=5) and await ada.hears("snake")

        await until("the browser sees and hears the Python client", there, 30)

        async def back() -> bool:
            return seen.video("Ada") > 5 and seen.loud.get("Ada", 0) > 200

        await until("the Python client sees and hears the browser", back, 30)
        await ada.run("await room.localParticipant.publishData(new TextEncoder().encode('from Ada'), {reliable: true})")
        assert await asyncio.wait_for(data.get(), 10) == b"from Ada"
        await client.local_participant.publish_data(b"from snake", reliable=True)

        async def told() -> bool:
            return any("from snake" in args for args in await ada.heard("dataReceived"))

        await until("the browser reads encrypted data", told)
        assert await ada.heard("encryptionError") == []
    finally:
        feeding.cancel()
