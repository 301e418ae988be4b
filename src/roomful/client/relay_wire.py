"""The relay protocol's messages (docs/reference/relay.md): frames ↔ objects. Pure; used by `relay`."""

from __future__ import annotations

import json
import struct
from typing import Any, cast

_LENGTH = struct.Struct("!H")


def encode(message: dict[str, Any]) -> str | bytes:
    """`data` that is bytes makes a binary message. Raises TypeError and ValueError for what is no JSON."""
    data = message.get("data")
    if isinstance(data, (bytes, bytearray, memoryview)):
        head = _text({name: value for name, value in message.items() if name != "data"}).encode()
        return _LENGTH.pack(len(head)) + head + bytes(cast("bytes", data))
    return _text(message)


def decode(frame: str | bytes) -> dict[str, Any]:
    """Raises ValueError."""
    if isinstance(frame, str):
        value: object = json.loads(frame)
        data = None
    else:
        if len(frame) < _LENGTH.size:
            raise ValueError("a binary message without a head")
        end = _LENGTH.size + _LENGTH.unpack_from(frame)[0]
        value = json.loads(frame[_LENGTH.size : end])
        data = frame[end:]
    if not isinstance(value, dict):
        raise ValueError("a message is a JSON object")
    told = cast("dict[str, Any]", value)
    if data is not None:
        told["data"] = data
    return told


def _text(message: dict[str, Any]) -> str:
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
