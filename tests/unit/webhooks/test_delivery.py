"""Messages arrive in order, again when need be, and are what LiveKit's receivers take."""

from __future__ import annotations

import asyncio
import json
import logging

import httpx
import pytest
from livekit.api import TokenVerifier, WebhookReceiver

from roomful.core.effects import (
    Happening,
    ParticipantAborted,
    ParticipantJoined,
    ParticipantLeft,
    RoomFinished,
    RoomStarted,
    TrackPublished,
    TrackUnpublished,
)
from roomful.core.errors import ConfigError
from roomful.core.participant import Participant
from roomful.core.permission import Permission
from roomful.core.room_info import RoomInfo
from roomful.core.track import Track
from roomful.edge.livekit import webhooks
from roomful.edge.livekit.tokens import Tokens
from roomful.service.clock import WallClock
from roomful.webhooks import delivery as delivery_module
from roomful.webhooks.delivery import Delivery
from roomful.webhooks.message import LONGEST_WAIT_S, Message, check_url, try_again, wait_s

URL = "https://receiver.example/hook?secret=1"


class Receiver(httpx.AsyncBaseTransport):
    """Answers with the statuses given, then 200."""

    def __init__(self, *answers: int | Exception) -> None:
        self.answers = list(answers)
        self.got: list[httpx.Request] = []
        self.busy = 0
        self.most = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.busy += 1
        self.most = max(self.most, self.busy)
        await asyncio.sleep(0)
        self.busy -= 1
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, Exception):
            raise answer
        self.got.append(request)
        return httpx.Response(answer)


def a_delivery(receiver: Receiver, *urls: str) -> Delivery:
    return Delivery(urls or (URL,), lambda body: f"signed {len(body)}", user_agent="roomful/test", transport=receiver)


def message(number: int, room: str = "RM_1") -> Message:
    return Message(room, f"event {number}", str(number).encode(), "application/x")


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery_module, "wait_s", lambda attempt, chance: 0.001)


@pytest.mark.asyncio
async def test_messages_of_a_room_arrive_in_order_and_again_until_they_are_taken() -> None:
    receiver = Receiver(500, httpx.ConnectError("no"), 429, 200, 503)
    delivery = a_delivery(receiver)
    for number in range(3):
        delivery.put(message(number))
    await delivery.stop()
    assert [one.content for one in receiver.got] == [b"0", b"0", b"0", b"1", b"1", b"2"]
    assert delivery.waiting == 0
    first = receiver.got[0].headers
    assert (first["authorization"], first["content-type"], first["user-agent"]) == (
        "signed 1", "application/x", "roomful/test",
    )  # fmt: skip


@pytest.mark.asyncio
async def test_what_is_refused_for_good_does_not_stop_the_rest(caplog: pytest.LogCaptureFixture) -> None:
    receiver = Receiver(400)
    delivery = a_delivery(receiver)
    delivery.put(message(0))
    delivery.put(message(1))
    with caplog.at_level(logging.ERROR):
        await delivery.stop()
    assert [one.content for one in receiver.got] == [b"0", b"1"]
    assert "refused for good" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.asyncio
async def test_rooms_do_not_wait_for_each_other_but_are_bounded() -> None:
    receiver = Receiver()
    delivery = a_delivery(receiver)
    for number in range(100):
        delivery.put(message(number, f"RM_{number}"))
    await delivery.stop()
    assert len(receiver.got) == 100
    assert 1 < receiver.most <= delivery_module.MAX_AT_ONCE


@pytest.mark.asyncio
async def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(delivery_module, "MAX_WAITING", 2)
    delivery = a_delivery(Receiver())
    with caplog.at_level(logging.ERROR):
        for number in range(3):
            delivery.put(message(number))
    assert delivery.waiting == 2
    assert "event 2 is not sent" in caplog.text
    await delivery.stop()


@pytest.mark.asyncio
async def test_an_end_does_not_wait_for_ever(caplog: pytest.LogCaptureFixture) -> None:
    delivery = a_delivery(Receiver(*[500] * 100_000))
    delivery.put(message(0))
    with caplog.at_level(logging.ERROR):
        await delivery.stop(within_s=0.05)
    assert "1 webhook messages did not arrive" in caplog.text


def test_pauses_grow_and_end() -> None:
    assert wait_s(1, 0.0) < wait_s(1, 1.0) < wait_s(3, 1.0)
    assert wait_s(1_000, 1.0) == LONGEST_WAIT_S
    assert [try_again(status) for status in (400, 404, 408, 429, 500, 503)] == [False, False, True, True, True, True]


@pytest.mark.parametrize("url", ["", "receiver", "ftp://x/", "http://", "https://[", "http://x:0/"])
def test_urls_that_cannot_be(url: str) -> None:
    with pytest.raises(ConfigError):
        check_url(url)


def happenings() -> list[tuple[str, Happening]]:
    room = RoomInfo("RM_1", "tea", created_at_ms=5_000)
    ada = Participant("PA_1", "ada", "Ada", "active", "", {}, Permission(), 6_000)
    track = Track(
        sid="TR_1", kind="audio", name="mic", source="microphone", muted=False, width=0, height=0, codecs=(),
        layers=(), mime="audio/opus", mid="0", stereo=False, disable_dtx=False, disable_red=False, encryption=0,
        stream="", backup_policy=0, features=(), trailer_features=(),
    )  # fmt: skip
    return [
        ("room_started", RoomStarted(room)),
        ("participant_joined", ParticipantJoined(room, ada)),
        ("track_published", TrackPublished(room, ada, track)),
        ("track_unpublished", TrackUnpublished(room, ada, track)),
        ("participant_left", ParticipantLeft(room, ada)),
        ("participant_connection_aborted", ParticipantAborted(room, ada)),
        ("room_finished", RoomFinished(room)),
    ]


def test_livekits_own_receiver_takes_every_event() -> None:
    secret = "a secret of thirty-two characters"
    tokens = Tokens({"key": secret}, WallClock())
    receiver = WebhookReceiver(TokenVerifier("key", secret))
    for name, happening in happenings():
        told_of = webhooks.message(happening, "EV_1", 7_000)
        assert told_of is not None
        event, body = told_of
        assert event == name
        told = receiver.receive(body.decode(), webhooks.authorization(body, tokens.sign))
        assert (told.event, told.id, told.created_at, told.room.name) == (name, "EV_1", 7, "tea")
        if not name.startswith("room"):
            assert told.participant.identity == "ada"
        if name.startswith("track"):
            assert told.track.sid == "TR_1"
        with pytest.raises(Exception, match="hash"):
            receiver.receive(json.dumps({"event": "forged"}), webhooks.authorization(body, tokens.sign))
