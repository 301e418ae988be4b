"""Every signal request and what it leads to."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from livekit.protocol import models, rtc
from signal_fakes import a_session, ask, person, sent

from roomful.core import commands, errors, events
from roomful.core.errors import NotAllowed, NotFound
from roomful.core.track import Track
from roomful.edge.livekit.outputs import (
    AnswerMedia,
    Ask,
    Candidate,
    Close,
    DropOnResume,
    LimitBandwidth,
    OfferMedia,
    Post,
    Prefer,
    Refresh,
    Replay,
    Send,
)
from roomful.edge.livekit.session import REFRESH_MS, Bounds, Client
from roomful.ports import MediaAnswer, MediaOffer, SectionsWanted


def a_track(sid: str = "TR_1", **changes: object) -> Track:
    fields: dict[str, object] = {
        "sid": sid, "kind": "audio", "name": "mic", "source": "microphone", "muted": False, "width": 0, "height": 0,
        "codecs": (), "layers": (), "mime": "audio/opus", "mid": "0", "stereo": False, "disable_dtx": False,
        "disable_red": False, "encryption": 0, "stream": "", "backup_policy": 0, "features": (), "trailer_features": (),
    }  # fmt: skip
    return Track(**(fields | changes))  # type: ignore[arg-type]


def test_offers_and_answers_go_to_media() -> None:
    offer = rtc.SessionDescription(type="offer", sdp="o", id=3)
    assert ask(a_session(), offer=offer) == [OfferMedia("single", "o", 3)]
    assert ask(a_session(single=False), offer=offer) == [OfferMedia("publisher", "o", 3)]
    assert ask(a_session(), answer=rtc.SessionDescription(sdp="a", id=4)) == [AnswerMedia("a", 4)]
    answered = sent(a_session().answered(3, MediaAnswer("TP_1", "a", {"0": "TR_1"})))[0].answer
    assert (answered.type, answered.sdp, answered.id, dict(answered.mid_to_track_id)) == (
        "answer",
        "a",
        3,
        {"0": "TR_1"},
    )


def test_media_that_fails_makes_the_client_start_anew() -> None:
    session = a_session()
    assert session.media_failed(NotAllowed("x")) == [Post(commands.Leave("PA_me", "media_failure"))]
    leave = sent(session.tell(events.Left(events.LeaveReason.MEDIA_FAILURE)))[0].leave
    assert (leave.action, leave.can_reconnect) == (rtc.LeaveRequest.RECONNECT, True)


def test_candidates_are_read_or_refused() -> None:
    good = rtc.TrickleRequest(
        candidateInit=json.dumps({"candidate": "candidate:1"}), target=rtc.SignalTarget.SUBSCRIBER
    )
    assert ask(a_session(), trickle=good) == [Candidate("subscriber", "candidate:1")]
    assert ask(a_session(), trickle=rtc.TrickleRequest(candidateInit="{}", final=True)) == []
    for bad in ("[", "[1]", '{"candidate": 1}', "[" * 100_000):
        refused = sent(ask(a_session(), trickle=rtc.TrickleRequest(candidateInit=bad)))[0].request_response
        assert refused.reason == rtc.RequestResponse.INVALID_REQUEST
        assert refused.WhichOneof("request") == "trickle"


def test_a_track_is_announced() -> None:
    request = rtc.AddTrackRequest(
        cid="c", name="cam", type=models.TrackType.VIDEO, source=models.TrackSource.CAMERA, width=1280, height=720,
        layers=[models.VideoLayer(quality=models.VideoQuality.HIGH, width=1280, height=720, bitrate=1_700_000)],
        simulcast_codecs=[rtc.SimulcastCodec(codec="video/VP9", cid="c")],
    )  # fmt: skip
    (output,) = ask(a_session(), add_track=request)
    assert isinstance(output, Ask) and isinstance(output.command, commands.Publish)
    add = output.command.add
    assert (add.cid, add.kind, add.source, add.codecs[0].codec, add.layers[0].bitrate_bps) == (
        "c", "video", "camera", "vp9", 1_700_000,
    )  # fmt: skip
    assert output.command.track == "TR_1"
    data = sent(ask(a_session(), add_track=rtc.AddTrackRequest(cid="c", type=models.TrackType.DATA)))
    assert data[0].request_response.reason == rtc.RequestResponse.UNSUPPORTED_TYPE


def test_what_the_room_refuses_is_answered_with_the_request() -> None:
    session = a_session()
    (output,) = ask(session, mute=rtc.MuteTrackRequest(sid="TR_9", muted=True))
    assert isinstance(output, Ask)
    assert output.command == commands.Mute("TR_9", True, by="PA_me")
    refused = sent(session.asked(output, NotFound("no such track", code="track_not_found")))[0].request_response
    assert (refused.reason, refused.mute.sid) == (rtc.RequestResponse.NOT_FOUND, "TR_9")
    assert session.asked(output, None) == []


def test_metadata_outcome_is_told_with_its_request_id() -> None:
    update = rtc.UpdateParticipantMetadata(name="Ada", attributes={"a": ""}, request_id=7)
    for client, told in ((Client("js", 17), True), (Client("js", 14), False)):
        session = a_session(client=client)
        (output,) = ask(session, update_metadata=update)
        assert isinstance(output, Ask)
        assert output.command == commands.UpdateParticipant("PA_me", name="Ada", attributes={"a": ""}, by="PA_me")
        done = sent(session.asked(output, None))
        assert [(one.request_response.request_id, one.request_response.reason) for one in done] == (
            [(7, rtc.RequestResponse.OK)] if told else []
        )
        refused = sent(session.asked(output, NotAllowed("no")))[0].request_response
        assert (refused.request_id, refused.reason) == (7, rtc.RequestResponse.NOT_ALLOWED)


def test_old_rust_sdks_get_no_request_responses() -> None:
    session = a_session(client=Client("rust", 9))
    assert ask(session, trickle=rtc.TrickleRequest(candidateInit="[")) == []
    assert session.tell(events.TrackSubscribed("TR_1")) == []


def test_subscriptions_and_views() -> None:
    by_participant = models.ParticipantTracks(participant_sid="PA_x", track_sids=["TR_2"])
    wanted = rtc.UpdateSubscription(track_sids=["TR_1", "TR_2"], subscribe=True, participant_tracks=[by_participant])
    assert ask(a_session(), subscription=wanted) == [Post(commands.Subscribe("PA_me", ("TR_1", "TR_2"), True))]
    many = rtc.UpdateSubscription(track_sids=[f"TR_{n}" for n in range(2_000)])
    assert sent(ask(a_session(), subscription=many))[0].request_response.reason == rtc.RequestResponse.LIMIT_EXCEEDED
    (output,) = ask(
        a_session(), track_setting=rtc.UpdateTrackSettings(track_sids=["TR_1"], quality=models.VideoQuality.MEDIUM)
    )
    assert isinstance(output, Post) and isinstance(output.command, commands.SetView)
    assert (output.command.view.quality, output.command.view.paused) == (1, False)
    (output,) = ask(
        a_session(), track_setting=rtc.UpdateTrackSettings(track_sids=["TR_1"], quality=models.VideoQuality.OFF)
    )
    assert isinstance(output, Post) and isinstance(output.command, commands.SetView) and output.command.view.paused


def test_subscription_permission() -> None:
    permission = rtc.TrackPermission(participant_identity="bob", track_sids=["TR_1"])
    (output,) = ask(a_session(), subscription_permission=rtc.SubscriptionPermission(track_permissions=[permission]))
    assert isinstance(output, Post) and isinstance(output.command, commands.SetSubscriptionRules)
    rules = output.command.rules
    assert (rules.everyone, rules.rules[0].identity, rules.rules[0].tracks) == (False, "bob", frozenset({"TR_1"}))


def test_both_pings_are_answered_in_milliseconds() -> None:
    session = a_session()
    assert sent(ask(session, 1234, ping=1))[0].pong == 1234
    pong = sent(ask(session, 1234, ping_req=rtc.Ping(timestamp=5)))[0].pong_resp
    assert (pong.last_ping_timestamp, pong.timestamp) == (5, 1234)


def test_a_client_that_pinged_and_falls_silent_is_gone() -> None:
    session = a_session(bounds=Bounds(ping_timeout_ms=30_000))
    assert session.tick(40_000) == []
    ask(session, 40_000, ping=1)
    assert session.next_tick_ms() == 70_001
    assert session.tick(70_000) == []
    assert session.tick(70_001) == [Close("ping timeout")]


def test_tokens_are_refreshed_by_time_and_by_change() -> None:
    session = a_session()
    assert session.next_tick_ms() == REFRESH_MS
    assert session.tick(REFRESH_MS - 1) == []
    assert session.tick(REFRESH_MS) == [Refresh()]
    assert session.tick(REFRESH_MS + 1) == []
    assert session.tell(events.PermissionChanged(person().permission)) == [Refresh()]
    news = events.ParticipantsChanged((person(metadata="new", version=2),))
    assert Refresh() in session.tell(news)
    assert Refresh() not in session.tell(events.ParticipantsChanged((person(metadata="new", version=3),)))
    assert sent(session.refreshed("token"))[0].refresh_token == "token"


def test_a_client_that_leaves_hears_no_leave() -> None:
    session = a_session()
    assert ask(session, leave=rtc.LeaveRequest()) == [Post(commands.Leave("PA_me", "client_initiated"))]
    assert session.tell(events.Left(events.LeaveReason.CLIENT)) == [Close()]


@pytest.mark.parametrize(
    ("reason", "number", "action"),
    [
        (events.LeaveReason.DUPLICATE, models.DisconnectReason.DUPLICATE_IDENTITY, rtc.LeaveRequest.DISCONNECT),
        (events.LeaveReason.REMOVED, models.DisconnectReason.PARTICIPANT_REMOVED, rtc.LeaveRequest.DISCONNECT),
        (events.LeaveReason.ROOM_DELETED, models.DisconnectReason.ROOM_DELETED, rtc.LeaveRequest.DISCONNECT),
        (events.LeaveReason.SHUTDOWN, models.DisconnectReason.SERVER_SHUTDOWN, rtc.LeaveRequest.RECONNECT),
        (events.LeaveReason.CONNECTION_TIMEOUT, models.DisconnectReason.CONNECTION_TIMEOUT, rtc.LeaveRequest.RECONNECT),
    ],
)
def test_leave_tells_why_and_what_to_do(reason: events.LeaveReason, number: int, action: int) -> None:
    outputs = a_session().tell(events.Left(reason))
    leave = sent(outputs)[0].leave
    assert (leave.reason, leave.action) == (number, action)
    assert isinstance(outputs[-1], Close)


def test_a_connection_that_was_taken_over_closes_without_a_word() -> None:
    assert a_session().tell(events.Left(events.LeaveReason.STATE_MISMATCH)) == [Close()]


def test_sync_state_replays_what_was_missed() -> None:
    state = rtc.SyncState(
        subscription=rtc.UpdateSubscription(track_sids=["TR_5"], subscribe=False),
        publish_tracks=[rtc.TrackPublishedResponse(cid="c", track=models.TrackInfo(sid="TR_1"))],
        datachannel_receive_states=[rtc.DataChannelReceiveState(publisher_sid="PA_x", last_seq=9)],
    )
    assert ask(a_session(person(tracks=(a_track(),))), sync_state=state) == [
        Ask(commands.Sync("PA_me", ("TR_1",), ()), rtc.RequestResponse()),
        Post(commands.Subscribe("PA_me", ("TR_5",), False)),
        Replay((("PA_x", 9),)),
    ]


def test_sync_state_that_does_not_hold_starts_anew() -> None:
    session = a_session()
    state = rtc.SyncState(publish_tracks=[rtc.TrackPublishedResponse(track=models.TrackInfo(sid="TR_gone"))])
    (output,) = ask(session, sync_state=state)
    assert isinstance(output, Ask)
    refused = session.asked(output, errors.Invalid("not so", code="state_mismatch"))
    assert refused == [Post(commands.Leave("PA_me", "state_mismatch"))]
    leave = sent(session.tell(events.Left(events.LeaveReason.STATE_MISMATCH)))[0].leave
    assert leave.action == rtc.LeaveRequest.RECONNECT


def test_every_simulated_scenario() -> None:
    session = a_session()
    speaking = ask(session, 0, simulate=rtc.SimulateScenario(speaker_update=2))
    assert speaking == [Post(commands.Speaking((("PA_me", 0.9, True),)))]
    assert session.next_tick_ms() == 2_000
    assert session.tick(1_999) == []
    assert session.tick(2_000) == [Post(commands.Speaking((("PA_me", 0.0, False),)))]
    assert session.tick(2_001) == []
    for scenario in ("node_failure", "migration"):
        session = a_session()
        ask(session, simulate=rtc.SimulateScenario(**{scenario: True}))  # type: ignore[arg-type]
        assert session.tell(events.Left(events.LeaveReason.MIGRATION)) == [Close()]
    session = a_session()
    ask(session, simulate=rtc.SimulateScenario(server_leave=True))
    assert sent(session.tell(events.Left(events.LeaveReason.SHUTDOWN)))[0].leave.action == rtc.LeaveRequest.DISCONNECT
    session = a_session()
    ask(session, simulate=rtc.SimulateScenario(leave_request_full_reconnect=True))
    assert sent(session.tell(events.Left(events.LeaveReason.CLIENT)))[0].leave.action == rtc.LeaveRequest.RECONNECT
    session = a_session()
    for protocol, prefer in (("TCP", Prefer("tcp")), ("TLS", Prefer("tls")), ("UDP", Prefer("any"))):
        switch = rtc.SimulateScenario(switch_candidate_protocol=protocol)
        assert ask(session, simulate=switch) == [prefer]
    for said, bps in ((300_000, 300_000), (0, 0), (-1, 0)):
        assert ask(session, simulate=rtc.SimulateScenario(subscriber_bandwidth=said)) == [LimitBandwidth(bps)]
    assert ask(session, simulate=rtc.SimulateScenario(disconnect_signal_on_resume=True)) == [DropOnResume(before=False)]
    no_messages = rtc.SimulateScenario(disconnect_signal_on_resume_no_messages=True)
    assert ask(session, simulate=no_messages) == [DropOnResume(before=True)]


def test_local_track_updates() -> None:
    features = rtc.UpdateLocalAudioTrack(track_sid="TR_1", features=[models.AudioTrackFeature.TF_STEREO])
    (output,) = ask(a_session(), update_audio_track=features)
    assert isinstance(output, Ask)
    assert output.command == commands.UpdateTrack("TR_1", features=(0,), by="PA_me")
    (output,) = ask(a_session(), update_video_track=rtc.UpdateLocalVideoTrack(track_sid="TR_1", width=4, height=3))
    assert isinstance(output, Ask)
    assert output.command == commands.UpdateTrack("TR_1", width=4, height=3, by="PA_me")


def test_data_tracks() -> None:
    schema = models.DataTrackSchemaId(name="s")
    request = rtc.PublishDataTrackRequest(pub_handle=7, name="geo", schema=schema)
    (output,) = ask(a_session(), publish_data_track_request=request)
    assert isinstance(output, Ask) and isinstance(output.command, commands.PublishData)
    assert (output.command.spec.handle, output.command.spec.schema) == (7, schema.SerializeToString())
    long = models.DataTrackFrameEncoding(custom="x" * 33)
    refused = sent(
        ask(a_session(), publish_data_track_request=rtc.PublishDataTrackRequest(pub_handle=1, frame_encoding=long))
    )
    assert refused[0].request_response.publish_data_track.pub_handle == 1
    update = rtc.UpdateDataSubscription.Update(track_sid="DTR_1", subscribe=True)
    assert ask(a_session(), update_data_subscription=rtc.UpdateDataSubscription(updates=[update])) == [
        Post(commands.SubscribeData("PA_me", "DTR_1", True))
    ]
    (output,) = ask(a_session(), unpublish_data_track_request=rtc.UnpublishDataTrackRequest(pub_handle=7))
    assert isinstance(output, Ask)
    assert output.command == commands.UnpublishData("PA_me", 7)


def test_data_blobs_are_kept_and_fetched() -> None:
    session = a_session()
    key = models.DataBlobKey(generic="k")
    store = rtc.StoreDataBlobRequest(request_id=1, blob=models.DataBlob(key=key, contents=b"c"))
    assert sent(ask(session, store_data_blob_request=store))[0].store_data_blob_response.request_id == 1
    get = rtc.GetDataBlobRequest(request_id=2, participant_identity="pa_me", key=key)
    assert sent(ask(session, get_data_blob_request=get))[0].get_data_blob_response.blob.contents == b"c"
    missing = rtc.GetDataBlobRequest(request_id=3, participant_identity="nobody", key=key)
    refused = sent(ask(session, get_data_blob_request=missing))[0].request_response
    assert (refused.request_id, refused.reason) == (3, rtc.RequestResponse.NOT_FOUND)
    big = rtc.StoreDataBlobRequest(request_id=4, blob=models.DataBlob(key=key, contents=bytes(51_201)))
    refused = sent(ask(session, store_data_blob_request=big))[0].request_response
    assert refused.reason == rtc.RequestResponse.LIMIT_EXCEEDED


def test_text_is_answered_in_text() -> None:
    (output,) = a_session().handle(json.dumps({"ping": "5"}), 9)
    assert isinstance(output, Send) and isinstance(output.frame, str)
    assert json.loads(output.frame) == {"pong": "9"}


def test_a_lost_connection_and_a_broken_frame_end_it() -> None:
    session = a_session(bounds=Bounds(max_message=100))
    assert session.handle(None, 0) == [Close()]
    for frame in (b"\xff" * 10, b"\x08" * 101, "{", '{"offer": 1}', "x" * 101, "é" * 60):
        (output,) = session.handle(frame, 0)
        assert isinstance(output, Close) and output.reason


def test_events_in_the_protocols_words() -> None:
    session = a_session()
    wanted = sent(session.tell(SectionsWanted("PA_me", "TP_1", 1, 2)))[0].media_sections_requirement
    assert (wanted.num_audios, wanted.num_videos) == (1, 2)
    offer = sent(session.tell(MediaOffer("PA_me", "TP_1", 4, "o", {"1": "TR_1"})))[0].offer
    assert (offer.type, offer.id, dict(offer.mid_to_track_id)) == ("offer", 4, {"1": "TR_1"})
    demand = events.DemandChanged("TR_1", (("vp8", (True, False, False)), ("vp9", (True, True, True))))
    update = sent(session.tell(demand))[0].subscribed_quality_update
    assert [one.codec for one in update.subscribed_codecs] == ["vp8", "vp9"]
    assert [one.enabled for one in update.subscribed_codecs[0].qualities] == [True, False, False]
    audio = events.DemandChanged("TR_1", (("opus", (True, True, True)), ("red", (False, False, False))))
    codecs = sent(session.tell(audio))[0].subscribed_audio_codec_update.subscribed_audio_codecs
    assert [(one.codec, one.enabled) for one in codecs] == [("opus", True), ("red", False)]
    published = sent(session.tell(events.Published("cid", a_track())))[0].track_published
    assert (published.cid, published.track.sid, published.track.mime_type) == ("cid", "TR_1", "audio/opus")
    handles = events.DataHandles({3: ("bob", "PA_b", "DTR_1")})
    assert sent(session.tell(handles))[0].data_track_subscriber_handles.sub_handles[3].publisher_identity == "bob"
    for event, kind in (
        (events.Unpublished("TR_1"), "track_unpublished"),
        (events.Muted("TR_1", True), "mute"),
        (events.SpeakersChanged((("PA_b", 0.5, True),)), "speakers_changed"),
        (events.QualityChanged((("PA_b", "lost", 0.0),)), "connection_quality"),
        (events.StreamStateChanged("PA_b", "TR_1", True), "stream_state_update"),
        (events.SubscriptionAllowed("PA_b", "TR_1", False), "subscription_permission_update"),
        (events.SubscriptionFailed("TR_1", "codec_unsupported"), "subscription_response"),
        (events.TrackSubscribed("TR_1"), "track_subscribed"),
    ):
        assert sent(session.tell(event))[0].WhichOneof("message") == kind


def test_one_event_is_serialised_once_for_all_its_readers() -> None:
    session = a_session()
    event = events.SpeakersChanged((("PA_b", 0.5, True),))
    (first,), (second,) = session.tell(event), session.tell(event)
    assert isinstance(first, Send) and isinstance(second, Send) and first.frame is second.frame


@given(st.binary(max_size=400) | st.text(max_size=200))
def test_no_frame_breaks_a_session(frame: bytes | str) -> None:
    a_session().handle(frame, 0)


_FIELDS = [one.name for one in rtc.SignalRequest.DESCRIPTOR.fields if one.message_type is not None]


@given(st.sampled_from(_FIELDS), st.binary(max_size=200))
def test_no_request_with_strange_contents_breaks_a_session(name: str, contents: bytes) -> None:
    number = rtc.SignalRequest.DESCRIPTOR.fields_by_name[name].number
    tag = number << 3 | 2
    head = bytes([tag]) if tag < 128 else bytes([tag & 0x7F | 0x80, tag >> 7])
    size = len(contents)
    length = bytes([size]) if size < 128 else bytes([size & 0x7F | 0x80, size >> 7])
    a_session().handle(head + length + contents, 0)


def test_a_deep_message_is_refused() -> None:
    deep = '{"offer": ' * 5_000 + "{}" + "}" * 5_000
    (output,) = a_session().handle(deep, 0)
    assert isinstance(output, Close)
