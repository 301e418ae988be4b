"""Through this project's own TURN server: relayed candidates alone, reflexive ones, wrong passwords, servers that do not answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest
from test_data_channels import channels

from roomful._native.media import Turn
from roomful.auth.relay import credentials
from roomful.rtc import RTCConfiguration, RTCIceServer, RTCPeerConnection


@pytest.fixture
def turn() -> Iterator[int]:
    server = Turn(secrets=[b"north"], addresses=["127.0.0.1"], udp_port=0, allowed=["127.0.0.0/8"])
    yield next(port for kind, _, port in server.ports() if kind == "udp")
    server.close()


def relayed(port: int, secret: bytes = b"north", gather_timeout_s: float = 5) -> RTCConfiguration:
    username, credential = credentials(secret, "ada", int(time.time()) + 600)
    return RTCConfiguration(
        iceServers=[RTCIceServer(f"turn:127.0.0.1:{port}", username, credential)],
        iceTransportPolicy="relay",
        addresses=["127.0.0.1"],
        gather_timeout_s=gather_timeout_s,
    )


@pytest.mark.asyncio
async def test_all_goes_through_the_relay(turn: int) -> None:
    async with (
        asyncio.timeout(30),
        RTCPeerConnection(relayed(turn)) as one,
        RTCPeerConnection(relayed(turn)) as other,
    ):
        mine, theirs = await channels(one, other)
        assert one.localDescription
        lines = [line for line in one.localDescription.sdp.splitlines() if line.startswith("a=candidate")]
        assert lines
        assert all(" typ relay " in line for line in lines)
        for size in (1, 1000, 100_000):
            mine.send(bytes(size))
            assert len(await theirs.receive()) == size
        theirs.send("back")
        assert await mine.receive() == "back"


@pytest.mark.asyncio
async def test_without_a_password_there_is_no_relay(turn: int) -> None:
    async with asyncio.timeout(30), RTCPeerConnection(relayed(turn, b"south")) as pc:
        pc.createDataChannel("x")
        await pc.setLocalDescription()
        assert pc.iceGatheringState == "complete"
        assert pc.localDescription
        assert "a=candidate" not in pc.localDescription.sdp


@pytest.mark.asyncio
async def test_a_server_that_does_not_answer_costs_the_given_time() -> None:
    async with asyncio.timeout(10), RTCPeerConnection(relayed(9, gather_timeout_s=0.2)) as pc:
        pc.createDataChannel("x")
        await pc.setLocalDescription()
        assert pc.iceGatheringState == "gathering"


@pytest.mark.asyncio
async def test_a_stun_server_that_sees_what_we_know_adds_nothing(turn: int) -> None:
    configuration = RTCConfiguration(iceServers=[RTCIceServer(f"stun:localhost:{turn}")], addresses=["127.0.0.1"])
    async with asyncio.timeout(10), RTCPeerConnection(configuration) as pc:
        pc.createDataChannel("x")
        await pc.setLocalDescription()
        assert pc.localDescription
        assert pc.localDescription.sdp.count("a=candidate") == 1
        assert pc.iceGatheringState == "complete"
