"""What people are told, in LiveKit's words: events → serialised SignalResponses. Pure.

Participants come from `Snapshots`, so that a join or an update joins bytes that exist already; other events that go to
many sessions are serialised once, because the event is the same object for each of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import assert_never

from livekit.protocol.models import SpeakerInfo, SubscribedAudioCodec, VideoQuality
from livekit.protocol.rtc import (
    ConnectionQualityInfo,
    ConnectionQualityUpdate,
    DataTrackSubscriberHandles,
    JoinResponse,
    LeaveRequest,
    MediaSectionsRequirement,
    MuteTrackRequest,
    ParticipantUpdate,
    PublishDataTrackResponse,
    RoomMovedResponse,
    RoomUpdate,
    SessionDescription,
    SignalResponse,
    SpeakersChanged,
    StreamState,
    StreamStateInfo,
    StreamStateUpdate,
    SubscribedAudioCodecUpdate,
    SubscribedCodec,
    SubscribedQuality,
    SubscribedQualityUpdate,
    SubscriptionPermissionUpdate,
    SubscriptionResponse,
    TrackPublishedResponse,
    TrackUnpublishedResponse,
    UnpublishDataTrackResponse,
)
from livekit.protocol.rtc import TrackSubscribed as TrackSubscribedMessage

from roomful.core import events
from roomful.core.events import LeaveReason
from roomful.core.participant import Participant
from roomful.edge.livekit.enums import QUALITIES, REASONS, SUBSCRIPTION_ERRORS, leave_action
from roomful.edge.livekit.frames import field, fields
from roomful.edge.livekit.snapshots import Snapshots, data_track_info, room_message, track_info
from roomful.ports import MediaOffer, SectionsWanted
from roomful.service.mailbox import Item

_JOIN = SignalResponse.DESCRIPTOR.fields_by_name["join"].number
_UPDATE = SignalResponse.DESCRIPTOR.fields_by_name["update"].number
_OTHERS = JoinResponse.DESCRIPTOR.fields_by_name["other_participants"].number
_PARTICIPANT = JoinResponse.DESCRIPTOR.fields_by_name["participant"].number
_MOVED = SignalResponse.DESCRIPTOR.fields_by_name["room_moved"].number
_MOVED_OTHERS = RoomMovedResponse.DESCRIPTOR.fields_by_name["other_participants"].number
_MOVED_PARTICIPANT = RoomMovedResponse.DESCRIPTOR.fields_by_name["participant"].number
_UPDATED = ParticipantUpdate.DESCRIPTOR.fields_by_name["participants"].number
_TO_MANY = (events.ParticipantsChanged, events.SpeakersChanged, events.RoomChanged, events.QualityChanged)
_AUDIO_CODECS = frozenset({"opus", "red", "pcmu", "pcma"})
_QUALITIES = (VideoQuality.LOW, VideoQuality.MEDIUM, VideoQuality.HIGH)


class Responses:
    """One for a server."""

    def __init__(self, snapshots: Snapshots) -> None:
        self.snapshots = snapshots
        self._last: dict[type[object], tuple[object, bytes]] = {}

    def join(self, rest: JoinResponse, participant: Participant, others: Iterable[Participant]) -> bytes:
        """`rest` is all but the participants."""
        part = self.snapshots.participant
        me, them = fields(_PARTICIPANT, (part(participant),)), fields(_OTHERS, map(part, others))
        return field(_JOIN, rest.SerializeToString() + me + them)

    def moved(self, moved: events.Moved, token: str) -> bytes:
        """`token` opens the new room to a client that comes back."""
        part = self.snapshots.participant
        rest = RoomMovedResponse(room=room_message(moved.room), token=token)
        me = fields(_MOVED_PARTICIPANT, (part(moved.participant),))
        return field(_MOVED, rest.SerializeToString() + me + fields(_MOVED_OTHERS, map(part, moved.others)))

    def update(self, participants: Iterable[Participant]) -> bytes:
        return field(_UPDATE, fields(_UPDATED, map(self.snapshots.participant, participants)))

    def event(self, event: Item) -> bytes | None:
        """None for what this protocol does not tell, and for what the session answers itself (`Left`, `Moved` …)."""
        held = self._last.get(type(event))
        if held is not None and held[0] is event:
            return held[1]
        if isinstance(event, events.ParticipantsChanged):
            frame = self.update(event.participants)
        else:
            message = _message(event)
            if message is None:
                return None
            frame = message.SerializeToString()
        if isinstance(event, _TO_MANY):
            self._last[type(event)] = (event, frame)
        return frame


def _message(event: Item) -> SignalResponse | None:
    match event:
        case events.Published():
            published = TrackPublishedResponse(cid=event.cid, track=track_info(event.track))
            return SignalResponse(track_published=published)
        case events.Unpublished():
            return SignalResponse(track_unpublished=TrackUnpublishedResponse(track_sid=event.track))
        case events.Muted():
            return SignalResponse(mute=MuteTrackRequest(sid=event.track, muted=event.muted))
        case events.SpeakersChanged():
            speakers = [SpeakerInfo(sid=sid, level=level, active=active) for sid, level, active in event.levels]
            return SignalResponse(speakers_changed=SpeakersChanged(speakers=speakers))
        case events.RoomChanged():
            return SignalResponse(room_update=RoomUpdate(room=room_message(event.room)))
        case events.QualityChanged():
            updates = [
                ConnectionQualityInfo(participant_sid=sid, quality=QUALITIES.get(quality), score=score)
                for sid, quality, score in event.updates
            ]
            return SignalResponse(connection_quality=ConnectionQualityUpdate(updates=updates))
        case events.StreamStateChanged():
            state = StreamState.PAUSED if event.paused else StreamState.ACTIVE
            info = StreamStateInfo(participant_sid=event.publisher, track_sid=event.track, state=state)
            return SignalResponse(stream_state_update=StreamStateUpdate(stream_states=[info]))
        case events.DemandChanged():
            return _demand(event)
        case events.SubscriptionAllowed():
            allowed = SubscriptionPermissionUpdate(
                participant_sid=event.publisher, track_sid=event.track, allowed=event.allowed
            )
            return SignalResponse(subscription_permission_update=allowed)
        case events.SubscriptionFailed():
            failed = SubscriptionResponse(track_sid=event.track, err=SUBSCRIPTION_ERRORS.get(event.reason))
            return SignalResponse(subscription_response=failed)
        case events.TrackSubscribed():
            return SignalResponse(track_subscribed=TrackSubscribedMessage(track_sid=event.track))
        case events.DataPublished():
            done = PublishDataTrackResponse(info=data_track_info(event.track))
            return SignalResponse(publish_data_track_response=done)
        case events.DataUnpublished():
            ended = UnpublishDataTrackResponse(info=data_track_info(event.track))
            return SignalResponse(unpublish_data_track_response=ended)
        case events.DataHandles():
            return _handles(event)
        case MediaOffer():
            offer = SessionDescription(type="offer", sdp=event.sdp, id=event.offer_id, mid_to_track_id=event.mids)
            return SignalResponse(offer=offer)
        case SectionsWanted():
            wanted = MediaSectionsRequirement(num_audios=event.audios, num_videos=event.videos)
            return SignalResponse(media_sections_requirement=wanted)
        case events.PermissionChanged():
            # The participant's own update carries it, and the session sends a fresh token.
            return None
        case events.ParticipantsChanged() | events.Left() | events.Moved() | events.SentOn() | events.Refused():
            return None
        case _:
            assert_never(event)


def _handles(event: events.DataHandles) -> SignalResponse:
    handles = {
        handle: DataTrackSubscriberHandles.PublishedDataTrack(
            publisher_identity=identity, publisher_sid=publisher, track_sid=track
        )
        for handle, (identity, publisher, track) in event.handles.items()
    }
    return SignalResponse(data_track_subscriber_handles=DataTrackSubscriberHandles(sub_handles=handles))


def _demand(event: events.DemandChanged) -> SignalResponse | None:
    """Audio has codecs that are on or off, video has qualities of each codec (and, for old clients, of the first)."""
    if not event.codecs:
        return None
    if event.codecs[0][0] in _AUDIO_CODECS:
        audio = [SubscribedAudioCodec(codec=codec, enabled=any(wanted)) for codec, wanted in event.codecs]
        update = SubscribedAudioCodecUpdate(track_sid=event.track, subscribed_audio_codecs=audio)
        return SignalResponse(subscribed_audio_codec_update=update)
    codecs = [
        SubscribedCodec(
            codec=codec,
            qualities=[
                SubscribedQuality(quality=quality, enabled=enabled)
                for quality, enabled in zip(_QUALITIES, wanted, strict=True)
            ],
        )
        for codec, wanted in event.codecs
    ]
    return SignalResponse(
        subscribed_quality_update=SubscribedQualityUpdate(
            track_sid=event.track, subscribed_codecs=codecs, subscribed_qualities=codecs[0].qualities
        )
    )


def leave(reason: LeaveReason, action: LeaveRequest.Action | None = None) -> bytes:
    """Clients before protocol 13 read `can_reconnect`, later ones `action`; both are said."""
    chosen = leave_action(reason) if action is None else action
    request = LeaveRequest(reason=REASONS[reason], action=chosen, can_reconnect=chosen != LeaveRequest.DISCONNECT)
    return SignalResponse(leave=request).SerializeToString()


def answer(sdp: str, offer_id: int, mids: Mapping[str, str]) -> bytes:
    description = SessionDescription(type="answer", sdp=sdp, id=offer_id, mid_to_track_id=dict(mids))
    return SignalResponse(answer=description).SerializeToString()
