"""Bytes of the game protocol, version 1, and back: `docs/reference/game.md` is the contract.

Numbers are big-endian; what a program says is MessagePack. Every reader refuses with Malformed, and reads no more than it was given.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import msgpack  # pyright: ignore[reportMissingTypeStubs]

_packb: Callable[..., bytes] = cast("Any", msgpack).packb
_unpackb: Callable[..., Any] = cast("Any", msgpack).unpackb

VERSION = 1
TOPIC = "roomful.game"
SERVER = "roomful.game"
"""Whom players address, so that no other player gets their packets: an identity that nobody has."""

HELLO, INPUTS, MESSAGE = 0x01, 0x02, 0x03
WELCOME, SNAPSHOT, TOLD, SEATS, REFUSED = 0x81, 0x82, 0x83, 0x84, 0x85

MAX_INPUTS = 16
"""Inputs that one packet repeats."""
MAX_PARTS = 64
PART = 1_000
"""Bytes of a snapshot's part: with LiveKit's, SCTP's and DTLS's headers it is one UDP packet."""
MAX_TOLD = 60_000
"""Bytes of one reliable message from the server."""

Value = Any
"""What MessagePack carries: None, bool, int, float, str, bytes, lists and maps."""
Key = int | str
State = Mapping[Any, Mapping[str, Value]]
"""Things by their `Key`; each is a map of fields."""


class Malformed(ValueError):
    """These bytes are no message of this protocol."""


@dataclass(frozen=True, slots=True)
class Hello:
    spectate: bool = False


@dataclass(frozen=True, slots=True)
class Inputs:
    seen: int
    """Tick of the newest whole snapshot; 0 for none."""
    client_ms: int
    first: int
    """The number of the first input; each has one more than the one before."""
    inputs: tuple[bytes, ...]
    """Packed; the newest is the last."""


@dataclass(frozen=True, slots=True)
class Message:
    data: Value


@dataclass(frozen=True, slots=True)
class SeatInfo:
    seat: int
    identity: str
    name: str
    connected: bool


@dataclass(frozen=True, slots=True)
class Welcome:
    seat: int
    """-1 for whoever watches."""
    ticks: int
    snapshots: int
    max_input: int
    seats: tuple[SeatInfo, ...]
    settings: Value = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    tick: int
    base: int
    """The tick of the snapshot it changes; 0 for none, then it is whole."""
    time_ms: int
    """Since the match began."""
    ack: int
    """The last input that was used; 0 for none."""
    echo_ms: int
    """The sender's time in the newest packet of inputs, `held_ms` before this left."""
    held_ms: int
    part: int
    parts: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Told:
    data: Value


@dataclass(frozen=True, slots=True)
class SeatsChanged:
    seats: tuple[SeatInfo, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    code: str
    message: str


FromPlayer = Hello | Inputs | Message
FromServer = Welcome | Snapshot | Told | SeatsChanged | Refused

_INPUTS = struct.Struct(">BIIIB")
_LENGTH = struct.Struct(">H")
_SNAPSHOT = struct.Struct(">BIIIIIHBB")
_U32 = 0xFFFF_FFFF


def pack(value: Value) -> bytes:
    """Raises TypeError or ValueError for what MessagePack cannot carry."""
    return _packb(value, use_bin_type=True)


def unpack(data: bytes) -> Value:
    """Raises Malformed."""
    try:
        return _unpackb(data, raw=False, strict_map_key=False)
    except Exception as error:  # noqa: BLE001 - its errors share no base
        raise Malformed(f"not MessagePack: {error}") from None


# What players say


def encode_player(message: FromPlayer) -> bytes:
    match message:
        case Hello(spectate):
            return bytes((HELLO, VERSION, int(spectate)))
        case Inputs(seen, client_ms, first, inputs):
            head = _INPUTS.pack(INPUTS, seen, client_ms & _U32, first, len(inputs))
            return head + b"".join(_LENGTH.pack(len(one)) + one for one in inputs)
        case Message(data):
            return bytes((MESSAGE,)) + pack(data)


def decode_player(data: bytes, *, max_input: int) -> FromPlayer:
    """What a stranger sent. Raises Malformed."""
    match data[0] if data else None:
        case 0x01:
            if len(data) != 3:
                raise Malformed("a hello has three bytes")
            if data[1] != VERSION:
                raise Malformed(f"this server speaks version {VERSION} of the game protocol, not {data[1]}")
            return Hello(bool(data[2] & 1))
        case 0x02:
            return _inputs(data, max_input)
        case 0x03:
            if len(data) - 1 > max_input:
                raise Malformed(f"a message has at most {max_input} bytes")
            return Message(unpack(data[1:]))
        case _:
            raise Malformed("unknown message")


def _inputs(data: bytes, max_input: int) -> Inputs:
    if len(data) < _INPUTS.size:
        raise Malformed("inputs end too early")
    _, seen, client_ms, first, count = _INPUTS.unpack_from(data)
    if count > MAX_INPUTS:
        raise Malformed(f"at most {MAX_INPUTS} inputs in a packet")
    at, inputs = _INPUTS.size, list[bytes]()
    for _ in range(count):
        if at + _LENGTH.size > len(data):
            raise Malformed("inputs end too early")
        (length,) = _LENGTH.unpack_from(data, at)
        at += _LENGTH.size
        if length > max_input:
            raise Malformed(f"an input has at most {max_input} bytes")
        if at + length > len(data):
            raise Malformed("an input ends too early")
        inputs.append(data[at : at + length])
        at += length
    if at != len(data):
        raise Malformed("bytes behind the last input")
    if count and (not first or first + count > _U32):
        raise Malformed("inputs are counted from 1")
    return Inputs(seen, client_ms, first, tuple(inputs))


# What the server says


def encode_server(message: FromServer) -> bytes:
    match message:
        case Welcome():
            return bytes((WELCOME,)) + pack(
                {
                    "version": VERSION,
                    "seat": message.seat,
                    "ticks": message.ticks,
                    "snapshots": message.snapshots,
                    "max_input": message.max_input,
                    "seats": _packable(message.seats),
                    "settings": message.settings,
                }
            )
        case Snapshot():
            return (
                _SNAPSHOT.pack(
                    SNAPSHOT,
                    message.tick,
                    message.base,
                    message.time_ms & _U32,
                    message.ack,
                    message.echo_ms,
                    min(message.held_ms, 0xFFFF),
                    message.part,
                    message.parts,
                )
                + message.body
            )
        case Told(data):
            return bytes((TOLD,)) + pack(data)
        case SeatsChanged(seats):
            return bytes((SEATS,)) + pack(_packable(seats))
        case Refused(code, text):
            return bytes((REFUSED,)) + pack([code, text])


def decode_server(data: bytes) -> FromServer:
    """For players. Raises Malformed."""
    try:
        match data[0] if data else None:
            case 0x81:
                told = unpack(data[1:])
                return Welcome(
                    int(told["seat"]),
                    int(told["ticks"]),
                    int(told["snapshots"]),
                    int(told["max_input"]),
                    _seats(told["seats"]),
                    told["settings"],
                )
            case 0x82:
                if len(data) < _SNAPSHOT.size:
                    raise Malformed("a snapshot ends too early")
                _, *numbers = _SNAPSHOT.unpack_from(data)
                snapshot = Snapshot(*numbers, body=data[_SNAPSHOT.size :])
                if not 0 <= snapshot.part < snapshot.parts <= MAX_PARTS or snapshot.base >= snapshot.tick:
                    raise Malformed("a snapshot with odd parts")
                return snapshot
            case 0x83:
                return Told(unpack(data[1:]))
            case 0x84:
                return SeatsChanged(_seats(unpack(data[1:])))
            case 0x85:
                code, text = unpack(data[1:])
                return Refused(str(code), str(text))
            case _:
                raise Malformed("unknown message")
    except (KeyError, TypeError, ValueError) as error:
        raise Malformed(str(error)) from None


def _packable(seats: Sequence[SeatInfo]) -> list[list[Value]]:
    return [[one.seat, one.identity, one.name, one.connected] for one in seats]


def _seats(told: Value) -> tuple[SeatInfo, ...]:
    return tuple(SeatInfo(int(seat), str(identity), str(name), bool(here)) for seat, identity, name, here in told)
