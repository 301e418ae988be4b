"""Two connections of this package over loopback: channels, states, backpressure, bounds, ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from roomful.rtc import (
    ConnectionFailed,
    Event,
    InvalidAccessError,
    InvalidModificationError,
    InvalidStateError,
    OperationError,
    RTCConfiguration,
    RTCDataChannel,
    RTCIceCandidate,
    RTCPeerConnection,
    RTCSessionDescription,
    SessionDescriptionError,
)

LOCAL = RTCConfiguration(addresses=["127.0.0.1"])


@asynccontextmanager
async def two() -> AsyncIterator[tuple[RTCPeerConnection, RTCPeerConnection]]:
    async with RTCPeerConnection(LOCAL) as one, RTCPeerConnection(LOCAL) as other:
        yield one, other


async def negotiate(one: RTCPeerConnection, other: RTCPeerConnection) -> None:
    """`one` offers."""
    await one.setLocalDescription(await one.createOffer())
    assert one.localDescription is not None
    await other.setRemoteDescription(one.localDescription)
    await other.setLocalDescription(await other.createAnswer())
    assert other.localDescription is not None
    await one.setRemoteDescription(other.localDescription)


async def channels(
    one: RTCPeerConnection, other: RTCPeerConnection, label: str = "chat", **options: object
) -> tuple[RTCDataChannel, RTCDataChannel]:
    """A channel of `one` and what `other` sees of it."""
    seen: asyncio.Queue[RTCDataChannel] = asyncio.Queue()
    other.on("datachannel", seen.put_nowait)
    mine = one.createDataChannel(label, **options)  # type: ignore[arg-type]
    if one.signalingState == "stable" and one.currentLocalDescription is None:
        await negotiate(one, other)
    async with asyncio.timeout(10):
        theirs = await seen.get()
    other.remove_listener("datachannel", seen.put_nowait)
    return mine, theirs


@pytest.mark.asyncio
async def test_text_and_bytes_go_both_ways() -> None:
    async with two() as (one, other), asyncio.timeout(20):
        mine, theirs = await channels(one, other, protocol="game")
        assert (theirs.label, theirs.protocol, theirs.ordered, theirs.readyState) == ("chat", "game", True, "open")
        sent: list[str | bytes] = ["grüße", b"\x00\xff", "", b"", b"x" * 200_000]
        for message in sent:
            mine.send(message)
        assert [await theirs.receive() for _ in sent] == sent
        theirs.send(bytearray(b"back"))
        theirs.send(memoryview(b"and again"))
        assert [await mine.receive(), await mine.receive()] == [b"back", b"and again"]
        await mine.flush()
        assert mine.bufferedAmount == 0
        await one.connected()
        assert one.iceConnectionState == "completed"
        assert one.iceGatheringState == "complete"


@pytest.mark.asyncio
async def test_both_habits_of_listening() -> None:
    async with two() as (one, other), asyncio.timeout(20):
        mine, theirs = await channels(one, other)
        heard: list[object] = []
        done = asyncio.Event()

        @mine.on("message")
        async def plain(message: str) -> None:
            heard.append(("plain", message))

        def w3c(event: Event) -> None:
            heard.append((event.type, event.data, event.target is mine))

        def last(event: Event) -> None:
            heard.append("property")
            done.set()

        mine.addEventListener("message", w3c)
        mine.onmessage = last
        theirs.send("hi")
        await done.wait()
        await asyncio.sleep(0)
        assert sorted(map(str, heard)) == sorted(map(str, [("plain", "hi"), ("message", "hi", True), "property"]))


@pytest.mark.asyncio
async def test_messages_before_the_first_listener_are_his() -> None:
    async with two() as (one, other), asyncio.timeout(20):
        mine, theirs = await channels(one, other)
        for n in range(1000):
            mine.send(str(n))
        await mine.flush()
        heard: list[str] = []
        done = asyncio.Event()

        @theirs.on("message")
        def listen(message: str) -> None:
            heard.append(message)
            if message == "1999":
                done.set()

        for n in range(1000, 2000):
            mine.send(str(n))
        await done.wait()
        assert heard == [str(n) for n in range(2000)]


@pytest.mark.asyncio
async def test_a_slow_reader_holds_the_sender_back() -> None:
    async with two() as (one, other), asyncio.timeout(60):
        mine, theirs = await channels(one, other)
        message = bytes(65_536)
        sent = 0
        with pytest.raises(OperationError) as refused:
            for _ in range(2000):
                mine.send(message)
                sent += 1
                if sent % 16 == 0:
                    await asyncio.sleep(0)
        assert refused.value.code == "backpressure"
        count = 0
        async for got in theirs:
            assert len(got) == len(message)
            count += 1
            if count == sent:
                break
        await mine.flush()
        assert sent < 1000


@pytest.mark.asyncio
async def test_drain_lets_much_through() -> None:
    async with two() as (one, other), asyncio.timeout(60):
        mine, theirs = await channels(one, other)
        total = 0
        done = asyncio.Event()

        @theirs.on("message")
        def listen(message: bytes) -> None:
            nonlocal total
            total += len(message)
            if total == 40 << 20:
                done.set()

        low = 0

        @mine.on("bufferedamountlow")
        def fell() -> None:
            nonlocal low
            low += 1

        mine.bufferedAmountLowThreshold = 600_000
        for _ in range(40 * 16):
            mine.send(bytes(65_536))
            await mine.drain()
            assert mine.bufferedAmount <= (1 << 20) + 65_536
        await done.wait()
        assert low > 0


@pytest.mark.asyncio
async def test_unreliable_and_agreed_channels() -> None:
    async with two() as (one, other), asyncio.timeout(20):
        pair = [pc.createDataChannel("same", negotiated=True, id=40) for pc in (one, other)]
        mine, theirs = await channels(one, other, "lossy", ordered=False, maxRetransmits=0)
        assert (theirs.ordered, theirs.maxRetransmits, theirs.maxPacketLifeTime) == (False, 0, None)
        timed, seen = await channels(one, other, "timed", maxPacketLifeTime=150)
        assert (seen.maxPacketLifeTime, seen.ordered, seen.id) == (150, True, timed.id)
        await asyncio.gather(*(channel.opened() for channel in pair))
        pair[0].send("agreed")
        assert await pair[1].receive() == "agreed"
        mine.send("fast")
        assert await theirs.receive() == "fast"


@pytest.mark.asyncio
async def test_what_was_sent_arrives_before_the_end() -> None:
    async with two() as (one, other), asyncio.timeout(20):
        mine, theirs = await channels(one, other)
        closed = asyncio.Event()
        mine.on("close", closed.set)
        for n in range(100):
            mine.send(str(n))
        mine.close()
        with pytest.raises(InvalidStateError):
            mine.send("too late")
        assert [message async for message in theirs] == [str(n) for n in range(100)]
        await closed.wait()
        assert (mine.readyState, theirs.readyState) == ("closed", "closed")
        with pytest.raises(InvalidStateError):
            await theirs.receive()


@pytest.mark.asyncio
async def test_closing_a_connection_is_heard() -> None:
    async with two() as (one, other), asyncio.timeout(20):
        _mine, theirs = await channels(one, other)
        closed = asyncio.Event()
        theirs.on("close", closed.set)
        await one.close()
        await closed.wait()
        assert (one.connectionState, one.signalingState) == ("closed", "closed")
        with pytest.raises(InvalidStateError):
            await one.createOffer()
        with pytest.raises(InvalidStateError):
            one.createDataChannel("x")


@pytest.mark.asyncio
async def test_candidates_trickle_when_somebody_listens() -> None:
    async with two() as (one, other), asyncio.timeout(20):
        for pc, far in ((one, other), (other, one)):

            def tell(candidate: RTCIceCandidate | None, far: RTCPeerConnection = far) -> None:
                told.append((far, candidate))

            pc.on("icecandidate", tell)
        told: list[tuple[RTCPeerConnection, RTCIceCandidate | None]] = []
        one.createDataChannel("x")
        offer = await one.createOffer()
        assert "a=candidate" not in offer.sdp
        await one.setLocalDescription(offer)
        await other.setRemoteDescription(offer)
        answer = await other.createAnswer()
        await other.setLocalDescription(answer)
        await one.setRemoteDescription(answer)
        for far, candidate in told:
            await far.addIceCandidate(candidate and candidate.toJSON())
        assert {candidate.sdpMid for _, candidate in told if candidate} == {"0"}
        assert sum(candidate is None for _, candidate in told) == 2
        await one.connected()
        await other.connected()


@pytest.mark.asyncio
async def test_two_offers_at_once_become_one() -> None:
    async with two() as (one, other), asyncio.timeout(20):
        needed: list[str] = []
        one.on("negotiationneeded", lambda: needed.append("one"))
        one.createDataChannel("mine")
        other.createDataChannel("theirs")
        await one.setLocalDescription()
        await other.setLocalDescription()
        assert (one.signalingState, other.signalingState) == ("have-local-offer", "have-local-offer")
        assert one.localDescription and one.localDescription.type == "offer"
        await other.setRemoteDescription(one.localDescription)
        await other.setLocalDescription()
        assert other.localDescription and other.localDescription.type == "answer"
        await one.setRemoteDescription(other.localDescription.toJSON())
        await asyncio.gather(one.connected(), other.connected())
        assert needed == ["one"]
        # A second offer of the other side, on what stands.
        await other.setLocalDescription(await other.createOffer(iceRestart=True))
        await one.setRemoteDescription(other.localDescription)
        await one.setLocalDescription()
        assert one.localDescription
        await other.setRemoteDescription(one.localDescription)
        assert (one.signalingState, other.signalingState) == ("stable", "stable")


@pytest.mark.asyncio
async def test_bad_words_are_told_and_change_nothing() -> None:
    async with two() as (one, other):
        with pytest.raises(InvalidStateError, match="nothing to offer"):
            await one.createOffer()
        with pytest.raises(InvalidStateError, match="description"):
            await one.addIceCandidate("candidate:1 1 udp 1 127.0.0.1 9 typ host")
        for sdp in ("", "nonsense", "v=0\r\nm=audio\r\n"):
            with pytest.raises((SessionDescriptionError, InvalidAccessError)):
                await one.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        one.createDataChannel("x")
        offer = await one.createOffer()
        changed = RTCSessionDescription(offer.sdp.replace("5000", "5001"), "offer")
        with pytest.raises(InvalidModificationError, match="not the description"):
            await one.setLocalDescription(changed)
        await other.setRemoteDescription(offer)
        for candidate in ("candidate:nonsense", "candidate:1 1 udp x 127.0.0.1 9 typ host", "x" * 5000):
            with pytest.raises(SessionDescriptionError, match="candidate"):
                await other.addIceCandidate(candidate)
        await other.addIceCandidate("candidate:1 1 udp 2122 host.local 9 typ host")
        await other.addIceCandidate(None)
        assert (one.signalingState, other.signalingState) == ("stable", "have-remote-offer")
        await other.setLocalDescription(RTCSessionDescription("", "rollback"))
        assert other.signalingState == "stable"


@pytest.mark.asyncio
async def test_arguments_are_checked() -> None:
    async with RTCPeerConnection(LOCAL) as pc:
        for options in (
            {"maxRetransmits": 1, "maxPacketLifeTime": 1},
            {"maxRetransmits": -1},
            {"maxPacketLifeTime": 70_000},
            {"negotiated": True},
            {"negotiated": True, "id": 65_535},
            {"protocol": "p" * 300},
        ):
            with pytest.raises(ValueError):
                pc.createDataChannel("x", **options)  # type: ignore[arg-type]
        channel = pc.createDataChannel("x")
        with pytest.raises(TypeError, match="not int"):
            channel.send(5)  # type: ignore[arg-type]
        with pytest.raises(OperationError) as refused:
            channel.send(bytes(262_145))
        assert refused.value.code == "too_large"
        with pytest.raises(ValueError, match="0 to"):
            channel.bufferedAmountLowThreshold = -1
    with pytest.raises(OperationError, match="not an IP address"):
        RTCPeerConnection(RTCConfiguration(addresses=["everywhere"]))
    with pytest.raises(OperationError):
        RTCPeerConnection(RTCConfiguration(addresses=["203.0.113.7"]))


@pytest.mark.asyncio
async def test_a_wrong_certificate_is_no_connection() -> None:
    async with two() as (one, other), asyncio.timeout(20):
        channel = one.createDataChannel("x")
        failed = asyncio.Event()
        channel.on("error", lambda _error: failed.set())
        await one.setLocalDescription()
        assert one.localDescription
        await other.setRemoteDescription(one.localDescription)
        await other.setLocalDescription()
        assert other.localDescription
        lines = other.localDescription.sdp.splitlines()
        forged = [
            line if "fingerprint" not in line else "a=fingerprint:sha-256 " + ":".join(["00"] * 32) for line in lines
        ]
        await one.setRemoteDescription(RTCSessionDescription("\r\n".join(forged) + "\r\n", "answer"))
        with pytest.raises(ConnectionFailed, match="fingerprint"):
            await one.connected()
        await failed.wait()
        assert (one.connectionState, channel.readyState) == ("failed", "closed")


def test_loops_leave_nothing_behind() -> None:
    async def once() -> None:
        async with two() as (one, other), asyncio.timeout(20):
            mine, theirs = await channels(one, other)
            mine.send("x")
            assert await theirs.receive() == "x"

    for _ in range(3):
        asyncio.run(once())
