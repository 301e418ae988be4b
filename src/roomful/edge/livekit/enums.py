"""Core's words and LiveKit's numbers, in one place. A word or number that is not known becomes the harmless one.

Numbers are those of `livekit_models.proto` and `livekit_rtc.proto`. Pure; used by the rest of this package.
"""

from __future__ import annotations

from livekit.protocol.models import (
    ClientInfo,
    ConnectionQuality,
    DisconnectReason,
    ParticipantInfo,
    SubscriptionError,
    TrackSource,
    TrackType,
)
from livekit.protocol.rtc import LeaveRequest, RequestResponse

from roomful.core.events import LeaveReason

SOURCES = {
    TrackSource.UNKNOWN: "unknown",
    TrackSource.CAMERA: "camera",
    TrackSource.MICROPHONE: "microphone",
    TrackSource.SCREEN_SHARE: "screen_share",
    TrackSource.SCREEN_SHARE_AUDIO: "screen_share_audio",
}
SOURCE_NUMBERS = {word: number for number, word in SOURCES.items()}

TRACK_KINDS = {TrackType.AUDIO: "audio", TrackType.VIDEO: "video", TrackType.DATA: "data"}
TRACK_KIND_NUMBERS = {word: number for number, word in TRACK_KINDS.items()}

STATES = {
    "joining": ParticipantInfo.JOINING,
    "joined": ParticipantInfo.JOINED,
    "active": ParticipantInfo.ACTIVE,
    "disconnected": ParticipantInfo.DISCONNECTED,
}

KINDS = {name.lower(): number for name, number in ParticipantInfo.Kind.items()}
KIND_DETAILS = {name.lower(): number for name, number in ParticipantInfo.KindDetail.items()}

CAPABILITIES = dict(ClientInfo.Capability.items())

QUALITIES = {
    "lost": ConnectionQuality.LOST,
    "poor": ConnectionQuality.POOR,
    "good": ConnectionQuality.GOOD,
    "excellent": ConnectionQuality.EXCELLENT,
}

REASONS = {
    LeaveReason.CLIENT: DisconnectReason.CLIENT_INITIATED,
    LeaveReason.DUPLICATE: DisconnectReason.DUPLICATE_IDENTITY,
    LeaveReason.SHUTDOWN: DisconnectReason.SERVER_SHUTDOWN,
    LeaveReason.REMOVED: DisconnectReason.PARTICIPANT_REMOVED,
    LeaveReason.ROOM_DELETED: DisconnectReason.ROOM_DELETED,
    LeaveReason.STATE_MISMATCH: DisconnectReason.STATE_MISMATCH,
    LeaveReason.JOIN_FAILURE: DisconnectReason.JOIN_FAILURE,
    LeaveReason.MIGRATION: DisconnectReason.MIGRATION,
    LeaveReason.SIGNAL_CLOSE: DisconnectReason.SIGNAL_CLOSE,
    LeaveReason.ROOM_CLOSED: DisconnectReason.ROOM_CLOSED,
    LeaveReason.CONNECTION_TIMEOUT: DisconnectReason.CONNECTION_TIMEOUT,
    LeaveReason.MEDIA_FAILURE: DisconnectReason.MEDIA_FAILURE,
    LeaveReason.SLOW_READER: DisconnectReason.UNKNOWN_REASON,
}
"""LiveKit has no word for a reader that falls behind."""

_COME_BACK = frozenset(
    {
        LeaveReason.SHUTDOWN,
        LeaveReason.STATE_MISMATCH,
        LeaveReason.MIGRATION,
        LeaveReason.CONNECTION_TIMEOUT,
        LeaveReason.MEDIA_FAILURE,
        LeaveReason.SLOW_READER,
    }
)


def leave_action(reason: LeaveReason) -> LeaveRequest.Action:
    """Whom nobody sent away may join anew."""
    return LeaveRequest.RECONNECT if reason in _COME_BACK else LeaveRequest.DISCONNECT


REFUSALS = {
    "not_allowed": RequestResponse.NOT_ALLOWED,
    "remote_unmute_disabled": RequestResponse.NOT_ALLOWED,
    "not_found": RequestResponse.NOT_FOUND,
    "track_not_found": RequestResponse.NOT_FOUND,
    "participant_not_found": RequestResponse.NOT_FOUND,
    "room_not_found": RequestResponse.NOT_FOUND,
    "limit_exceeded": RequestResponse.LIMIT_EXCEEDED,
    "name_length": RequestResponse.LIMIT_EXCEEDED,
    "metadata_size": RequestResponse.LIMIT_EXCEEDED,
    "attributes_size": RequestResponse.LIMIT_EXCEEDED,
    "unsupported_type": RequestResponse.UNSUPPORTED_TYPE,
    "invalid_handle": RequestResponse.INVALID_HANDLE,
    "invalid_name": RequestResponse.INVALID_NAME,
    "duplicate_handle": RequestResponse.DUPLICATE_HANDLE,
    "duplicate_name": RequestResponse.DUPLICATE_NAME,
    "invalid": RequestResponse.INVALID_REQUEST,
}


def refusal_reason(code: str) -> RequestResponse.Reason:
    return REFUSALS.get(code, RequestResponse.UNCLASSIFIED_ERROR)


SUBSCRIPTION_ERRORS = {
    "codec_unsupported": SubscriptionError.SE_CODEC_UNSUPPORTED,
    "track_not_found": SubscriptionError.SE_TRACK_NOTFOUND,
}
