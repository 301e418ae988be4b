"""Data tracks between unmodified clients from PyPI (`livekit`) and npm: published, subscribed, pushed, encrypted, unpublished."""

from __future__ import annotations

import asyncio

import pytest
from clients import Connect
from livekit import rtc
from livekit.rtc.participant import PublishDataTrackError

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio]


class Heard:
    """Data tracks a client hears of."""

    def __init__(self, room: rtc.Room) -> None:
        self.published: asyncio.Queue[rtc.RemoteDataTrack] = asyncio.Queue()
        self.unpublished: asyncio.Queue[str] = asyncio.Queue()
        room.on("data_track_published", self.published.put_nowait)
        room.on("data_track_unpublished", self.unpublished.put_nowait)


async def _push(track: rtc.LocalDataTrack, payload: bytes) -> None:
    """Again and again, because a data track loses frames, those before the subscription first of all."""
    for n in range(400):
        track.try_push(rtc.DataTrackFrame(payload=payload, user_timestamp=n))
        await asyncio.sleep(0.05)


async def _passes(mine: rtc.LocalDataTrack, theirs: rtc.RemoteDataTrack, payload: bytes) -> None:
    stream = theirs.subscribe()
    pushing = asyncio.create_task(_push(mine, payload))
    try:
        frame = await asyncio.wait_for(stream.read(), 15)
    finally:
        pushing.cancel()
    assert frame is not None
    assert frame.payload == payload
    assert frame.user_timestamp is not None
    await stream.aclose()


async def test_frames_reach_those_who_subscribe(connect: Connect) -> None:
    arm = await connect("arm", "dt")
    eye = rtc.Room()
    heard = Heard(eye)
    await connect("eye", "dt", client=eye)
    small = await arm.local_participant.publish_data_track(name="joints")
    big = await arm.local_participant.publish_data_track(name="cloud")
    both = [await asyncio.wait_for(heard.published.get(), 10) for _ in range(2)]
    tracks = {one.info.name: one for one in both}
    assert {one.publisher_identity for one in both} == {"arm"}
    assert tracks["joints"].info.sid == small.info.sid
    await _passes(small, tracks["joints"], b"\x01\x02\x03")
    # Larger than one packet: put together again by the client.
    await _passes(big, tracks["cloud"], bytes(range(256)) * 200)
    late = rtc.Room()
    later = Heard(late)
    await connect("late", "dt", client=late)
    found = [await asyncio.wait_for(later.published.get(), 10) for _ in range(2)]
    await _passes(small, next(one for one in found if one.info.name == "joints"), b"late")
    await small.unpublish()
    assert await asyncio.wait_for(heard.unpublished.get(), 10) == small.info.sid


async def test_a_name_is_taken_once(connect: Connect) -> None:
    arm = await connect("arm", "dt-name")
    first = await arm.local_participant.publish_data_track(name="joints")
    with pytest.raises(PublishDataTrackError):
        await arm.local_participant.publish_data_track(name="joints")
    assert first.is_published()


async def test_without_the_right_nothing_is_published(connect: Connect) -> None:
    mute = await connect("mute", "dt-mute", grants={"can_publish_data": False})
    with pytest.raises(PublishDataTrackError):
        await mute.local_participant.publish_data_track(name="joints")


async def test_encrypted_frames_pass_untouched(connect: Connect) -> None:
    options = rtc.E2EEOptions(key_provider_options=rtc.KeyProviderOptions(shared_key=b"a key for both"))
    arm = await connect("arm", "dt-e2ee", encryption=options)
    eye = rtc.Room()
    heard = Heard(eye)
    await connect("eye", "dt-e2ee", client=eye, encryption=options)
    mine = await arm.local_participant.publish_data_track(name="joints")
    theirs = await asyncio.wait_for(heard.published.get(), 10)
    assert theirs.info.uses_e2ee
    await _passes(mine, theirs, b"secret")
