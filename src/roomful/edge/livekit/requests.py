"""What a client asks, in core's words: parts of SignalRequest → commands and values. Pure; raises Invalid.

Called by `session` and by the Twirp services.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, cast

from livekit.protocol.models import ParticipantTracks, VideoLayer, VideoQuality
from livekit.protocol.rtc import (
    AddTrackRequest,
    PublishDataTrackRequest,
    SignalTarget,
    SubscriptionPermission,
    SyncState,
    TrickleRequest,
    UpdateTrackSettings,
)

from roomful.core.commands import SetView, Sync
from roomful.core.errors import Invalid, LimitExceeded
from roomful.core.permission import SubscriptionRules, TrackRule
from roomful.core.track import AddTrack, DataTrackSpec, Layer, TrackCodec, View
from roomful.edge.livekit.enums import SOURCES, TRACK_KINDS

MAX_TRACKS = 1_024
"""Tracks named in one request."""
MAX_IDENTIFIER = 32
"""Characters of a custom encoding's name, as the protocol says."""
MAX_SCHEMA_NAME = 256
_MAX_UINT31 = 0x7FFFFFFF
_STREAMS = {"camera": "camera", "microphone": "camera", "screen_share": "screen", "screen_share_audio": "screen"}
"""LiveKit pairs sound and picture of one source, to be played in step."""


def add_track(request: AddTrackRequest) -> AddTrack:
    """Raises Invalid (`unsupported_type`) for what is neither audio nor video."""
    kind = TRACK_KINDS.get(request.type, "")
    if kind not in ("audio", "video"):
        raise Invalid("a track is audio or video", code="unsupported_type")
    source = SOURCES.get(request.source, "unknown")
    codecs = tuple(
        TrackCodec(
            codec=_codec(one.codec),
            cid=one.cid,
            layers=tuple(_layer(layer) for layer in one.layers),
            layer_mode=one.video_layer_mode,
        )
        for one in request.simulcast_codecs
    )
    features = tuple(request.audio_features)
    return AddTrack(
        cid=request.cid,
        kind=kind,
        name=request.name,
        source=source,
        width=min(request.width, _MAX_UINT31),
        height=min(request.height, _MAX_UINT31),
        muted=request.muted,
        layers=tuple(_layer(one) for one in request.layers),
        codecs=codecs,
        sid=request.sid,
        stereo=request.stereo or 0 in features,
        disable_dtx=request.disable_dtx or 1 in features,
        disable_red=request.disable_red,
        encryption=request.encryption,
        stream=request.stream or _STREAMS.get(source, ""),
        backup_policy=request.backup_codec_policy,
        features=features,
        trailer_features=tuple(request.packet_trailer_features),
    )


def _codec(text: str) -> str:
    """`vp8` and `video/VP8` both are in use."""
    return text.rpartition("/")[2].lower()


def _layer(layer: VideoLayer) -> Layer:
    return Layer(
        quality=layer.quality if layer.quality in (0, 1, 2) else 2,
        width=min(layer.width, _MAX_UINT31),
        height=min(layer.height, _MAX_UINT31),
        bitrate_bps=min(layer.bitrate, _MAX_UINT31),
        ssrc=layer.ssrc,
        spatial=layer.spatial_layer,
        rid=layer.rid,
    )


def track_sids(sids: Iterable[str], by_participant: Iterable[ParticipantTracks] = ()) -> tuple[str, ...]:
    """Both ways to name tracks, without repetition. Raises LimitExceeded."""
    named = dict.fromkeys(sids)
    for one in by_participant:
        named.update(dict.fromkeys(one.track_sids))
    if len(named) > MAX_TRACKS:
        raise LimitExceeded(f"at most {MAX_TRACKS} tracks in one request")
    return tuple(named)


def set_view(participant: str, settings: UpdateTrackSettings) -> SetView:
    """Dimensions count before quality; `OFF` is a pause."""
    quality = settings.quality
    view = View(
        paused=settings.disabled or quality == VideoQuality.OFF,
        quality=2 if (settings.width and settings.height) or quality not in (0, 1, 2) else quality,
        width=min(settings.width, 0xFFFF),
        height=min(settings.height, 0xFFFF),
        fps=min(settings.fps, 255),
        priority=min(settings.priority, 255),
    )
    return SetView(participant, track_sids(settings.track_sids), view)


def rules(message: SubscriptionPermission) -> SubscriptionRules:
    return SubscriptionRules(
        everyone=message.all_participants,
        rules=tuple(
            TrackRule(
                identity=one.participant_identity,
                participant=one.participant_sid,
                all_tracks=one.all_tracks,
                tracks=frozenset(one.track_sids),
            )
            for one in message.track_permissions
        ),
    )


def candidate(request: TrickleRequest) -> tuple[str, str]:
    """(role, candidate text); the text is empty at the end of candidates. Raises Invalid."""
    role = "subscriber" if request.target == SignalTarget.SUBSCRIBER else "publisher"
    try:
        value: Any = json.loads(request.candidateInit) if request.candidateInit else {}
    except (ValueError, RecursionError):
        raise Invalid("a candidate is an RTCIceCandidateInit in JSON") from None
    text = cast("dict[str, Any]", value).get("candidate", "") if isinstance(value, dict) else None
    if not isinstance(text, str):
        raise Invalid("a candidate is an RTCIceCandidateInit in JSON")
    return role, text


def data_track(request: PublishDataTrackRequest) -> DataTrackSpec:
    """Raises Invalid when an encoding's or schema's own name does not hold."""
    encoding = schema = None
    if request.HasField("frame_encoding"):
        if request.frame_encoding.WhichOneof("value") == "custom":
            _identifier(request.frame_encoding.custom, MAX_IDENTIFIER)
        encoding = request.frame_encoding.SerializeToString()
    if request.HasField("schema"):
        _identifier(request.schema.name, MAX_SCHEMA_NAME)
        if request.schema.encoding.WhichOneof("value") == "custom":
            _identifier(request.schema.encoding.custom, MAX_IDENTIFIER)
        schema = request.schema.SerializeToString()
    return DataTrackSpec(request.pub_handle, request.name, request.encryption, encoding, schema)


def _identifier(text: str, limit: int) -> None:
    if not 0 < len(text) <= limit:
        raise Invalid(f"an identifier has 1 to {limit} characters")


def published(participant: str, state: SyncState) -> Sync:
    """What the client believes to be published. Raises LimitExceeded."""
    if max(len(state.publish_tracks), len(state.publish_data_tracks)) > MAX_TRACKS:
        raise LimitExceeded(f"at most {MAX_TRACKS} tracks in one request")
    tracks = tuple(one.track.sid for one in state.publish_tracks)
    return Sync(participant, tracks, tuple(one.info.sid for one in state.publish_data_tracks))


def received(state: SyncState) -> tuple[tuple[str, int], ...]:
    """(publisher, last sequence seen) of reliable data."""
    return tuple((one.publisher_sid, one.last_seq) for one in state.datachannel_receive_states[:MAX_TRACKS])
