"""What happens in rooms, as LiveKit's webhook messages: JSON, signed by a token that holds the body's hash. Pure."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import assert_never

from google.protobuf.json_format import MessageToJson
from livekit.protocol.webhook import WebhookEvent

from roomful.auth.grant import Grant
from roomful.core.effects import (
    Happening,
    ParticipantAborted,
    ParticipantJoined,
    ParticipantLeft,
    RoomFinished,
    RoomGoverned,
    RoomStarted,
    TrackPublished,
    TrackUnpublished,
)
from roomful.edge.livekit.snapshots import participant_info, room_message, track_info

CONTENT_TYPE = "application/webhook+json"
TOKEN_TTL_S = 300


def message(happening: Happening, event_id: str, now_ms: int) -> tuple[str, bytes] | None:
    """(event name, JSON body); None for what LiveKit has no event for."""
    event = WebhookEvent(id=event_id, created_at=now_ms // 1000, room=room_message(happening.room))
    match happening:
        case RoomStarted():
            event.event = "room_started"
        case RoomFinished():
            event.event = "room_finished"
        case ParticipantJoined():
            event.event = "participant_joined"
            event.participant.CopyFrom(participant_info(happening.participant))
        case ParticipantLeft():
            event.event = "participant_left"
            event.participant.CopyFrom(participant_info(happening.participant))
        case ParticipantAborted():
            event.event = "participant_connection_aborted"
            event.participant.CopyFrom(participant_info(happening.participant))
        case TrackPublished():
            event.event = "track_published"
            event.participant.CopyFrom(participant_info(happening.participant))
            event.track.CopyFrom(track_info(happening.track))
        case TrackUnpublished():
            event.event = "track_unpublished"
            event.participant.CopyFrom(participant_info(happening.participant))
            event.track.CopyFrom(track_info(happening.track))
        case RoomGoverned():
            return None
        case _:
            assert_never(happening)
    return event.event, MessageToJson(event, indent=None).encode()


def authorization(body: bytes, sign: Callable[[Grant, int], str]) -> str:
    """The Authorization header: a token without a scheme, as LiveKit's receivers expect."""
    return sign(Grant(sha256=base64.b64encode(hashlib.sha256(body).digest()).decode()), TOKEN_TTL_S)
