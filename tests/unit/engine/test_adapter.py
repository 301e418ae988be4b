"""Orders reach the engine in its words, reports find their room, questions are answered, refused, timed or failed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import pytest
from service_fakes import Ids

from roomful.core.commands import Bind, Demand, FirstPacket, MediaQuality, Speaking, Unpublish
from roomful.core.effects import (
    AddMember,
    AnnounceDataTrack,
    AnnounceTrack,
    ChangeView,
    EndDataTrack,
    EndTrack,
    HideTrack,
    MediaOrder,
    MoveMember,
    MuteTrack,
    Receive,
    ReceiveData,
    RemoveMember,
    SetRights,
    ShowTrack,
    StopReceiving,
    StopReceivingData,
)
from roomful.core.errors import Invalid, NotFound, Unavailable
from roomful.core.track import AddTrack, Layer, Track, TrackCodec, View
from roomful.engine.adapter import NativeMedia
from roomful.ports import DataPassed, EngineDied, MediaOffer, MediaReport, SectionsWanted, TransportChanged

Event = tuple[str, Mapping[str, Any]]


class Native:
    """Plays the Rust engine; `tell` wakes the loop as its eventfd does, unless it has none."""

    def __init__(self, *, descriptor: bool = True) -> None:
        self.sent: list[tuple[str, Mapping[str, Any]]] = []
        self.events: list[Event] = []
        self.replies: dict[str, Callable[[Mapping[str, Any]], Event]] = {}
        self.broken = False
        self.busy = False
        self.closed = False
        self._read, self._write = os.pipe() if descriptor else (-1, -1)

    def fileno(self) -> int:
        return self._read

    def send(self, command: str, fields: Mapping[str, Any]) -> None:
        if self.broken:
            raise RuntimeError("a thread panicked")
        if self.busy:
            error = RuntimeError("65536 orders behind")
            error.code = "overloaded"  # pyright: ignore[reportAttributeAccessIssue]
            raise error
        self.sent.append((command, fields))
        if reply := self.replies.get(command):
            self.tell(reply(fields))

    def together(self, rooms: Sequence[str]) -> bool:
        return "RM_far" not in rooms

    def drain(self) -> list[Event]:
        if self.broken:
            raise RuntimeError("a thread panicked")
        if self._read >= 0:
            os.read(self._read, 1_024)
        events, self.events = self.events, []
        return events

    def tell(self, *events: Event) -> None:
        self.events += events
        if self._write >= 0:
            os.write(self._write, b"x")

    def close(self) -> None:
        self.closed = True
        if self._read >= 0:
            os.close(self._read)
            os.close(self._write)


def run(
    body: Callable[[Native, NativeMedia, list[MediaReport]], Awaitable[None]], *, descriptor: bool = True
) -> Native:
    native = Native(descriptor=descriptor)

    async def main() -> None:
        media = NativeMedia(native, Ids(), timeout_s=0.2)
        media.start()
        heard: list[MediaReport] = []
        media.open_room("RM_1", heard.append)
        media.order("RM_1", AddMember("PA_1", "ann", True, False))
        media.open_transport("RM_1", "PA_1", "TP_1", "single", tcp_only=False)
        await body(native, media, heard)
        await media.close()
        assert native.closed

    asyncio.run(asyncio.wait_for(main(), 10))
    return native


def track(**fields: Any) -> Track:
    plain: dict[str, Any] = {
        "sid": "TR_1", "kind": "video", "name": "", "source": "camera", "muted": False, "width": 0, "height": 0,
        "codecs": (), "layers": (), "mime": "", "mid": "", "stereo": False, "disable_dtx": False, "disable_red": True,
        "encryption": 0, "stream": "", "backup_policy": 0, "features": (), "trailer_features": (),
    }  # fmt: skip
    return Track(**{**plain, **fields})


ORDERS: list[tuple[MediaOrder, str, dict[str, Any]]] = [
    (
        SetRights("PA_1", False, True, hidden=True),
        "set_rights",
        {"participant": "PA_1", "subscribe": False, "publish_data": True, "hidden": True, "agent": False},
    ),
    (MuteTrack("TR_1", True), "mute", {"track": "TR_1", "muted": True}),
    (EndTrack("TR_1"), "unpublish", {"track": "TR_1"}),
    (StopReceiving("PA_1", "TR_1"), "unsubscribe", {"participant": "PA_1", "track": "TR_1"}),
    (AnnounceDataTrack("PA_1", "DTR_1", 7), "publish_data_track", {"participant": "PA_1", "track": "DTR_1", "handle": 7}),
    (EndDataTrack("DTR_1"), "unpublish_data_track", {"track": "DTR_1"}),
    (ReceiveData("PA_1", "DTR_1", 3), "subscribe_data_track", {"participant": "PA_1", "track": "DTR_1", "handle": 3}),
    (StopReceivingData("PA_1", "DTR_1"), "unsubscribe_data_track", {"participant": "PA_1", "track": "DTR_1"}),
    (RemoveMember("PA_1"), "remove_participant", {"participant": "PA_1"}),
]  # fmt: skip


@pytest.mark.parametrize(("order", "command", "fields"), ORDERS)
def test_orders(order: MediaOrder, command: str, fields: dict[str, Any]) -> None:
    async def body(native: Native, media: NativeMedia, heard: list[MediaReport]) -> None:
        media.order("RM_1", order)
        assert native.sent[-1] == (command, fields)

    run(body)


def test_views() -> None:
    async def body(native: Native, media: NativeMedia, heard: list[MediaReport]) -> None:
        view = View(paused=True, quality=1, width=320, height=180, fps=15, priority=2)
        settings = {"paused": True, "quality": 1, "width": 320, "height": 180, "fps": 15, "priority": 2}
        for order, command in (
            (Receive("PA_1", "TR_1", view), "subscribe"),
            (ChangeView("PA_1", "TR_1", view), "view"),
        ):
            media.order("RM_1", order)
            assert native.sent[-1] == (command, {"participant": "PA_1", "track": "TR_1", "settings": settings})

    run(body)


@pytest.mark.parametrize(
    ("codecs", "told"),
    [
        ((TrackCodec("", "c"),), [("", "c", False)]),
        # A backup that comes later is announced along, and keeps its place once it has come.
        ((TrackCodec("vp9", "c"), TrackCodec("vp8", "")), [("vp9", "c", True), ("vp8", "", False)]),
        ((TrackCodec("vp9", "c"), TrackCodec("vp8", "d")), [("vp9", "c", True), ("vp8", "d", False)]),
        ((TrackCodec("av1", "c", layer_mode=1),), [("av1", "c", False)]),
        ((TrackCodec("h264", "c", layer_mode=2),), [("h264", "c", True)]),
    ],
)
def test_announcing_a_track(codecs: tuple[TrackCodec, ...], told: list[tuple[str, str, bool]]) -> None:
    async def body(native: Native, media: NativeMedia, heard: list[MediaReport]) -> None:
        published = track(source="screen_share", encryption=1, codecs=codecs, backup_policy=1)
        media.order("RM_1", AnnounceTrack("PA_1", published, AddTrack("d", "video", codecs=codecs[-1:])))
        command, fields = native.sent[-1]
        assert (command, fields["participant"]) == ("publish", "PA_1")
        spec = fields["spec"]
        assert spec["codecs"] == told
        assert spec["layers"] == []
        assert (spec["screen"], spec["encrypted"], spec["dtx"], spec["red"]) == (True, True, True, False)
        assert spec["one_codec"] is False

    run(body)


def test_layers_of_the_first_codec_serve_when_there_are_no_others() -> None:
    async def body(native: Native, media: NativeMedia, heard: list[MediaReport]) -> None:
        codec = TrackCodec("vp8", "c", layers=(Layer(0, 320, 180, 150_000, rid="q"), Layer(1, 640, 360, 500_000)))
        media.order("RM_1", AnnounceTrack("PA_1", track(codecs=(codec,)), AddTrack("c", "video", codecs=(codec,))))
        assert native.sent[-1][1]["spec"]["layers"] == [(0, 320, 180, 150_000, "q"), (1, 640, 360, 500_000, "")]

    run(body)


@pytest.mark.parametrize("descriptor", [True, False])
def test_reports_find_their_room(descriptor: bool) -> None:
    async def body(native: Native, media: NativeMedia, heard: list[MediaReport]) -> None:
        media.order("RM_1", AnnounceTrack("PA_1", track(), AddTrack("c", "video")))
        state = {"state": "connected", "remote": None, "protocol": "udp", "reason": ""}
        native.tell(
            ("transport", {"transport": "TP_1", **state}),
            ("sections_wanted", {"transport": "TP_1", "audios": 2, "videos": 3}),
            ("offer", {"transport": "TP_1", "offer": 4, "sdp": "s", "mids": [("0", "TR_9")]}),
            ("track_bound", {"track": "TR_1", "mid": "1", "codec": "vp8", "rids": ["q", "h"]}),
            ("demand", {"track": "TR_1", "codecs": [("vp8", [True, False, False])]}),
            ("subscribed", {"participant": "PA_1", "track": "TR_9"}),
            ("speakers", {"room": "RM_1", "levels": [("PA_1", 0.5, True)]}),
            ("quality", {"participant": "PA_1", "quality": "good", "score": 4.0}),
            ("data", {"room": "RM_1", "participant": "PA_1", "kind": "lossy", "packet": b"x"}),
            ("track_ended", {"track": "TR_1"}),
            # Of ids that nobody knows any more, and an event that lacks a field: passed over.
            ("transport", {"transport": "TP_9", **state}),
            ("track_bound", {"track": "TR_9", "mid": "1", "codec": "vp8", "rids": []}),
            ("quality", {"participant": "PA_1"}),
            ("track_started", {"track": "TR_1"}),
        )
        await asyncio.sleep(0.03)
        assert heard == [
            TransportChanged("PA_1", "TP_1", "single", "connected", "udp", "", ""),
            SectionsWanted("PA_1", "TP_1", 2, 3),
            MediaOffer("PA_1", "TP_1", 4, "s", {"0": "TR_9"}),
            Bind("TR_1", "1", "vp8", ("q", "h")),
            Demand("TR_1", (("vp8", (True, False, False)),)),
            FirstPacket("PA_1", "TR_9"),
            Speaking((("PA_1", 0.5, True),)),
            MediaQuality("PA_1", "good", 4.0),
            DataPassed("PA_1", "lossy", b"x"),
            Unpublish("TR_1"),
        ]
        media.order("RM_1", RemoveMember("PA_1"))
        native.tell(("transport", {"transport": "TP_1", **state}), ("track_ended", {"track": "TR_1"}))
        await asyncio.sleep(0.03)
        assert len(heard) == 10

    run(body, descriptor=descriptor)


def test_questions() -> None:
    async def body(native: Native, media: NativeMedia, heard: list[MediaReport]) -> None:
        native.replies["remote_offer"] = lambda asked: (
            "answer",
            {"request": asked["request"], "transport": "TP_1", "sdp": "answer", "mids": [("0", "TR_1")]},
        )
        answer = await media.offer("TP_1", "offer")
        assert (answer.sdp, answer.mids) == ("answer", {"0": "TR_1"})
        ufrag, password = native.sent[-1][1]["credentials"]
        assert ufrag != password

        native.replies["remote_answer"] = lambda asked: ("accepted", {"request": asked["request"]})
        await media.answer("TP_1", "sdp", 2)

        for code, kind in (("sdp_invalid", Invalid), ("wrong_state", Invalid), ("not_found", NotFound)):
            native.replies["remote_offer"] = lambda asked, code=code: (
                "refused",
                {"request": asked["request"], "code": code, "message": "no"},
            )
            with pytest.raises(kind) as refused:
                await media.offer("TP_1", "offer")
            assert refused.value.code == code

        del native.replies["remote_offer"]
        with pytest.raises(Unavailable) as late:
            await media.offer("TP_1", "offer")
        assert late.value.code == "timeout"
        native.tell(("answer", {"request": native.sent[-1][1]["request"], "sdp": "late", "mids": []}))
        await asyncio.sleep(0.02)

    run(body)


def test_death_is_told_to_rooms_and_to_who_waits() -> None:
    async def body(native: Native, media: NativeMedia, heard: list[MediaReport]) -> None:
        waiting = asyncio.create_task(media.offer("TP_1", "offer"))
        await asyncio.sleep(0)
        native.broken = True
        native.tell()
        with pytest.raises(Unavailable) as dead:
            await waiting
        assert dead.value.code == "engine_dead"
        assert heard == [EngineDied("a thread panicked")]
        media.order("RM_1", MuteTrack("TR_1", True))
        with pytest.raises(Unavailable):
            await media.stats("RM_1")

    run(body)


def test_an_engine_that_is_far_behind_is_not_dead() -> None:
    async def body(native: Native, media: NativeMedia, heard: list[MediaReport]) -> None:
        native.busy = True
        with pytest.raises(Unavailable) as refused:
            await media.offer("TP_1", "v=0")
        assert refused.value.code == "overloaded"
        media.order("RM_1", MuteTrack("TR_1", True))
        assert heard == []
        native.busy = False
        media.order("RM_1", MuteTrack("TR_1", False))
        assert native.sent[-1][0] == "mute"

    run(body)


def test_what_the_engine_tells_of_somebody_follows_to_its_new_room() -> None:
    async def body(native: Native, media: NativeMedia, heard: list[MediaReport]) -> None:
        there: list[MediaReport] = []
        media.open_room("RM_2", there.append, beside="RM_1")
        assert native.sent[-1] == ("open_room", {"room": "RM_2", "beside": "RM_1"})
        assert media.together("RM_1", "RM_2")
        assert not media.together("RM_1", "RM_far")
        media.order("RM_2", MoveMember("PA_1"))
        assert native.sent[-1] == ("move_participant", {"participant": "PA_1", "room": "RM_2"})
        media.order("RM_2", ShowTrack("TR_9"))
        media.order("RM_2", HideTrack("TR_9"))
        assert native.sent[-2:] == [
            ("show", {"track": "TR_9", "room": "RM_2"}),
            ("hide", {"track": "TR_9", "room": "RM_2"}),
        ]
        native.tell(("sections_wanted", {"transport": "TP_1", "audios": 1, "videos": 0}))
        await asyncio.sleep(0.05)
        assert (heard, there) == ([], [SectionsWanted("PA_1", "TP_1", 1, 0)])
        media.close_room("RM_1")
        native.tell(("sections_wanted", {"transport": "TP_1", "audios": 2, "videos": 0}))
        await asyncio.sleep(0.05)
        assert there[-1] == SectionsWanted("PA_1", "TP_1", 2, 0)

    run(body)
