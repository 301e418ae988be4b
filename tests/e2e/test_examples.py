"""Each program of examples/ as its reader runs it, judged by what somebody would see."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from clients import token
from conftest import Server
from livekit import rtc
from people import until
from programs import environment, serving

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio]
EXAMPLES = Path(__file__).parents[2] / "examples"


def source(name: str) -> str:
    return (EXAMPLES / name).read_text()


def start(command: list[str], folder: Path, log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as out:
        return subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=environment(folder))


def said(what: Callable[[], str], text: str) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        return text in what()

    return check


async def test_plain_server_tells_who_comes_and_goes(tmp_path: Path) -> None:
    with serving(source("plain_server.py"), tmp_path) as program:
        page = await asyncio.to_thread(httpx.get, program.http)
        assert page.status_code == 200 and "<div id" in page.text, "the web app is served"
        room = rtc.Room()
        await room.connect(program.ws, token("ann", "lobby"))
        await until("the program greets", said(lambda: program.said, "ann comes to lobby"))
        await room.disconnect()
        await until("the program says goodbye", said(lambda: program.said, "ann leaves lobby"))


async def test_fastapi_mount_lets_in_whoever_its_own_login_knows(tmp_path: Path) -> None:
    with serving(source("fastapi_mount.py"), tmp_path, asgi="app") as program:
        async with httpx.AsyncClient(base_url=program.http) as client:
            wrong = await client.post("/login", params={"user": "ann", "password": "no"})
            assert wrong.status_code == 401
            unknown = await client.post("/login", params={"user": "", "password": ""})
            assert unknown.status_code == 401
            ticket = (await client.post("/login", params={"user": "ann", "password": "secret"})).json()["token"]
            assert (await client.get("/")).status_code == 200, "the page is mounted below the application's own paths"
        room = rtc.Room()
        await room.connect(program.ws, ticket)
        assert (room.name, room.local_participant.identity, room.local_participant.name) == ("lobby", "ann", "Ann")
        await room.disconnect()
        with pytest.raises(rtc.ConnectError):
            await rtc.Room().connect(program.ws, token("eve", "lobby"))
        async with httpx.AsyncClient(base_url=program.http) as client:
            await client.get("/rtc/validate", params={"access_token": ticket})
        assert "/rtc/validate?access_token=…" in program.said, "uvicorn logs the request"
        assert ticket not in program.said, "and no token"


async def test_gatekeeper_refuses_rooms_and_lets_guests_only_watch(tmp_path: Path) -> None:
    with serving(source("gatekeeper.py"), tmp_path) as program:
        with pytest.raises(rtc.ConnectError):
            await rtc.Room().connect(program.ws, token("ann", "elsewhere"))
        teacher, guest = rtc.Room(), rtc.Room()
        await teacher.connect(program.ws, token("Teacher", "class"))
        await guest.connect(program.ws, token("ben", "class"))
        assert teacher.local_participant.metadata == "teacher"
        assert guest.local_participant.metadata == "guest"
        published = await teacher.local_participant.publish_track(
            rtc.LocalVideoTrack.create_video_track("board", rtc.VideoSource(64, 48))
        )
        assert published.sid
        with pytest.raises(Exception, match=r"(?i)permission|not allowed|timed? ?out"):
            await guest.local_participant.publish_track(
                rtc.LocalVideoTrack.create_video_track("prank", rtc.VideoSource(64, 48))
            )
        await guest.disconnect()
        await teacher.disconnect()


async def test_python_client_is_seen_and_heard(server: Server, tmp_path: Path) -> None:
    viewer = rtc.Room()
    tasks: list[asyncio.Task[None]] = []
    pictures: list[Any] = []
    sounds: list[Any] = []
    greetings: list[bytes] = []

    async def watch(track: rtc.Track) -> None:
        if track.kind == rtc.TrackKind.KIND_VIDEO:
            async for event in rtc.VideoStream(track, format=rtc.VideoBufferType.RGBA):
                pictures.append(event.frame)
        else:
            async for event in rtc.AudioStream(track, sample_rate=48_000, num_channels=1):
                sounds.append(np.frombuffer(event.frame.data, dtype=np.int16))

    viewer.on("track_subscribed", lambda track, _publication, _who: tasks.append(asyncio.create_task(watch(track))))
    viewer.on("data_received", lambda packet: greetings.append(packet.data))
    await viewer.connect(server.ws, token("viewer", "studio"))
    command = [sys.executable, str(EXAMPLES / "python_client.py"), "studio", server.ws]
    log = tmp_path / "client.log"
    process = start(command, tmp_path, log)
    try:

        async def enough() -> bool:
            return len(pictures) > 30 and len(sounds) > 200

        await until("a picture and a tone arrive", enough, within_s=40)

        # A busy machine skips pictures and fills gaps in the sound: what counts is what it shows when it keeps up.
        async def a_bar_moves() -> bool:
            last = [
                np.frombuffer(one.data, np.uint8).reshape(one.height, one.width, 4)[:, :, 0] for one in pictures[-2:]
            ]
            bright = all(one.max() > 180 > 60 > one.min() for one in last)
            return bool(bright and np.abs(last[0].astype(int) - last[1].astype(int)).max() > 60)

        async def a_tone_is_heard() -> bool:
            wave = np.concatenate(sounds[-100:]).astype(float)
            return bool(abs(np.argmax(np.abs(np.fft.rfft(wave))) * 48_000 / len(wave) - 440) < 3)

        await until("a bright bar moves on a dark ground", a_bar_moves)
        await until("a tone of 440 Hz is heard", a_tone_is_heard, within_s=60)
        assert greetings == [b"hello from Python"]
        process.send_signal(signal.SIGINT)
        assert await asyncio.to_thread(process.wait, 20) == 0, log.read_text()
        assert "bye" in log.read_text()
    finally:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        for task in tasks:
            task.cancel()
        await viewer.disconnect()
