"""A remote procedure call from the server to a participant, as LiveKit's clients call each other, over data packets.

The request carries the call's id in the sender's place; the answer is addressed to that id, so nobody else gets it.
"""

from __future__ import annotations

import asyncio

from google.protobuf.message import DecodeError
from livekit.protocol.models import DataPacket, RpcRequest

from roomful.edge.livekit.twirp.errors import TwirpError
from roomful.ports import DataPassed
from roomful.service.actor import RoomActor

MAX_PAYLOAD = 15 * 1024
"""Bytes, as clients hold it too."""
ACK_S = 7.0
"""A participant that lives acknowledges within this time."""
DEFAULT_TIMEOUT_MS = 15_000
MAX_TIMEOUT_MS = 120_000
_VERSION = 1
_CODES = {
    1400: "unimplemented",
    1402: "invalid_argument",
    1404: "unimplemented",
    1501: "deadline_exceeded",
    1502: "deadline_exceeded",
    1503: "unavailable",
    1504: "resource_exhausted",
}


async def call(actor: RoomActor, participant: str, call_id: str, *, method: str, payload: str, timeout_ms: int) -> str:
    """The answer's payload. Raises TwirpError; the callee's own error keeps its code and data in `meta`."""
    if len(payload.encode()) > MAX_PAYLOAD:
        raise _error(1402, "Request payload too large")
    timeout_ms = min(timeout_ms or DEFAULT_TIMEOUT_MS, MAX_TIMEOUT_MS)
    loop = asyncio.get_running_loop()
    acknowledged: asyncio.Future[None] = loop.create_future()
    answered: asyncio.Future[str] = loop.create_future()

    def hear(passed: DataPassed) -> None:
        if passed.participant != participant:
            return
        packet = DataPacket()
        try:
            packet.ParseFromString(passed.packet)
        except DecodeError:
            return
        which = packet.WhichOneof("value")
        if which == "rpc_ack" and packet.rpc_ack.request_id == call_id and not acknowledged.done():
            acknowledged.set_result(None)
        elif which == "rpc_response" and packet.rpc_response.request_id == call_id and not answered.done():
            if not acknowledged.done():
                acknowledged.set_result(None)
            response = packet.rpc_response
            if response.WhichOneof("value") == "error":
                answered.set_exception(_error(response.error.code, response.error.message, response.error.data))
            else:
                answered.set_result(response.payload)

    request = RpcRequest(id=call_id, method=method, payload=payload, response_timeout_ms=timeout_ms, version=_VERSION)
    packet = DataPacket(kind=DataPacket.RELIABLE, participant_identity=call_id, rpc_request=request)
    stop = actor.listen_data(hear)
    try:
        actor.send_data(packet.SerializeToString(), "reliable", (participant,))
        try:
            async with asyncio.timeout(min(ACK_S, timeout_ms / 1000)):
                await acknowledged
        except TimeoutError:
            raise _error(1501, "Connection timeout") from None
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                return await answered
        except TimeoutError:
            raise _error(1502, "Response timeout") from None
    finally:
        stop()
        answered.cancel()


def _error(code: int, message: str, data: str = "") -> TwirpError:
    meta = {"rpc_code": str(code), **({"rpc_data": data} if data else {})}
    return TwirpError(_CODES.get(code, "internal"), message, meta)
