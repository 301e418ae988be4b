"""RoomService: what a program with an administrator's token asks of rooms. Called by `twirp.endpoint` with a verified grant.

Every method checks the grant first, so that nobody learns from the answer whether a room exists.
"""

from __future__ import annotations

from livekit.protocol.models import DataPacket, ParticipantInfo, UserPacket
from livekit.protocol.models import Room as RoomMessage
from livekit.protocol.room import (
    CreateRoomRequest,
    DeleteRoomRequest,
    DeleteRoomResponse,
    ForwardParticipantRequest,
    ForwardParticipantResponse,
    ListParticipantsRequest,
    ListParticipantsResponse,
    ListRoomsRequest,
    ListRoomsResponse,
    MoveParticipantRequest,
    MoveParticipantResponse,
    MuteRoomTrackRequest,
    MuteRoomTrackResponse,
    PerformRpcRequest,
    PerformRpcResponse,
    RemoveParticipantResponse,
    RoomParticipantIdentity,
    SendDataRequest,
    SendDataResponse,
    UpdateParticipantRequest,
    UpdateRoomMetadataRequest,
    UpdateSubscriptionsRequest,
    UpdateSubscriptionsResponse,
)

from roomful.auth.grant import Grant
from roomful.core.commands import Leave, Mute, Subscribe, UpdateParticipant, UpdateRoom
from roomful.core.errors import Invalid, NotFound, Unauthenticated
from roomful.core.events import LeaveReason
from roomful.core.participant import Participant
from roomful.core.policy import RoomOptions
from roomful.edge.livekit import requests
from roomful.edge.livekit.agents.agents import Agents
from roomful.edge.livekit.snapshots import participant_info, permission_of, room_message, track_info
from roomful.edge.livekit.tokens import Tokens
from roomful.edge.livekit.twirp.remote_call import call
from roomful.service.actor import RoomActor
from roomful.service.directory import Directory


def require(allowed: bool) -> None:
    """LiveKit answers a missing right as a missing login, and programs rely on it."""
    if not allowed:
        raise Unauthenticated("permissions denied", code="not_allowed")


def require_admin(grant: Grant, room: str) -> None:
    require(grant.video.room_admin and bool(room) and grant.video.room == room)


def require_destination(grant: Grant, room: str, destination: str) -> None:
    """The token names both rooms: `room` with `roomAdmin`, and `destinationRoom`."""
    require_admin(grant, room)
    require(bool(destination) and grant.video.destination_room == destination)


class RoomService:
    """One coroutine for each method, of LiveKit's name."""

    def __init__(self, directory: Directory, tokens: Tokens, agents: Agents) -> None:
        self._directory = directory
        self._tokens = tokens
        self._agents = agents

    async def CreateRoom(self, grant: Grant, request: CreateRoomRequest) -> RoomMessage:
        """An existing room is answered as it is."""
        require(grant.video.room_create)
        options = RoomOptions(
            empty_timeout_s=request.empty_timeout or None,
            departure_timeout_s=request.departure_timeout or None,
            max_participants=request.max_participants or None,
            metadata=request.metadata,
        )
        with self._agents.planned(request.name, request.agents):
            actor = await self._directory.get_or_create(request.name, by_join=False, options=options)
        return room_message(actor.info)

    async def ListRooms(self, grant: Grant, request: ListRoomsRequest) -> ListRoomsResponse:
        require(grant.video.room_list)
        return ListRoomsResponse(rooms=[room_message(one.info) for one in self._directory.list(request.names)])

    async def DeleteRoom(self, grant: Grant, request: DeleteRoomRequest) -> DeleteRoomResponse:
        require(grant.video.room_create)
        await self._directory.delete(request.room)
        return DeleteRoomResponse()

    async def ListParticipants(self, grant: Grant, request: ListParticipantsRequest) -> ListParticipantsResponse:
        require_admin(grant, request.room)
        people = self._directory.require(request.room).participants()
        return ListParticipantsResponse(participants=[participant_info(one) for one in people])

    async def GetParticipant(self, grant: Grant, request: RoomParticipantIdentity) -> ParticipantInfo:
        require_admin(grant, request.room)
        return participant_info(self._find(request.room, request.identity)[1])

    async def RemoveParticipant(self, grant: Grant, request: RoomParticipantIdentity) -> RemoveParticipantResponse:
        """The tokens it holds stop working for this room, whether it is there or not."""
        require_admin(grant, request.room)
        self._tokens.revoke(request.room, request.identity, max(request.revoke_token_ts, 0))
        actor, participant = self._find(request.room, request.identity)
        self._tokens.revoke_held(request.room, participant, max(request.revoke_token_ts, 0))
        # The time that was asked for counts, not the moment of leaving.
        self._tokens.let_go(participant.sid)
        await actor.ask(Leave(participant.sid, LeaveReason.REMOVED))
        return RemoveParticipantResponse()

    async def MoveParticipant(self, grant: Grant, request: MoveParticipantRequest) -> MoveParticipantResponse:
        require_destination(grant, request.room, request.destination_room)
        await self._directory.move(request.room, request.identity, request.destination_room)
        return MoveParticipantResponse()

    async def ForwardParticipant(self, grant: Grant, request: ForwardParticipantRequest) -> ForwardParticipantResponse:
        require_destination(grant, request.room, request.destination_room)
        await self._directory.forward(request.room, request.identity, request.destination_room)
        return ForwardParticipantResponse()

    async def MutePublishedTrack(self, grant: Grant, request: MuteRoomTrackRequest) -> MuteRoomTrackResponse:
        require_admin(grant, request.room)
        actor, participant = self._find(request.room, request.identity)
        if all(one.sid != request.track_sid for one in participant.tracks):
            raise NotFound("no such track", code="track_not_found")
        await actor.ask(Mute(request.track_sid, request.muted))
        now = actor.participant(participant.sid)
        track = next((one for one in now.tracks if one.sid == request.track_sid), None) if now else None
        return MuteRoomTrackResponse(track=track_info(track) if track else None)

    async def UpdateParticipant(self, grant: Grant, request: UpdateParticipantRequest) -> ParticipantInfo:
        """What is empty stays as it is; an attribute with an empty value goes."""
        require_admin(grant, request.room)
        actor, participant = self._find(request.room, request.identity)
        await actor.ask(
            UpdateParticipant(
                participant.sid,
                name=request.name or None,
                metadata=request.metadata or None,
                attributes=dict(request.attributes) or None,
                permission=permission_of(request.permission) if request.HasField("permission") else None,
            )
        )
        return participant_info(actor.participant(participant.sid) or participant)

    async def UpdateSubscriptions(
        self, grant: Grant, request: UpdateSubscriptionsRequest
    ) -> UpdateSubscriptionsResponse:
        require_admin(grant, request.room)
        actor, participant = self._find(request.room, request.identity)
        tracks = requests.track_sids(request.track_sids, request.participant_tracks)
        await actor.ask(Subscribe(participant.sid, tracks, request.subscribe))
        return UpdateSubscriptionsResponse()

    async def SendData(self, grant: Grant, request: SendDataRequest) -> SendDataResponse:
        """To those named that are there; to everybody when nobody is named."""
        require_admin(grant, request.room)
        if len(request.nonce) not in (0, 16):
            raise Invalid(f"nonce should be 16-bytes or not present, got: {len(request.nonce)} bytes")
        actor = self._directory.require(request.room)
        named = bool(request.destination_sids or request.destination_identities)
        found = [actor.by_identity(one) for one in request.destination_identities]
        found += [actor.participant(one) for one in request.destination_sids]
        sids = tuple(dict.fromkeys(one.sid for one in found if one is not None))
        if named and not sids:
            return SendDataResponse()
        packet = DataPacket(
            kind=request.kind,
            destination_identities=request.destination_identities,
            user=UserPacket(
                payload=request.data,
                destination_sids=request.destination_sids,
                destination_identities=request.destination_identities,
                nonce=request.nonce,
                topic=request.topic if request.HasField("topic") else None,
            ),
        )
        kind = "lossy" if request.kind == DataPacket.LOSSY else "reliable"
        actor.send_data(packet.SerializeToString(), kind, sids)
        return SendDataResponse()

    async def UpdateRoomMetadata(self, grant: Grant, request: UpdateRoomMetadataRequest) -> RoomMessage:
        require_admin(grant, request.room)
        actor = self._directory.require(request.room)
        await actor.ask(UpdateRoom(request.metadata))
        return room_message(actor.info)

    async def PerformRpc(self, grant: Grant, request: PerformRpcRequest) -> PerformRpcResponse:
        require_admin(grant, request.room)
        if not request.destination_identity:
            raise Invalid("destination identity is required")
        actor, participant = self._find(request.room, request.destination_identity)
        call_id = self._directory.ids.transport().replace("TP_", "rpc_", 1)
        payload = await call(
            actor,
            participant.sid,
            call_id,
            method=request.method,
            payload=request.payload,
            timeout_ms=request.response_timeout_ms,
        )
        return PerformRpcResponse(payload=payload)

    def _find(self, room: str, identity: str) -> tuple[RoomActor, Participant]:
        actor = self._directory.require(room)
        if (participant := actor.by_identity(identity)) is None:
            raise NotFound("no such participant", code="participant_not_found")
        return actor, participant
