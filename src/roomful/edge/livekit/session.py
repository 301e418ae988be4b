"""One signaling connection of one participant, sans-IO: frames and news in, outputs out. Time is an argument.

Made by `connection` once somebody has joined or come back. It holds no room, clock or socket, and decides nothing that
the room decides: rights, limits and existence are the room's to refuse.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from livekit.protocol.models import DisconnectReason
from livekit.protocol.rtc import (
    AddTrackRequest,
    CandidateProtocol,
    GetDataBlobRequest,
    GetDataBlobResponse,
    LeaveRequest,
    Pong,
    RequestResponse,
    SessionDescription,
    SignalRequest,
    SignalResponse,
    SimulateScenario,
    StoreDataBlobRequest,
    StoreDataBlobResponse,
    SyncState,
    UpdateParticipantMetadata,
)

from roomful.core.commands import (
    Leave,
    Mute,
    Publish,
    PublishData,
    SetSubscriptionRules,
    Speaking,
    Subscribe,
    SubscribeData,
    Sync,
    UnpublishData,
    UpdateParticipant,
    UpdateTrack,
)
from roomful.core.errors import RoomfulError
from roomful.core.events import (
    LeaveReason,
    Left,
    Moved,
    ParticipantsChanged,
    PermissionChanged,
    Refused,
    SentOn,
    TrackSubscribed,
)
from roomful.core.participant import Participant
from roomful.edge.livekit import requests
from roomful.edge.livekit.blobs import Blobs
from roomful.edge.livekit.enums import refusal_reason
from roomful.edge.livekit.frames import as_text, decode
from roomful.edge.livekit.outputs import (
    AnswerMedia,
    Arrived,
    Ask,
    Candidate,
    Close,
    DropOnResume,
    LimitBandwidth,
    OfferMedia,
    Output,
    Post,
    Prefer,
    Refresh,
    Replay,
    Send,
    SendOn,
)
from roomful.edge.livekit.responses import Responses, answer, leave
from roomful.ports import MediaAnswer
from roomful.service.mailbox import Item

REFRESH_MS = 5 * 60_000
"""How often a client gets a fresh token, as LiveKit does."""
MAX_SIMULATED_S = 300
_MAX_SCHEDULED = 16


@dataclass(frozen=True, slots=True)
class Client:
    """What is known of the SDK, for what older ones cannot take."""

    sdk: str = ""
    protocol: int = 0

    @property
    def takes_request_responses(self) -> bool:
        """Older Rust SDKs fail on responses they do not know."""
        return self.sdk != "rust" or self.protocol >= 10

    @property
    def takes_ok(self) -> bool:
        """Outcomes that are no errors."""
        return self.protocol > 14


@dataclass(frozen=True, slots=True)
class Bounds:
    """Of one connection."""

    max_message: int = 512 * 1024
    """Bytes of a signal message, decompressed."""
    ping_timeout_ms: int = 30_000
    """Silence after which a client that pings is taken for gone; it hears a shorter time in the JoinResponse."""


class Session:
    """Every method returns what is to be done, in order."""

    def __init__(
        self,
        participant: Participant,
        *,
        room: str,
        single_transport: bool,
        client: Client,
        responses: Responses,
        blobs: Blobs,
        new_track: Callable[[], str],
        new_data_track: Callable[[], str],
        now_ms: int,
        bounds: Bounds | None = None,
    ) -> None:
        """`room` is the room's sid; `new_track` and `new_data_track` make ids."""
        self._me = participant
        self._room = room
        self._role = "single" if single_transport else "publisher"
        self._client = client
        self._responses = responses
        self._blobs = blobs
        self._new_track = new_track
        self._new_data_track = new_data_track
        self._bounds = bounds or Bounds()
        self._heard_ms = now_ms
        self._refreshed_ms = now_ms
        self._pings = False
        self._text = False
        self._silent = False
        self._action: LeaveRequest.Action | None = None
        self._scheduled: list[tuple[int, Post]] = []

    @property
    def sid(self) -> str:
        return self._me.sid

    # The client speaks

    def handle(self, frame: bytes | str | None, now_ms: int) -> list[Output]:
        """A frame, or None when the connection is lost."""
        if frame is None:
            return [Close()]
        self._heard_ms = now_ms
        try:
            request = decode(frame, SignalRequest(), self._bounds.max_message)
        except RoomfulError as error:
            # Nothing that follows can be trusted to be in step, so the client shall connect again.
            return [Close(error.message)]
        self._text = isinstance(frame, str)
        try:
            return self._request(request, now_ms)
        except RoomfulError as error:
            return self._refuse(RequestResponse(), error)

    def _request(self, request: SignalRequest, now_ms: int) -> list[Output]:
        sid = self.sid
        match request.WhichOneof("message"):
            case "offer":
                return [OfferMedia(self._role, request.offer.sdp, request.offer.id)]
            case "answer":
                return [AnswerMedia(request.answer.sdp, request.answer.id)]
            case "trickle":
                return self._trickle(request)
            case "add_track":
                return self.add_track(request.add_track)
            case "mute":
                return [Ask(Mute(request.mute.sid, request.mute.muted, by=sid), RequestResponse(mute=request.mute))]
            case "subscription":
                wanted = request.subscription
                tracks = requests.track_sids(wanted.track_sids, wanted.participant_tracks)
                return [Post(Subscribe(sid, tracks, wanted.subscribe))]
            case "track_setting":
                return [Post(requests.set_view(sid, request.track_setting))]
            case "leave":
                return self._leave(request.leave)
            case "subscription_permission":
                return [Post(SetSubscriptionRules(sid, requests.rules(request.subscription_permission)))]
            case "sync_state":
                return self.sync(request.sync_state)
            case "simulate":
                return self._simulate(request.simulate, now_ms)
            case "ping":
                self._pings = True
                # Milliseconds, because JavaScript's numbers do not hold nanoseconds.
                return [self._send(SignalResponse(pong=now_ms))]
            case "ping_req":
                self._pings = True
                pong = Pong(last_ping_timestamp=request.ping_req.timestamp, timestamp=now_ms)
                return [self._send(SignalResponse(pong_resp=pong))]
            case _:
                return self._request_about_itself(request)

    def _request_about_itself(self, request: SignalRequest) -> list[Output]:
        sid = self.sid
        match request.WhichOneof("message"):
            case "update_metadata":
                return self._update_metadata(request.update_metadata)
            case "update_audio_track":
                audio = request.update_audio_track
                update = UpdateTrack(audio.track_sid, features=tuple(audio.features), by=sid)
                return [Ask(update, RequestResponse(update_audio_track=audio))]
            case "update_video_track":
                video = request.update_video_track
                update = UpdateTrack(video.track_sid, width=video.width, height=video.height, by=sid)
                return [Ask(update, RequestResponse(update_video_track=video))]
            case "publish_data_track_request":
                wanted = request.publish_data_track_request
                response = RequestResponse(publish_data_track=wanted)
                try:
                    spec = requests.data_track(wanted)
                except RoomfulError as error:
                    return self._refuse(response, error)
                return [Ask(PublishData(sid, self._new_data_track(), spec), response)]
            case "unpublish_data_track_request":
                ended = request.unpublish_data_track_request
                return [Ask(UnpublishData(sid, ended.pub_handle), RequestResponse(unpublish_data_track=ended))]
            case "update_data_subscription":
                updates = request.update_data_subscription.updates[: requests.MAX_TRACKS]
                return [Post(SubscribeData(sid, one.track_sid, one.subscribe)) for one in updates]
            case "store_data_blob_request":
                return self._store_blob(request.store_data_blob_request)
            case "get_data_blob_request":
                return self._get_blob(request.get_data_blob_request)
            case _:
                # `update_layers` is gone from clients; a request of tomorrow is nothing to fail over.
                return []

    def _trickle(self, request: SignalRequest) -> list[Output]:
        try:
            role, text = requests.candidate(request.trickle)
        except RoomfulError as error:
            return self._refuse(RequestResponse(trickle=request.trickle), error)
        return [Candidate(role, text)] if text else []

    def add_track(self, request: AddTrackRequest) -> list[Output]:
        """From a request of its own, or from the one to join."""
        response = RequestResponse(add_track=request)
        try:
            add = requests.add_track(request)
        except RoomfulError as error:
            return self._refuse(response, error)
        return [Ask(Publish(self.sid, add.sid or self._new_track(), add), response)]

    def offer(self, description: SessionDescription) -> list[Output]:
        """The offer that came with the request to join."""
        return [OfferMedia(self._role, description.sdp, description.id)]

    def _leave(self, request: LeaveRequest) -> list[Output]:
        """Goes for good; the reason counts for agents only, and core has no word for theirs."""
        failed = request.reason == DisconnectReason.AGENT_ERROR
        self._silent = True
        return [Post(Leave(self.sid, LeaveReason.JOIN_FAILURE if failed else LeaveReason.CLIENT))]

    def _update_metadata(self, update: UpdateParticipantMetadata) -> list[Output]:
        """LiveKit's rule: what is empty stays as it is; an attribute with an empty value goes."""
        command = UpdateParticipant(
            self.sid,
            name=update.name or None,
            metadata=update.metadata or None,
            attributes=dict(update.attributes) or None,
            by=self.sid,
        )
        return [Ask(command, RequestResponse(request_id=update.request_id, update_metadata=update), say_ok=True)]

    def sync(self, state: SyncState) -> list[Output]:
        """After coming back: what the client believes must hold, and what it missed is sent again."""
        believed = requests.published(self.sid, state)
        out: list[Output] = [Ask(believed, RequestResponse())]
        tracks = requests.track_sids(state.subscription.track_sids, state.subscription.participant_tracks)
        if tracks:
            out.append(Post(Subscribe(self.sid, tracks, state.subscription.subscribe)))
        for one in state.data_subscription.updates[: requests.MAX_TRACKS]:
            out.append(Post(SubscribeData(self.sid, one.track_sid, one.subscribe)))
        if seen := requests.received(state):
            out.append(Replay(seen))
        return out

    def _store_blob(self, request: StoreDataBlobRequest) -> list[Output]:
        try:
            self._blobs.store(self._room, self._me.identity, request.blob)
        except RoomfulError as error:
            return self._refuse(RequestResponse(request_id=request.request_id), error)
        stored = StoreDataBlobResponse(request_id=request.request_id, key=request.blob.key)
        return [self._send(SignalResponse(store_data_blob_response=stored))]

    def _get_blob(self, request: GetDataBlobRequest) -> list[Output]:
        try:
            blob = self._blobs.get(self._room, request.participant_identity, request.key)
        except RoomfulError as error:
            return self._refuse(RequestResponse(request_id=request.request_id), error)
        found = GetDataBlobResponse(request_id=request.request_id, blob=blob)
        return [self._send(SignalResponse(get_data_blob_response=found))]

    def _simulate(self, request: SimulateScenario, now_ms: int) -> list[Output]:
        """Tests that SDKs offer to their users."""
        match request.WhichOneof("scenario"):
            case "speaker_update":
                if len(self._scheduled) < _MAX_SCHEDULED:
                    after_ms = min(max(request.speaker_update, 0), MAX_SIMULATED_S) * 1000
                    self._scheduled.append((now_ms + after_ms, Post(Speaking(((self.sid, 0.0, False),)))))
                return [Post(Speaking(((self.sid, 0.9, True),)))]
            case "node_failure":
                self._silent = True
                return [Post(Leave(self.sid, LeaveReason.SHUTDOWN))]
            case "migration":
                self._silent = True
                return [Post(Leave(self.sid, LeaveReason.MIGRATION))]
            case "server_leave":
                self._action = LeaveRequest.DISCONNECT
                return [Post(Leave(self.sid, LeaveReason.SHUTDOWN))]
            case "leave_request_full_reconnect":
                self._action = LeaveRequest.RECONNECT
                return [Post(Leave(self.sid, LeaveReason.CLIENT))]
            case "switch_candidate_protocol":
                # The client then joins anew.
                match request.switch_candidate_protocol:
                    case CandidateProtocol.UDP:
                        return [Prefer("any")]
                    case CandidateProtocol.TLS:
                        return [Prefer("tls")]
                    case _:
                        return [Prefer("tcp")]
            case "subscriber_bandwidth":
                return [LimitBandwidth(max(request.subscriber_bandwidth, 0))]
            case "disconnect_signal_on_resume":
                return [DropOnResume(before=False)]
            case "disconnect_signal_on_resume_no_messages":
                return [DropOnResume(before=True)]
            case _:
                return []

    # Outcomes

    def asked(self, ask: Ask, error: RoomfulError | None) -> list[Output]:
        """What became of an `Ask`."""
        if error is not None and isinstance(ask.command, Sync):
            self._action = LeaveRequest.RECONNECT
            return [Post(Leave(self.sid, LeaveReason.STATE_MISMATCH))]
        if error is not None:
            return self._refuse(ask.response, error)
        if not (ask.say_ok and self._client.takes_ok):
            return []
        ask.response.reason = RequestResponse.OK
        return [self._send(SignalResponse(request_response=ask.response))]

    def answered(self, offer_id: int, media: MediaAnswer) -> list[Output]:
        return [self._frame(answer(media.sdp, offer_id, media.mids))]

    def media_failed(self, error: RoomfulError) -> list[Output]:
        """An offer or answer that media does not take: what the two sides believe has parted, so it starts anew."""
        self._action = LeaveRequest.RECONNECT
        if error.code in ("participant_not_found", "room_not_found"):
            return [Close(error.message)]
        return [Post(Leave(self.sid, LeaveReason.MEDIA_FAILURE))]

    def refreshed(self, token: str) -> list[Output]:
        return [self._send(SignalResponse(refresh_token=token))]

    def moved(self, moved: Moved, token: str) -> list[Output]:
        """What it is told next is of the new room."""
        self._me, self._room = moved.participant, moved.room.sid
        return [self._frame(self._responses.moved(moved, token))]

    # The room speaks

    def tell(self, item: Item) -> list[Output]:
        """One item of the mailbox."""
        match item:
            case Left():
                return self._left(item.reason)
            case Refused():
                response = RequestResponse()
                return self._refuse(response, RoomfulError(item.message, code=item.code))
            case PermissionChanged():
                return [Refresh()]
            case Moved():
                return [Arrived(item)]
            case SentOn():
                return [SendOn(item.room)]
            case TrackSubscribed() if not self._client.takes_request_responses:
                return []
            case ParticipantsChanged():
                return [*self._told(item), *self._news_of_itself(item.participants)]
            case _:
                return self._told(item)

    def _told(self, item: Item) -> list[Output]:
        frame = self._responses.event(item)
        return [] if frame is None else [self._frame(frame)]

    def _news_of_itself(self, participants: Sequence[Participant]) -> list[Output]:
        """A token repeats name, metadata and attributes: it must keep up with them."""
        sid = self.sid
        for one in participants:
            if one.sid == sid and one.version >= self._me.version:
                old, self._me = self._me, one
                if (old.name, old.metadata, old.attributes) != (one.name, one.metadata, one.attributes):
                    return [Refresh()]
        return []

    def _left(self, reason: LeaveReason) -> list[Output]:
        # Without an action of ours a mismatch means that a newer connection has this participant: no word to the client.
        taken_over = reason is LeaveReason.STATE_MISMATCH and self._action is None
        if self._silent or taken_over:
            return [Close()]
        return [self._frame(leave(reason, self._action)), Close(str(reason))]

    # Time passes

    def next_tick_ms(self) -> int:
        """When `tick` has something to do, unless something is heard before. Ask again after each `handle`."""
        due = [one for one, _ in self._scheduled]
        due.append(self._refreshed_ms + REFRESH_MS)
        if self._pings:
            due.append(self._heard_ms + self._bounds.ping_timeout_ms + 1)
        return min(due)

    def tick(self, now_ms: int) -> list[Output]:
        """At `next_tick_ms`, or whenever."""
        out: list[Output] = [post for due, post in self._scheduled if due <= now_ms]
        self._scheduled = [one for one in self._scheduled if one[0] > now_ms]
        if self._pings and now_ms - self._heard_ms > self._bounds.ping_timeout_ms:
            return [*out, Close("ping timeout")]
        if now_ms - self._refreshed_ms >= REFRESH_MS:
            self._refreshed_ms = now_ms
            out.append(Refresh())
        return out

    # Frames

    def _refuse(self, response: RequestResponse, error: RoomfulError) -> list[Output]:
        if not self._client.takes_request_responses:
            return []
        response.reason = refusal_reason(error.code)
        response.message = error.message
        return [self._send(SignalResponse(request_response=response))]

    def _send(self, message: SignalResponse) -> Send:
        return self._frame(message.SerializeToString())

    def _frame(self, frame: bytes) -> Send:
        return Send(as_text(frame, SignalResponse()) if self._text else frame)
