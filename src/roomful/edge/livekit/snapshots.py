"""Core's snapshots as LiveKit's messages. `Snapshots` keeps the serialised form of each, made once for all its readers."""

from __future__ import annotations

from weakref import ref

from livekit.protocol.models import (
    AudioTrackFeature,
    DataTrackFrameEncoding,
    DataTrackInfo,
    DataTrackSchemaId,
    ParticipantInfo,
    ParticipantPermission,
    SimulcastCodecInfo,
    TrackInfo,
    TrackSource,
    TrackType,
    VideoLayer,
)
from livekit.protocol.models import Room as RoomMessage

from roomful.core.events import LeaveReason
from roomful.core.participant import Participant
from roomful.core.permission import Permission
from roomful.core.publishing import mime_of
from roomful.core.room_info import RoomInfo
from roomful.core.track import DataTrack, DataTrackSpec, Layer, Track
from roomful.edge.livekit.enums import (
    CAPABILITIES,
    KIND_DETAILS,
    KINDS,
    REASONS,
    SOURCE_NUMBERS,
    SOURCES,
    STATES,
    TRACK_KIND_NUMBERS,
)
from roomful.edge.livekit.frames import sized


class Snapshots:
    """One for a server. Snapshots are immutable, so the very same object always means the same bytes, for as long as it lives."""

    def __init__(self) -> None:
        self._parts: dict[int, tuple[ref[Participant], bytes]] = {}

    def __len__(self) -> int:
        return len(self._parts)

    def participant(self, participant: Participant) -> bytes:
        """A serialised ParticipantInfo behind its length: after a field's tag it is the whole field."""
        number = id(participant)
        held = self._parts.get(number)
        if held is not None:
            return held[1]
        parts, part = self._parts, sized(participant_info(participant).SerializeToString())
        # Goes with the snapshot, before another object can have its number.
        parts[number] = (ref(participant, lambda _: parts.pop(number, None)), part)
        return part


def participant_info(participant: Participant) -> ParticipantInfo:
    tracks, data_tracks = participant.tracks, participant.data_tracks
    info = ParticipantInfo(
        sid=participant.sid,
        identity=participant.identity,
        name=participant.name,
        state=STATES.get(participant.state, ParticipantInfo.JOINING),
        tracks=[track_info(one) for one in tracks],
        data_tracks=[data_track_info(one) for one in data_tracks],
        metadata=participant.metadata,
        attributes=dict(participant.attributes),
        joined_at=participant.joined_at_ms // 1000,
        joined_at_ms=participant.joined_at_ms,
        version=participant.version,
        permission=permission_message(participant.permission),
        region=participant.region,
        is_publisher=bool(tracks or data_tracks),
        kind=KINDS.get(participant.kind, ParticipantInfo.STANDARD),  # pyright: ignore[reportArgumentType]
        kind_details=[  # pyright: ignore[reportArgumentType]
            KIND_DETAILS[one] for one in participant.kind_details if one in KIND_DETAILS
        ],
        client_protocol=participant.client_protocol,
        capabilities=[  # pyright: ignore[reportArgumentType]
            CAPABILITIES[one] for one in participant.client.get("capabilities", "").split(",") if one in CAPABILITIES
        ],
    )
    if participant.leave_reason:
        info.disconnect_reason = REASONS[LeaveReason(participant.leave_reason)]
    return info


def track_info(track: Track) -> TrackInfo:
    features = set(track.features)
    if track.stereo:
        features.add(AudioTrackFeature.TF_STEREO)
    if track.disable_dtx:
        features.add(AudioTrackFeature.TF_NO_DTX)
    known = AudioTrackFeature.values()
    return TrackInfo(
        sid=track.sid,
        type=TRACK_KIND_NUMBERS.get(track.kind, TrackType.AUDIO),
        name=track.name,
        muted=track.muted,
        width=track.width,
        height=track.height,
        simulcast=len(track.layers) > 1,
        disable_dtx=track.disable_dtx,
        source=SOURCE_NUMBERS.get(track.source, TrackSource.UNKNOWN),
        layers=[_layer(one) for one in track.layers],
        mime_type=track.mime,
        mid=track.mid,
        codecs=[
            SimulcastCodecInfo(
                mime_type=mime_of(one.codec, track.kind),
                mid=one.mid,
                cid=one.cid,
                layers=[_layer(layer) for layer in one.layers],
                video_layer_mode=one.layer_mode,  # pyright: ignore[reportArgumentType]
                sdp_cid=one.sdp_cid,
            )
            for one in track.codecs
        ],
        stereo=track.stereo,
        disable_red=track.disable_red,
        encryption=track.encryption,  # pyright: ignore[reportArgumentType]
        stream=track.stream,
        audio_features=[one for one in sorted(features) if one in known],  # pyright: ignore[reportArgumentType]
        backup_codec_policy=track.backup_policy,  # pyright: ignore[reportArgumentType]
        packet_trailer_features=track.trailer_features,  # pyright: ignore[reportArgumentType]
    )


def _layer(layer: Layer) -> VideoLayer:
    return VideoLayer(
        quality=layer.quality,  # pyright: ignore[reportArgumentType]
        width=layer.width,
        height=layer.height,
        bitrate=layer.bitrate_bps,
        ssrc=layer.ssrc,
        spatial_layer=layer.spatial,
        rid=layer.rid,
    )


def data_track_info(track: DataTrack) -> DataTrackInfo:
    spec = track.spec
    info = DataTrackInfo(
        pub_handle=spec.handle,
        sid=track.sid,
        name=spec.name,
        encryption=spec.encryption,  # pyright: ignore[reportArgumentType]
    )
    _describe(spec, info)
    return info


def _describe(spec: DataTrackSpec, info: DataTrackInfo) -> None:
    """Both came in as messages and were parsed on the way."""
    if spec.frame_encoding is not None:
        info.frame_encoding.CopyFrom(DataTrackFrameEncoding.FromString(spec.frame_encoding))
    if spec.schema is not None:
        info.schema.CopyFrom(DataTrackSchemaId.FromString(spec.schema))


def permission_message(permission: Permission) -> ParticipantPermission:
    return ParticipantPermission(
        can_subscribe=permission.can_subscribe,
        can_publish=permission.can_publish,
        can_publish_data=permission.can_publish_data,
        can_publish_sources=sorted(
            SOURCE_NUMBERS[one] for one in permission.can_publish_sources if one in SOURCE_NUMBERS
        ),
        hidden=permission.hidden,
        recorder=permission.recorder,
        can_update_metadata=permission.can_update_metadata,
        agent=permission.agent,
        can_subscribe_metrics=permission.can_subscribe_metrics,
        can_manage_agent_session=permission.can_manage_agent_session,
    )


def permission_of(message: ParticipantPermission) -> Permission:
    """What an administrator asks for. A source that is not known allows nothing."""
    return Permission(
        can_subscribe=message.can_subscribe,
        can_publish=message.can_publish,
        can_publish_data=message.can_publish_data,
        can_publish_sources=frozenset(SOURCES.get(one, f"source_{one}") for one in message.can_publish_sources),
        can_update_metadata=message.can_update_metadata,
        can_subscribe_metrics=message.can_subscribe_metrics,
        can_manage_agent_session=message.can_manage_agent_session,
        hidden=message.hidden,
        recorder=message.recorder,
        agent=message.agent,
    )


def room_message(room: RoomInfo) -> RoomMessage:
    return RoomMessage(
        sid=room.sid,
        name=room.name,
        empty_timeout=room.empty_timeout_s,
        departure_timeout=room.departure_timeout_s,
        max_participants=room.max_participants,
        creation_time=room.created_at_ms // 1000,
        creation_time_ms=room.created_at_ms,
        metadata=room.metadata,
        num_participants=room.participants,
        num_publishers=room.publishers,
        active_recording=room.active_recording,
    )
