"""An unmodified client from npm (`@livekit/rtc-node`) in the same room as a browser and a Python client."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import pytest
from clients import token
from conftest import Enter, Server
from livekit import rtc
from people import until

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio]
FOLDER = Path(__file__).parent / "node"


async def test_node_sends_and_receives_media_data_and_rpc(enter: Enter, server: Server) -> None:
    npm = shutil.which("npm")
    assert npm, "Node.js and npm are needed"
    if not (FOLDER / "node_modules" / "@livekit" / "rtc-node").exists():
        install = await asyncio.create_subprocess_exec(npm, "ci", "--no-audit", "--no-fund", cwd=FOLDER)
        assert await install.wait() == 0
    ada = await enter("Ada", "node")
    node = await asyncio.create_subprocess_exec(
        "node", "client.mjs", server.ws, token("noddy", "node"), "25", cwd=FOLDER, stdout=asyncio.subprocess.PIPE
    )
    said: list[dict[str, object]] = []

    async def listen() -> None:
        assert node.stdout is not None
        async for line in node.stdout:
            if line.startswith(b"{"):
                said.append(json.loads(line))

    listening = asyncio.create_task(listen())
    client = rtc.Room()
    try:

        async def sees() -> bool:
            return await ada.sees("noddy", more_than=5) and await ada.hears("noddy")

        await until("Ada sees and hears the Node client", sees, 30)
        await client.connect(server.ws, token("snake", "node"))
        answer = await client.local_participant.perform_rpc(
            destination_identity="noddy", method="shout", payload="hello"
        )
        assert answer == "HELLO"
        await client.local_participant.publish_data(b"hi node", reliable=True, topic="t")

        async def told() -> bool:
            return any(one.get("data") == "hi node" and one.get("from") == "snake" for one in said)

        await until("the Node client gets data", told)

        async def received() -> bool:
            last = next((one for one in reversed(said) if "frames" in one), {})
            frames, loud = last.get("frames"), last.get("loud")
            assert isinstance(frames, dict) and isinstance(loud, dict)
            return any(v > 5 for v in frames.values()) and any(v > 200 for v in loud.values())

        await until("the Node client sees and hears Ada", received, 30)
    finally:
        await client.disconnect()
        if node.returncode is None:
            node.terminate()
        await node.wait()
        await listening
