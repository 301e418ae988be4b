"""Chat as LiveKit's clients say it: ChatMessage packets, and text streams of the topic `lk.chat`. Implements `ports.chat.ChatWire`; pure.

Both are written for each message: older SDKs hear only the first, components and agents only the second. Both carry the message's
own id, so that who hears both can tell. `livekit_models.proto`: DataPacket, ChatMessage, DataStream.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator

from google.protobuf.message import DecodeError
from livekit.protocol.models import DataPacket, DataStream

from roomful.core.chat import MAX_TEXT, Message, as_json
from roomful.ports.chat import Opened, Part, Said

TOPIC = "lk.chat"
STATE_TOPIC = "roomful.chat"
"""Our page's: `{"message": …}`, a message as it is now, after each change."""
CHUNK = 15_000
"""Bytes of a text stream's part (LiveKit's own)."""
_KINDS = {
    DataStream.OperationType.CREATE: "post",
    DataStream.OperationType.UPDATE: "edit",
    DataStream.OperationType.DELETE: "delete",
    DataStream.OperationType.REACTION: "react",
}
_OPERATIONS = {kind: operation for operation, kind in _KINDS.items()}


class LiveKitChat:
    """Implements `ports.chat.ChatWire`."""

    topics = (TOPIC,)

    def read(self, packet: bytes) -> Said | Opened | Part | None:
        message = DataPacket()
        try:
            message.ParseFromString(packet)
        except DecodeError:
            return None
        match message.WhichOneof("value"):
            case "chat_message":
                return _of_chat(message)
            case "stream_header":
                return _of_header(message)
            case "stream_chunk":
                return Part(message.stream_chunk.stream_id, message.stream_chunk.content)
            case "stream_trailer":
                trailer = message.stream_trailer
                return Part(trailer.stream_id, b"", ends=True, broken=bool(trailer.reason))
            case _:
                return None

    def write(self, said: Said, sender_sid: str, at_ms: int, *, changed: bool) -> list[bytes]:
        def packet() -> DataPacket:
            return DataPacket(participant_identity=said.sender, participant_sid=sender_sid)

        made: list[DataPacket] = []
        if said.kind != "react" and len(said.text.encode()) <= CHUNK:
            one = packet()
            chat = one.chat_message
            chat.id, chat.timestamp, chat.message = said.id, at_ms, said.text
            chat.deleted = said.kind == "delete"
            if changed:
                chat.edit_timestamp = at_ms
            made.append(one)
        if said.kind != "delete":
            # A client that knows no deletions would show an empty message.
            content = said.text.encode()
            header = packet()
            stream = header.stream_header
            # A reaction is a stream of its own about a message.
            stream.stream_id = said.id if said.kind != "react" else f"{said.id}:{said.sender}:{at_ms}"
            stream.timestamp, stream.topic, stream.mime_type = at_ms, TOPIC, "text/plain"
            stream.total_length = len(content)
            stream.text_header.operation_type = _OPERATIONS[said.kind]
            stream.text_header.reply_to_stream_id = said.reply_to
            made.append(header)
            for index, part in enumerate(_chunks(content)):
                one = packet()
                one.stream_chunk.stream_id, one.stream_chunk.chunk_index = stream.stream_id, index
                one.stream_chunk.content = part
                made.append(one)
            end = packet()
            end.stream_trailer.stream_id = stream.stream_id
            made.append(end)
        return [one.SerializeToString() for one in made]

    def state(self, message: Message) -> bytes:
        packet = DataPacket()
        packet.user.topic = STATE_TOPIC
        packet.user.payload = json.dumps({"message": as_json(message)}, ensure_ascii=False).encode()
        return packet.SerializeToString()


def _of_chat(message: DataPacket) -> Said:
    chat = message.chat_message
    kind = "delete" if chat.deleted else "edit" if chat.HasField("edit_timestamp") else "post"
    to = tuple(message.destination_identities)
    return Said(kind, chat.id, message.participant_identity, chat.message, to=to)


def _of_header(message: DataPacket) -> Said | Opened | None:
    header = message.stream_header
    if header.topic != TOPIC or header.WhichOneof("content_header") == "byte_header":
        return None
    text = header.text_header
    said = Said(
        _KINDS.get(text.operation_type, "post"),
        header.stream_id,
        message.participant_identity,
        reply_to=text.reply_to_stream_id,
        to=tuple(message.destination_identities),
    )
    if said.kind == "react":
        # It is about the message that it answers.
        said = Said("react", said.reply_to, said.sender, to=said.to)
    if not header.HasField("inline_content"):
        return Opened(header.stream_id, said)
    content = _inflated(header.inline_content) if header.compression else header.inline_content
    return Said(said.kind, said.id, said.sender, content.decode("utf-8", "replace"), said.reply_to, said.to)


def _inflated(content: bytes) -> bytes:
    """Raw DEFLATE, to one byte more than a message may have; nothing when it is malformed."""
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(content, MAX_TEXT + 1)
    except zlib.error:
        return b""


def _chunks(content: bytes) -> Iterator[bytes]:
    """Never within a character: clients decode each by itself."""
    while content:
        end = min(CHUNK, len(content))
        while end < len(content) and content[end] & 0xC0 == 0x80:
            end -= 1
        yield content[:end]
        content = content[end:]
