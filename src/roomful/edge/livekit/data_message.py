"""A LiveKit data packet as a hook's plain message, and back. Called by the composition root; pure."""

from __future__ import annotations

from google.protobuf.message import DecodeError
from livekit.protocol.models import DataPacket

from roomful.ports import DataMessage


def decode(packet: bytes) -> DataMessage | None:
    """None for what is no user data: RPC, streams, transcriptions, encrypted packets."""
    message = DataPacket()
    try:
        message.ParseFromString(packet)
    except DecodeError:
        return None
    if message.WhichOneof("value") != "user":
        return None
    user = message.user
    return DataMessage(user.payload, user.topic, message.kind == DataPacket.RELIABLE)


def encode(payload: bytes, topic: str, *, reliable: bool, packet_id: str, to: tuple[str, ...] = ()) -> bytes:
    """A packet from the server itself; `to` holds identities, empty for everybody. `packet_id` tells duplicates apart."""
    message = DataPacket(kind=DataPacket.RELIABLE if reliable else DataPacket.LOSSY, destination_identities=to)
    message.user.payload = payload
    message.user.topic = topic
    message.user.id = packet_id
    message.user.destination_identities.extend(to)
    return message.SerializeToString()
