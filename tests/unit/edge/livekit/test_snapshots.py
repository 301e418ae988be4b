"""Snapshots in LiveKit's messages, and data blobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import pytest
from livekit.protocol import models, rtc
from signal_fakes import person

from roomful.auth.relay import Relays
from roomful.core.errors import Invalid, LimitExceeded, NotFound
from roomful.core.permission import Permission
from roomful.core.room_info import RoomInfo
from roomful.core.track import DataTrack, DataTrackSpec, Layer, Track, TrackCodec
from roomful.edge.livekit.blobs import MAX_BLOBS, MAX_TOTAL, Blobs
from roomful.edge.livekit.frames import fields
from roomful.edge.livekit.responses import Responses
from roomful.edge.livekit.snapshots import Snapshots, participant_info, permission_message, permission_of
from roomful.edge.livekit.welcome import LIVEKIT_VERSION, PROTOCOL, Asker, Welcome

CAMERA = Track(
    sid="TR_1", kind="video", name="cam", source="camera", muted=False, width=1280, height=720,
    codecs=(TrackCodec("vp8", "cid", "3", (Layer(0, 320, 180, 100), Layer(2, 1280, 720, 900, rid="f")), 1),),
    layers=(Layer(0), Layer(2)), mime="video/VP8", mid="3", stereo=False, disable_dtx=False, disable_red=False,
    encryption=1, stream="camera", backup_policy=2, features=(), trailer_features=(0,),
)  # fmt: skip


def test_a_whole_participant() -> None:
    schema = models.DataTrackSchemaId(name="s")
    data = DataTrack("DTR_1", DataTrackSpec(7, "geo", 0, None, schema.SerializeToString()))
    info = participant_info(
        person(
            "PA_1",
            name="Ada",
            kind="agent",
            kind_details=("cloud_agent", "unknown"),
            tracks=(CAMERA,),
            version=4,
            data_tracks=(data,),
            attributes={"k": "v"},
            client={"capabilities": "CAP_PACKET_TRAILER,other"},
            joined_at_ms=1_700_000_000_123,
        )
    )
    assert (info.sid, info.name, info.state, info.kind, info.version) == (
        "PA_1",
        "Ada",
        2,
        models.ParticipantInfo.AGENT,
        4,
    )
    assert (info.joined_at, info.joined_at_ms, info.is_publisher) == (1_700_000_000, 1_700_000_000_123, True)
    assert list(info.kind_details) == [models.ParticipantInfo.CLOUD_AGENT]
    assert list(info.capabilities) == [models.ClientInfo.CAP_PACKET_TRAILER]
    track = info.tracks[0]
    assert (track.type, track.source, track.mime_type, track.simulcast) == (1, 1, "video/VP8", True)
    assert (track.codecs[0].mime_type, track.codecs[0].layers[1].rid) == ("video/VP8", "f")
    assert (info.data_tracks[0].pub_handle, info.data_tracks[0].schema.name) == (7, "s")


def test_words_that_are_not_known_become_harmless_ones() -> None:
    info = participant_info(person(kind="martian", state="limbo", tracks=(replace(CAMERA, source="x", kind="y"),)))
    assert (info.kind, info.state, info.tracks[0].source) == (0, 0, models.TrackSource.UNKNOWN)


def test_permissions_there_and_back() -> None:
    permission = Permission(
        can_publish=False,
        can_publish_sources=frozenset({"camera", "screen_share"}),
        hidden=True,
        can_update_metadata=True,
    )
    assert permission_of(permission_message(permission)) == permission


def parsed(part: bytes) -> models.ParticipantInfo:
    return rtc.ParticipantUpdate.FromString(fields(1, (part,))).participants[0]


def test_a_snapshot_is_serialised_once_and_its_form_goes_with_it() -> None:
    snapshots = Snapshots()
    ada = person("PA_1")
    assert snapshots.participant(ada) is snapshots.participant(ada)
    newer = replace(ada, version=2, name="Ada")
    assert parsed(snapshots.participant(newer)).name == "Ada"
    assert len(snapshots) == 2
    gone = replace(ada, state="disconnected", leave_reason="duplicate_identity")
    assert parsed(snapshots.participant(gone)).disconnect_reason == models.DisconnectReason.DUPLICATE_IDENTITY
    del ada, newer
    assert len(snapshots) == 1
    del gone
    assert len(snapshots) == 0


def test_a_join_response_of_joined_parts_is_whole() -> None:
    room = RoomInfo("RM_1", "tea", metadata="m", created_at_ms=5_000)
    rest = Welcome(version="1", codecs=("opus", "vp8")).join(
        room, Asker("h", "ada", 1), subscriber_primary=True, can_publish=True
    )
    frame = Responses(Snapshots()).join(rest, person("PA_1"), [person("PA_2"), person("PA_3")])
    join = rtc.SignalResponse.FromString(frame).join
    assert (join.room.name, join.participant.sid, [one.sid for one in join.other_participants]) == (
        "tea", "PA_1", ["PA_2", "PA_3"],
    )  # fmt: skip
    assert (join.server_info.version, join.server_info.protocol) == (LIVEKIT_VERSION, PROTOCOL)
    assert [one.mime for one in join.enabled_publish_codecs] == ["audio/opus", "video/VP8"]
    assert (join.subscriber_primary, join.fast_publish, join.ping_interval, join.ping_timeout) == (True, True, 5, 15)


def test_whoever_is_to_use_a_relay_alone_is_told_of_tls_and_nothing_else() -> None:
    relays = Relays(b"s", udp_port=3478, tcp_port=3478, tls_port=443)
    for welcome, relay_only, urls in (
        (Welcome(ice_servers=relays.ice_servers), True, [["turns:h:443?transport=tcp"]]),
        (Welcome(ice_servers=relays.ice_servers), False, [["stun:h:3478"], list(_urls(relays))]),
        (Welcome(), False, []),
    ):
        asker = Asker("h", "ada", 1, relay_only=relay_only)
        join = welcome.join(RoomInfo("RM_1", "tea"), asker, subscriber_primary=True, can_publish=True)
        assert [list(one.urls) for one in join.ice_servers] == urls
        forced = models.ClientConfigSetting.ENABLED if relay_only else models.ClientConfigSetting.UNSET
        assert join.client_configuration.force_relay == forced
    assert Welcome(ice_servers=Relays(b"s", udp_port=1).ice_servers).over_tls(Asker("h", "ada", 1)) == []


def _urls(relays: Relays) -> Sequence[str]:
    return cast("Sequence[str]", relays.ice_servers("h", "ada", 1)[1]["urls"])


def blob(key: str, size: int = 1) -> models.DataBlob:
    return models.DataBlob(key=models.DataBlobKey(generic=key), contents=bytes(size))


def test_blobs_are_bounded() -> None:
    blobs = Blobs()
    for number in range(MAX_BLOBS):
        blobs.store("RM_1", "ada", blob(f"k{number}"))
    with pytest.raises(LimitExceeded):
        blobs.store("RM_1", "ada", blob("one more"))
    blobs.store("RM_1", "ada", blob("k0", 2))
    assert len(blobs.get("RM_1", "ada", models.DataBlobKey(generic="k0")).contents) == 2
    with pytest.raises(LimitExceeded):
        for number in range(MAX_TOTAL // 50_000 + 1):
            blobs.store("RM_1", "bob", blob(f"k{number}", 50_000))
    with pytest.raises(LimitExceeded):
        blobs.store("RM_1", "eve", blob("k" * 600))
    for broken in (models.DataBlob(contents=b"x"), blob(""), blob("k", 0)):
        with pytest.raises(Invalid):
            blobs.store("RM_1", "eve", broken)


def test_blobs_go_with_their_participant_and_room() -> None:
    blobs = Blobs()
    blobs.store("RM_1", "ada", blob("k"))
    blobs.store("RM_1", "bob", blob("k"))
    blobs.forget("RM_1", "ada")
    with pytest.raises(NotFound):
        blobs.get("RM_1", "ada", models.DataBlobKey(generic="k"))
    blobs.forget("RM_1")
    assert len(blobs) == 0
