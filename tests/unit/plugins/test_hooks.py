"""A user's hooks are asked in order, in time, and cannot harm the server."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

import pytest

from roomful.core.commands import Join
from roomful.core.effects import ParticipantLeft, RoomFinished, RoomStarted, TrackPublished
from roomful.core.errors import Denied
from roomful.core.participant import Participant
from roomful.core.permission import Permission
from roomful.core.room_info import RoomInfo
from roomful.core.track import Track
from roomful.plugins.hooks import JoinRequest, UserHooks
from roomful.ports import DataMessage, DataPassed

ROOM = RoomInfo("RM_1", "room")
ANN = Participant("PA_1", "ann", "", "active", "", {}, Permission(), 0)
TRACK = Track("TR_1", "audio", "", "microphone", False, 0, 0, (), (), "", "", False, False, False, 0, "", 0, (), ())
JOIN = Join("PA_1", "ann", name="Ann")


def hooks(deadline_s: float = 5.0) -> UserHooks:
    return UserHooks(deadline_s, lambda packet: DataMessage(packet, "topic", True) if packet else None)


def admit(made: UserHooks, join: Join = JOIN) -> Join:
    return asyncio.run(made.admit("room", join))


def test_nobody_to_ask_admits() -> None:
    assert admit(hooks()) == JOIN


def test_sync_and_async_hooks_change_one_request_in_turn() -> None:
    made = hooks()
    made.on_join.append(lambda request: request.change(name=request.name + "!"))

    async def second(request: JoinRequest) -> JoinRequest:
        await asyncio.sleep(0)
        return request.change(
            metadata=f"{request.room}/{request.name}", permission=replace(request.permission, can_publish=False)
        )

    made.on_join.append(second)
    made.on_join.append(lambda request: None)
    made.on_join.append(lambda request: True)
    admitted = admit(made)
    assert (admitted.name, admitted.metadata) == ("Ann!", "room/Ann!")
    assert not admitted.permission.can_publish
    assert admitted.identity == "ann"


def test_refusing() -> None:
    made = hooks()
    made.on_join.append(lambda request: False)
    with pytest.raises(Denied):
        admit(made)
    made = hooks()

    def strict(request: JoinRequest) -> None:
        raise request.refuse("the class is full")

    made.on_join.append(strict)
    with pytest.raises(Denied, match="the class is full"):
        admit(made)


def test_a_failing_or_late_on_join_denies(caplog: pytest.LogCaptureFixture) -> None:
    made = hooks()
    made.on_join.append(lambda request: 1 // 0)  # type: ignore[arg-type, return-value]
    with pytest.raises(Denied):
        admit(made)
    assert "on_join failed" in caplog.text
    made = hooks(deadline_s=0.01)

    async def late(request: JoinRequest) -> None:
        await asyncio.sleep(60)

    made.on_join.append(late)
    with pytest.raises(Denied):
        admit(made)
    assert "took longer" in caplog.text


def test_the_rest_is_told_in_order_and_survives_errors(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[str] = []

    async def run() -> None:
        made = hooks()

        async def slow(room: RoomInfo) -> None:
            await asyncio.sleep(0.01)
            heard.append("started")

        def broken(room: RoomInfo, who: Participant, track: Track) -> None:
            raise RuntimeError("a bug of the user's")

        made.on_room_started.append(slow)
        made.on_publish.append(broken)
        made.on_publish.append(lambda room, who, track: heard.append(f"{who.identity} {track.source}"))
        made.on_data.append(lambda room, who, message: heard.append(f"{room} {who.identity} {message.payload!r}"))
        made.on_leave.append(lambda room, who: heard.append("left"))
        made.on_room_ended.append(lambda room: heard.append("ended"))
        assert made.wants_data
        made.told(RoomStarted(ROOM))
        made.told(TrackPublished(ROOM, ANN, TRACK))
        made.data(ROOM, ANN, DataPassed("PA_1", "reliable", b"hi"))
        made.data(ROOM, ANN, DataPassed("PA_1", "reliable", b""))
        made.told(ParticipantLeft(ROOM, ANN))
        made.told(RoomFinished(ROOM))
        await made.close()

    with caplog.at_level(logging.ERROR):
        asyncio.run(run())
    assert heard == ["started", "ann microphone", "room ann b'hi'", "left", "ended"]
    assert "on_publish failed" in caplog.text


def test_a_flood_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[bytes] = []

    async def run() -> None:
        made = hooks()
        made.on_data.append(lambda room, who, message: heard.append(message.payload))
        for n in range(3_000):
            made.data(ROOM, ANN, DataPassed("PA_1", "lossy", b"%d" % n))
        await made.close()

    asyncio.run(run())
    assert 900 <= len(heard) <= 1_001
    assert "falls behind" in caplog.text
