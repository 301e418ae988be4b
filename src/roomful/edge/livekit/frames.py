"""Frames of a signaling connection: bytes (protobuf) or text (JSON) ↔ messages, within bounds. Pure.

Binary frames are today's; a client that sends text is answered in text, as LiveKit does.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterable
from typing import TypeVar

from google.protobuf.json_format import MessageToJson, Parse, ParseError
from google.protobuf.message import DecodeError, Message

from roomful.core.errors import Invalid, LimitExceeded

M = TypeVar("M", bound=Message)

MAX_DEPTH = 32
"""Nesting of JSON; protobuf's own bound for binary messages is 100, and no message here can nest that deep."""


def decode(frame: bytes | str, message: M, limit: int) -> M:
    """Fills `message`. Raises Invalid, or LimitExceeded when the frame has more than `limit` bytes."""
    # A character is at least one byte, so that most of an oversized text is never encoded.
    if len(frame) > limit or (isinstance(frame, str) and len(frame.encode("utf-8", "surrogatepass")) > limit):
        raise LimitExceeded(f"a message has at most {limit} bytes", code="too_large")
    try:
        if isinstance(frame, bytes):
            message.ParseFromString(frame)
        else:
            Parse(frame, message, ignore_unknown_fields=True, max_recursion_depth=MAX_DEPTH)
    except (DecodeError, ParseError, RecursionError, ValueError, UnicodeError) as error:
        raise Invalid(f"not a {message.DESCRIPTOR.name}: {_short(error)}") from None
    return message


def _short(error: Exception) -> str:
    return str(error)[:200] or type(error).__name__


def as_text(frame: bytes, message: Message) -> str:
    """A serialised message as JSON."""
    message.ParseFromString(frame)
    return MessageToJson(message, indent=None)


def gunzip(data: bytes, limit: int) -> bytes:
    """At most `limit` bytes come out, whatever went in. Raises Invalid, LimitExceeded."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            out = file.read(limit + 1)
    except (OSError, EOFError, zlib.error):
        raise Invalid("not gzip") from None
    if len(out) > limit:
        raise LimitExceeded(f"what is compressed has at most {limit} bytes", code="too_large")
    return out


def field(number: int, payload: bytes) -> bytes:
    """One length-delimited field (protobuf encoding, wire type 2): what lets cached parts be joined."""
    return tag(number) + sized(payload)


def fields(number: int, parts: Iterable[bytes]) -> bytes:
    """A field that repeats, of parts that are `sized` already."""
    name = tag(number)
    joined = name.join(parts)
    return name + joined if joined else b""


def tag(number: int) -> bytes:
    return _varint(number << 3 | 2)


def sized(payload: bytes) -> bytes:
    """Behind its length."""
    return _varint(len(payload)) + payload


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
