"""Two ends of one data channel in one Python process and event loop: `python -m benches.channels.ends LIBRARY BYTES SECONDS` prints JSON.

LIBRARY is `roomful` or `aiortc`: the same program for both, which is what their APIs are for. Run by `benches/data.py`.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
import time
from typing import Any

FULL = 1 << 20
"""What may wait to be sent, bytes."""


async def measure(library: str, size: int, seconds: float) -> dict[str, float]:
    module: Any = importlib.import_module("roomful.rtc" if library == "roomful" else library)
    one, other = module.RTCPeerConnection(), module.RTCPeerConnection()
    channel = one.createDataChannel("bench")
    count = 0
    opened, low = asyncio.Event(), asyncio.Event()

    def counted(_message: bytes) -> None:
        nonlocal count
        count += 1

    other.on("datachannel", lambda seen: seen.on("message", counted))
    channel.on("open", opened.set)
    channel.on("bufferedamountlow", low.set)
    channel.bufferedAmountLowThreshold = FULL // 2
    await one.setLocalDescription(await one.createOffer())
    await other.setRemoteDescription(one.localDescription)
    await other.setLocalDescription(await other.createAnswer())
    await one.setRemoteDescription(other.localDescription)
    await opened.wait()
    message = bytes(size)
    batch = max(1, min(256, (64 << 10) // size))

    async def send(until: float) -> None:
        while time.monotonic() < until:
            for _ in range(batch):
                channel.send(message)
            if channel.bufferedAmount > FULL:
                low.clear()
                await low.wait()
            else:
                await asyncio.sleep(0)

    await send(time.monotonic() + 1)
    start, before = time.monotonic(), count
    await send(start + seconds)
    rate = (count - before) / (time.monotonic() - start)
    await one.close()
    await other.close()
    return {"messages_per_s": rate, "bytes_per_s": rate * size}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measure(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))))
