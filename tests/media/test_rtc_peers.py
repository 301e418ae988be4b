"""`roomful.rtc` calls pion, aiortc and Chromium and is called by them: data channels both ways, with any of them making the offer."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from aiortc import RTCPeerConnection as OtherConnection
from aiortc import RTCSessionDescription as OtherDescription
from aiortc.mediastreams import AudioStreamTrack
from chromium import FLAGS
from playwright.async_api import Page, async_playwright

from roomful.rtc import (
    AudioSource,
    MediaStreamTrack,
    RTCDataChannel,
    RTCPeerConnection,
    RTCSessionDescription,
    VideoSource,
)

PION = Path(__file__).parent / "pion_peer"
MESSAGES: list[str | bytes] = ["hello", b"\x00\x01", "", "grüße", b"x" * 100_000]


async def incoming(pc: RTCPeerConnection) -> RTCDataChannel:
    seen: asyncio.Queue[RTCDataChannel] = asyncio.Queue()
    pc.on("datachannel", seen.put_nowait)
    return await seen.get()


async def offered(pc: RTCPeerConnection) -> RTCSessionDescription:
    await pc.setLocalDescription()
    assert pc.localDescription
    return pc.localDescription


async def answered(pc: RTCPeerConnection, offer: dict[str, Any]) -> RTCSessionDescription:
    await pc.setRemoteDescription(offer)
    return await offered(pc)


async def echoed(channel: RTCDataChannel, messages: list[str | bytes] = MESSAGES) -> None:
    """The other side sends back what it is sent."""
    await channel.opened()
    for message in messages:
        channel.send(message)
    assert [await channel.receive() for _ in messages] == messages


async def filled(channel: RTCDataChannel) -> None:
    """8 MiB there and back."""
    message = bytes(range(256)) * 256
    sending = asyncio.create_task(_fill(channel, message))
    for _ in range(128):
        assert await channel.receive() == message
    await sending


async def _fill(channel: RTCDataChannel, message: bytes) -> None:
    for _ in range(128):
        channel.send(message)
        await channel.drain()


# pion


@pytest.fixture(scope="module")
def pion(tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert shutil.which("go"), "Go is needed (on Debian: apt install golang)"
    out = tmp_path_factory.mktemp("pion") / "peer"
    subprocess.run(["go", "build", "-o", out, "."], cwd=PION, check=True)
    return out


@asynccontextmanager
async def running(*words: str | Path) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(*words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, limit=1 << 20)
    try:
        yield process
    finally:
        assert process.stdin
        process.stdin.close()
        await process.wait()


async def told(process: asyncio.subprocess.Process) -> dict[str, Any]:
    assert process.stdout
    return json.loads(await process.stdout.readline())


def tell(process: asyncio.subprocess.Process, description: RTCSessionDescription) -> None:
    assert process.stdin
    process.stdin.write(json.dumps(description.toJSON()).encode() + b"\n")


@pytest.mark.asyncio
async def test_pion_is_called(pion: Path) -> None:
    async with asyncio.timeout(40), RTCPeerConnection() as pc, running(pion) as peer:
        channel = pc.createDataChannel("to pion")
        lossy = pc.createDataChannel("lossy", ordered=False, maxRetransmits=2)
        tell(peer, await offered(pc))
        await pc.setRemoteDescription(await told(peer))
        await echoed(channel)
        await echoed(lossy, ["one"])
        await filled(channel)


@pytest.mark.asyncio
async def test_pion_calls(pion: Path) -> None:
    async with asyncio.timeout(40), RTCPeerConnection() as pc, running(pion, "-offer") as peer:
        seen = asyncio.create_task(incoming(pc))
        tell(peer, await answered(pc, await told(peer)))
        channel = await seen
        assert (channel.label, await channel.receive()) == ("from pion", "hello from pion")
        await echoed(channel)
        mine = pc.createDataChannel("back")
        await echoed(mine)


# aiortc


@asynccontextmanager
async def aiortc() -> AsyncIterator[OtherConnection]:
    pc = OtherConnection()

    @pc.on("datachannel")
    def echo(channel: Any) -> None:
        channel.on("message", channel.send)

    try:
        yield pc
    finally:
        await pc.close()


@pytest.mark.asyncio
async def test_aiortc_is_called() -> None:
    async with asyncio.timeout(40), RTCPeerConnection() as pc, aiortc() as other:
        channel = pc.createDataChannel("to aiortc")
        offer = await offered(pc)
        await other.setRemoteDescription(OtherDescription(offer.sdp, offer.type))
        await other.setLocalDescription(await other.createAnswer())
        await pc.setRemoteDescription(RTCSessionDescription(other.localDescription.sdp, "answer"))
        # aiortc sends an empty text as it is, and an empty message of bytes as nothing.
        await echoed(channel, ["hello", b"\x00\x01", "grüße", b"x" * 30_000])
        closed = asyncio.Event()
        channel.on("close", closed.set)
        await other.close()
        await closed.wait()


@pytest.mark.asyncio
async def test_aiortc_calls() -> None:
    async with asyncio.timeout(40), RTCPeerConnection() as pc, aiortc() as other:
        channel = other.createDataChannel("from aiortc")
        back: asyncio.Queue[Any] = asyncio.Queue()
        channel.on("message", back.put_nowait)
        await other.setLocalDescription(await other.createOffer())
        seen = asyncio.create_task(incoming(pc))
        answer = await answered(pc, {"type": "offer", "sdp": other.localDescription.sdp})
        await other.setRemoteDescription(OtherDescription(answer.sdp, answer.type))
        mine = await seen
        mine.send("from roomful")
        assert await back.get() == "from roomful"
        channel.send(b"bytes")
        assert await mine.receive() == b"bytes"
        closed = asyncio.Event()
        mine.on("close", closed.set)
        channel.close()
        await closed.wait()


# Chromium


@pytest_asyncio.fixture
async def page() -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
        page = await browser.new_page()
        await page.evaluate(
            """() => {
                self.pc = new RTCPeerConnection();
                pc.ondatachannel = ({ channel }) => {
                    channel.binaryType = "arraybuffer";
                    channel.onmessage = ({ data }) => channel.send(data);
                };
                self.described = async () => {
                    await pc.setLocalDescription();
                    while (pc.iceGatheringState !== "complete") await new Promise((next) => setTimeout(next, 20));
                    return pc.localDescription.toJSON();
                };
            }"""
        )
        yield page
        await browser.close()


@pytest.mark.asyncio
async def test_chromium_is_called(page: Page) -> None:
    async with asyncio.timeout(40), RTCPeerConnection() as pc:
        channel = pc.createDataChannel("to chromium")
        offer = await offered(pc)
        answer = await page.evaluate(
            "async (offer) => { await pc.setRemoteDescription(offer); return described(); }", offer.toJSON()
        )
        await pc.setRemoteDescription(answer)
        await echoed(channel)
        await filled(channel)
        closed = asyncio.Event()
        channel.on("close", closed.set)
        await page.evaluate("() => pc.close()")
        await closed.wait()


@pytest.mark.asyncio
async def test_chromium_calls_and_candidates_trickle(page: Page) -> None:
    async with asyncio.timeout(40), RTCPeerConnection() as pc:
        seen = asyncio.create_task(incoming(pc))
        candidates: asyncio.Queue[Any] = asyncio.Queue()
        pc.on("icecandidate", candidates.put_nowait)
        offer = await page.evaluate(
            """async () => {
                const channel = pc.createDataChannel("from chromium", { ordered: false, maxPacketLifeTime: 500 });
                channel.onopen = () => channel.send("hello");
                channel.onmessage = ({ data }) => channel.send(`heard ${data}`);
                return described();
            }"""
        )
        await pc.setRemoteDescription(offer)
        answer = await pc.createAnswer()
        await pc.setLocalDescription(answer)
        await page.evaluate("(answer) => pc.setRemoteDescription(answer)", answer.toJSON())
        while (candidate := await candidates.get()) is not None:
            await page.evaluate("(candidate) => pc.addIceCandidate(candidate)", candidate.toJSON())
        channel = await seen
        assert (channel.label, channel.ordered, channel.maxPacketLifeTime) == ("from chromium", False, 500)
        assert await channel.receive() == "hello"
        channel.send("roomful")
        assert await channel.receive() == "heard roomful"
        # Chromium begins ICE anew while the channel stays.
        again = await page.evaluate("async () => { pc.restartIce(); return described(); }")
        answer = await answered(pc, again)
        await page.evaluate(
            "(answer) => pc.setRemoteDescription(answer)", pc.localDescription and pc.localDescription.toJSON()
        )
        channel.send("after")
        assert await channel.receive() == "heard after"


@pytest.mark.asyncio
async def test_chromium_sends_and_shows_video(page: Page) -> None:
    async with asyncio.timeout(60), RTCPeerConnection() as pc:
        tracks: asyncio.Queue[MediaStreamTrack] = asyncio.Queue()
        pc.on("track", tracks.put_nowait)
        source = VideoSource()
        # A page of its own address may use the camera; about:blank may only paint.
        offer = await page.evaluate(
            """async () => {
                const canvas = document.createElement("canvas");
                canvas.width = 320;
                canvas.height = 240;
                const paint = canvas.getContext("2d");
                let n = 0;
                setInterval(() => {
                    paint.fillStyle = `rgb(200, 30, ${n++ % 40})`;
                    paint.fillRect(0, 0, 320, 240);
                }, 40);
                const sound = new AudioContext();
                const out = sound.createMediaStreamDestination();
                const tone = sound.createOscillator();
                tone.connect(out);
                tone.start();
                pc.addTrack(canvas.captureStream(25).getVideoTracks()[0]);
                pc.addTrack(out.stream.getAudioTracks()[0]);
                self.video = document.createElement("video");
                video.muted = true;
                pc.ontrack = ({ track }) => {
                    if (track.kind === "video") { video.srcObject = new MediaStream([track]); video.play(); }
                };
                return described();
            }"""
        )
        await pc.setRemoteDescription(offer)
        pc.getTransceivers()[0].direction = "sendrecv"
        pc.getTransceivers()[0].sender.replaceTrack(source)
        answer = await offered(pc)
        await page.evaluate("(answer) => pc.setRemoteDescription(answer)", answer.toJSON())
        await pc.connected()
        picture = np.full((240, 320, 3), (20, 180, 20), np.uint8)

        async def film() -> None:
            while True:
                await source.send(picture)
                await asyncio.sleep(0.04)

        filming = asyncio.create_task(film())
        for _ in range(2):
            track = await tracks.get()
            shown: list[Any] = []
            async with contextlib.aclosing(track.frames()) as frames:
                async for frame in frames:
                    shown.append(frame)
                    if len(shown) == 10:
                        break
            if track.kind == "video":
                red, green, _blue = shown[-1].to_ndarray(format="rgb24")[100, 100]
                assert red > 150 and green < 80
            else:
                assert shown[-1].sample_rate == 48_000
        await page.wait_for_function(
            "() => video.videoWidth === 320 && video.getVideoPlaybackQuality().totalVideoFrames > 10"
        )
        filming.cancel()


@pytest.mark.asyncio
async def test_aiortc_sends_and_takes_sound() -> None:
    async with asyncio.timeout(40), RTCPeerConnection() as pc, aiortc() as other:
        other.addTrack(AudioStreamTrack())
        theirs: asyncio.Queue[Any] = asyncio.Queue()
        other.on("track", theirs.put_nowait)
        seen: asyncio.Queue[MediaStreamTrack] = asyncio.Queue()
        pc.on("track", seen.put_nowait)
        source = AudioSource()
        pc.addTrack(source)
        await other.setLocalDescription(await other.createOffer())
        answer = await answered(pc, {"type": "offer", "sdp": other.localDescription.sdp})
        await other.setRemoteDescription(OtherDescription(answer.sdp, answer.type))
        await pc.connected()

        async def sing() -> None:
            while True:
                await source.send(np.full(960, 3000, np.int16))

        singing = asyncio.create_task(sing())
        async with contextlib.aclosing((await seen.get()).encoded()) as encoded:
            async for frame in encoded:
                assert frame.codec == "opus"
                break
        got = await (await theirs.get()).recv()
        assert got.sample_rate == 48_000
        singing.cancel()
