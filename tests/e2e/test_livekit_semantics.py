"""What people rely on in a room, as unmodified clients see it: rights, hiding, subscription rules, timeouts, limits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from clients import Connect, Seen, publish_picture, token
from conftest import Sdk, Server, start_server, stop_server
from livekit import api, rtc
from livekit.rtc.participant import PublishDataError
from people import until
from sdk_page import SdkPerson

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.asyncio,
    # PyJWT warns of the development secret's length, which is LiveKit's choice.
    pytest.mark.filterwarnings("ignore:The HMAC key is"),
]


class Watcher:
    """A client and all that it hears."""

    def __init__(self) -> None:
        self.room = rtc.Room()
        self.seen = Seen(self.room)
        self.heard: list[tuple[str, Any]] = []
        self._on("participant_connected", lambda who: who.identity)
        self._on("data_received", lambda packet: (packet.participant and packet.participant.identity, packet.data))

    def _on(self, event: Any, what: Callable[..., Any]) -> None:
        self.room.on(event, lambda *args: self.heard.append((event, what(*args))))

    async def hears(self, event: str, what: Any) -> None:
        async def heard() -> bool:
            return (event, what) in self.heard

        await until(f"{event} {what}", heard)


async def _rights(programs: api.LiveKitAPI, room: str, identity: str, **rights: Any) -> None:
    permission = {"can_subscribe": True, "can_publish": True, "can_publish_data": True, **rights}
    await programs.room.update_participant(
        api.UpdateParticipantRequest(room=room, identity=identity, permission=api.ParticipantPermission(**permission))
    )


CAMERA, MICROPHONE = rtc.TrackSource.SOURCE_CAMERA, rtc.TrackSource.SOURCE_MICROPHONE


def _sids(room: rtc.Room) -> dict[int, str]:
    """Source → `TR_…` of what a client publishes."""
    return {one.source: one.sid for one in room.local_participant.track_publications.values()}


async def _heard(person: SdkPerson, event: str, track: str, times: int = 1) -> None:
    """The browser's package hears what the server ends; the native one learns of unpublished tracks alone."""

    async def heard() -> bool:
        return sum(track in args for args in await person.heard(event)) >= times

    await until(f"{person.name} hears {event} of {track}", heard, 30)


async def test_a_right_taken_away_ends_what_it_allowed(sdk: Sdk, connect: Connect, programs: api.LiveKitAPI) -> None:
    ada = Watcher()
    await connect("ada", "revoke", client=ada.room)
    bob = await sdk("bob", "revoke")
    feeding = await publish_picture(ada.room, rtc.VideoCodec.VP8, simulcast=True)
    try:
        sids = _sids(ada.room)
        camera, microphone = sids[CAMERA], sids[MICROPHONE]
        for track in (camera, microphone):
            await _heard(bob, "trackSubscribed", track)
        # A source.
        await _rights(programs, "revoke", "ada", can_publish_sources=[api.TrackSource.MICROPHONE])
        await _heard(bob, "trackUnpublished", camera)
        assert not any(microphone in args for args in await bob.heard("trackUnpublished"))
        # Data.
        await ada.room.local_participant.publish_data(b"before", reliable=True)
        await _heard(bob, "dataReceived", "before")
        await _rights(programs, "revoke", "ada", can_publish_data=False)
        with suppress(PublishDataError):
            await ada.room.local_participant.publish_data(b"after", reliable=True)
        # Subscribing.
        await _rights(programs, "revoke", "bob", can_subscribe=False)
        await _heard(bob, "trackUnsubscribed", microphone)
        assert not any("after" in args for args in await bob.heard("dataReceived"))
        await _rights(programs, "revoke", "bob")
        await _heard(bob, "trackSubscribed", microphone, times=2)
        # Publishing.
        await _rights(programs, "revoke", "ada", can_publish=False)
        await _heard(bob, "trackUnpublished", microphone)
    finally:
        feeding.cancel()


async def test_who_is_hidden_sees_and_is_not_seen(connect: Connect) -> None:
    ada, ghost = Watcher(), Watcher()
    await connect("ada", "hidden", client=ada.room)
    feeding = await publish_picture(ada.room, rtc.VideoCodec.VP8, simulcast=True)
    try:
        await connect("ghost", "hidden", client=ghost.room, grants={"hidden": True})

        async def sees() -> bool:
            return ghost.seen.video("ada") > 5 and ghost.seen.loud.get("ada", 0) > 200

        await until("the hidden one sees and hears", sees)
        await ghost.room.local_participant.publish_data(b"boo", reliable=True)
        await ada.hears("data_received", (None, b"boo"))
        late = Watcher()
        await connect("late", "hidden", client=late.room)
        assert list(late.room.remote_participants) == ["ada"]
        await ada.hears("participant_connected", "late")
        assert ("participant_connected", "ghost") not in ada.heard
    finally:
        feeding.cancel()


async def test_a_publisher_says_who_may_have_which_track(sdk: Sdk, connect: Connect) -> None:
    ada = await connect("ada", "rules")
    bob, eve = await sdk("bob", "rules"), await sdk("eve", "rules")
    feeding = await publish_picture(ada, rtc.VideoCodec.VP8, simulcast=True)
    try:
        sids = _sids(ada)
        for one in (bob, eve):
            for track in sids.values():
                await _heard(one, "trackSubscribed", track)
        ada.local_participant.set_track_subscription_permissions(
            allow_all_participants=False,
            participant_permissions=[
                rtc.ParticipantTrackPermission(participant_identity="bob", allow_all=True),
                rtc.ParticipantTrackPermission(participant_identity="eve", allowed_track_sids=[sids[MICROPHONE]]),
            ],
        )
        await _heard(eve, "trackUnsubscribed", sids[CAMERA])
        assert [args[0] for args in await eve.heard("trackSubscriptionPermissionChanged")] == [sids[CAMERA]]
        assert len(await eve.heard("trackUnsubscribed")) == 1
        assert await bob.heard("trackUnsubscribed") == []
        ada.local_participant.set_track_subscription_permissions(allow_all_participants=True)
        await _heard(eve, "trackSubscribed", sids[CAMERA], times=2)

        async def sees() -> bool:
            return await eve.sees("ada", more_than=5)

        await until("allowed again, it is seen again", sees)
    finally:
        feeding.cancel()


async def test_a_program_mutes_and_chooses_subscriptions(sdk: Sdk, connect: Connect, programs: api.LiveKitAPI) -> None:
    ada = Watcher()
    await connect("ada", "choose", client=ada.room)
    bob = await sdk("bob", "choose")
    feeding = await publish_picture(ada.room, rtc.VideoCodec.VP8, simulcast=True)
    try:
        camera = _sids(ada.room)[CAMERA]
        publication = ada.room.local_participant.track_publications[camera]
        await _heard(bob, "trackSubscribed", camera)
        choice = api.UpdateSubscriptionsRequest(room="choose", identity="bob", track_sids=[camera], subscribe=False)
        await programs.room.update_subscriptions(choice)
        await _heard(bob, "trackUnsubscribed", camera)
        muting = api.MuteRoomTrackRequest(room="choose", identity="ada", track_sid=camera, muted=True)
        answer = await programs.room.mute_published_track(muting)
        assert answer.track.muted

        async def muted() -> bool:
            return publication.muted

        await until("the publisher hears that it is muted", muted)
        muting.muted = False
        with pytest.raises(api.TwirpError) as refused:
            await programs.room.mute_published_track(muting)
        assert refused.value.code == "failed_precondition"
        await programs.room.update_room_metadata(api.UpdateRoomMetadataRequest(room="choose", metadata="tea"))
        await _heard(bob, "roomMetadataChanged", "tea")
        for request in (
            api.MuteRoomTrackRequest(room="choose", identity="nobody", track_sid="TR_x", muted=True),
            api.MuteRoomTrackRequest(room="nowhere", identity="ada", track_sid="TR_x", muted=True),
        ):
            with pytest.raises(api.TwirpError) as missing:
                await programs.room.mute_published_track(request)
            assert missing.value.code == "not_found"
    finally:
        feeding.cancel()


async def test_a_full_room_takes_nobody_but_helpers(server: Server, connect: Connect, programs: api.LiveKitAPI) -> None:
    await programs.room.create_room(api.CreateRoomRequest(name="full", max_participants=1))
    await connect("ada", "full")
    with pytest.raises(rtc.ConnectError, match="room is full"):
        await rtc.Room().connect(server.ws, token("bob", "full"))
    await connect("egress", "full", grants={"recorder": True, "hidden": True})


async def test_rooms_end_by_themselves(connect: Connect, programs: api.LiveKitAPI) -> None:
    async def gone() -> bool:
        return not (await programs.room.list_rooms(api.ListRoomsRequest(names=["short", "left"]))).rooms

    await programs.room.create_room(api.CreateRoomRequest(name="short", empty_timeout=1))
    await programs.room.create_room(api.CreateRoomRequest(name="left", departure_timeout=1))
    room = await connect("ada", "left")
    listed = await programs.room.list_rooms(api.ListRoomsRequest(names=["left"]))
    assert [one.departure_timeout for one in listed.rooms] == [1]
    await room.disconnect()
    await until("both rooms are gone", gone)


@pytest_asyncio.fixture
async def strict(tmp_path: Path) -> AsyncIterator[Server]:
    """A server that makes no room for who only joins."""
    config = tmp_path / "livekit.yaml"
    config.write_text("room:\n  auto_create: false\n")
    running = start_server(tmp_path, "--config", str(config))
    yield running
    await asyncio.to_thread(stop_server, running.process)


async def test_without_auto_create_a_room_is_made_first(strict: Server) -> None:
    client = rtc.Room()
    with pytest.raises(rtc.ConnectError):
        await client.connect(strict.ws, token("ada", "made"))
    programs = api.LiveKitAPI(strict.http, "devkey", "secret")
    try:
        await programs.room.create_room(api.CreateRoomRequest(name="made"))
        await client.connect(strict.ws, token("ada", "made"))
        assert client.name == "made"
    finally:
        await client.disconnect()
        await programs.aclose()  # type: ignore[no-untyped-call]
