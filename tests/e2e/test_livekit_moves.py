"""Unmodified clients that are moved to another room, or shown in one: the same connection, other people."""

from __future__ import annotations

import asyncio

import pytest
from clients import Connect, Seen, publish_picture
from conftest import Enter
from livekit import api, rtc
from people import until

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.asyncio,
    # PyJWT warns of the development secret's length, which is LiveKit's choice.
    pytest.mark.filterwarnings("ignore:The HMAC key is"),
]


async def _move(programs: api.LiveKitAPI, room: str, name: str, destination: str) -> None:
    people = (await programs.room.list_participants(api.ListParticipantsRequest(room=room))).participants
    identity = next(one.identity for one in people if one.name == name)
    await programs.room.move_participant(
        api.MoveParticipantRequest(room=room, identity=identity, destination_room=destination)
    )


async def test_a_browser_and_a_program_are_moved_and_go_on(
    enter: Enter, connect: Connect, programs: api.LiveKitAPI
) -> None:
    ada = await enter("Ada", "main")
    bob, cat = await connect("bob", "main"), await connect("cat", "side")
    seen = {room.local_participant.identity: Seen(room) for room in (bob, cat)}
    happened: list[tuple[str, str]] = []
    for room in (bob, cat):
        me = room.local_participant.identity
        room.on("participant_disconnected", lambda who, me=me: happened.append((me, f"{who.name} left")))
        for event in ("moved", "reconnecting", "disconnected"):
            room.on(event, lambda *_, me=me, event=event: happened.append((me, event)))
    feeding = [await publish_picture(room, rtc.VideoCodec.VP8, 320, 180, simulcast=False) for room in (bob, cat)]
    try:
        await until("Ada sees bob", lambda: ada.sees("bob", more_than=5), 30)
        await ada.page.evaluate("window.told = []; window.__roomful.room.on('reconnecting', () => told.push('again'))")

        await _move(programs, "main", "Ada", "side")
        await until("Ada sees and hears cat", lambda: _both(ada.sees("cat", more_than=5), ada.hears("cat")), 30)

        async def cat_sees() -> bool:
            return seen["cat"].video("Ada") > 5 and seen["cat"].loud.get("Ada", 0) > 200

        await until("cat sees and hears Ada", cat_sees, 30)

        async def she_left() -> bool:
            return ("bob", "Ada left") in happened and not bob.remote_participants

        await until("bob hears that Ada left", she_left)
        assert await ada.page.evaluate(
            "[window.__roomful.room.name, window.__roomful.room.remoteParticipants.size, told]"
        ) == ["side", 1, []]

        await _move(programs, "main", "bob", "side")

        async def bob_sees() -> bool:
            return seen["bob"].video("Ada") > 5 and seen["bob"].video("cat") > 5

        await until("bob sees Ada and cat", bob_sees, 30)
        await until("Ada sees bob again", lambda: ada.sees("bob", more_than=5), 30)
        assert ("bob", "moved") in happened
        assert bob.name == "side"
        assert not [one for one in happened if one[1] in ("reconnecting", "disconnected")]
    finally:
        for task in feeding:
            task.cancel()


async def test_a_program_is_shown_in_another_room(connect: Connect, programs: api.LiveKitAPI) -> None:
    speaker, listener = await connect("speaker", "stage"), await connect("listener", "overflow")
    seen = Seen(listener)
    feeding = await publish_picture(speaker, rtc.VideoCodec.VP8, 320, 180, simulcast=False)
    try:
        request = api.ForwardParticipantRequest(room="stage", identity="speaker", destination_room="overflow")
        await programs.room.forward_participant(request)

        async def sees() -> bool:
            return seen.video("speaker") > 5 and seen.loud.get("speaker", 0) > 200

        await until("the listener sees and hears the speaker", sees, 30)
        assert not speaker.remote_participants
        shown = (await programs.room.list_participants(api.ListParticipantsRequest(room="overflow"))).participants
        assert {one.identity: list(one.kind_details) for one in shown} == {
            "listener": [],
            "speaker": [api.ParticipantInfo.KindDetail.FORWARDED],
        }
        with pytest.raises(api.TwirpError) as refused:
            await programs.room.update_participant(
                api.UpdateParticipantRequest(room="overflow", identity="speaker", name="other")
            )
        assert refused.value.code == "permission_denied"
        await programs.room.remove_participant(api.RoomParticipantIdentity(room="overflow", identity="speaker"))

        async def gone() -> bool:
            return not listener.remote_participants

        await until("the listener hears that it is gone", gone)
        assert speaker.connection_state == rtc.ConnectionState.CONN_CONNECTED
    finally:
        feeding.cancel()


async def _both(one: object, other: object) -> bool:
    first, second = await asyncio.gather(one, other)  # type: ignore[call-overload]
    return bool(first and second)
