"""Makes `fixtures/h265.json`: an H.265 stream in RTP packets that are not ours, with their payloads.

    pip install av && python tests/media/h265.py

libx265 encodes a moving picture, FFmpeg's RTP muxer (RFC 7798) packs it: parameter sets, single NAL units, aggregation packets and
fragmentation units. Only people who make the fixture anew need PyAV.
"""

from __future__ import annotations

import importlib
import json
import socket
import struct
from pathlib import Path
from typing import Any

FIXTURE = Path(__file__).parent / "fixtures" / "h265.json"
WIDTH, HEIGHT, FPS, FRAMES, KEY_EVERY = 320, 176, 30, 36, 12
PACKET = 400
"""Bytes of a packet: small, so that a small picture needs fragments."""


def picture(av: Any, number: int) -> Any:
    """A frame: two gradients, one of which moves."""
    luma = bytes((x * 2 + y + number * 5 + (x * y >> 4) & 255) for y in range(HEIGHT) for x in range(WIDTH))
    frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
    frame.planes[0].update(luma)
    for plane, shade in ((1, 90), (2, 160)):
        frame.planes[plane].update(bytes([shade]) * (WIDTH * HEIGHT // 4))
    frame.pts = number
    return frame


def packets() -> list[bytes]:
    """The stream's RTP packets, as FFmpeg sent them over loopback."""
    av: Any = importlib.import_module("av")

    taken: list[bytes] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as into:
        into.bind(("127.0.0.1", 0))
        into.settimeout(0.2)
        url = f"rtp://127.0.0.1:{into.getsockname()[1]}?pkt_size={PACKET}&rtcpport=9"
        out = av.open(url, "w", format="rtp")
        params = (
            f"keyint={KEY_EVERY}:min-keyint={KEY_EVERY}:scenecut=0:bframes=0:repeat-headers=1:info=0:log-level=none"
        )
        stream = out.add_stream("libx265", rate=FPS, options={"x265-params": params, "tune": "zerolatency"})
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = WIDTH, HEIGHT, "yuv420p", 60_000
        for number in range(FRAMES + 1):
            for packet in stream.encode(picture(av, number) if number < FRAMES else None):
                out.mux(packet)
            while True:
                try:
                    taken.append(into.recv(2048))
                except TimeoutError:
                    break
        out.close()
    return taken


def main() -> None:
    rows: list[tuple[int, int, str]] = []
    first: int | None = None
    for packet in packets():
        second, timestamp = packet[1], struct.unpack("!I", packet[4:8])[0]
        # RTCP has types 192-223 there (RFC 5761 §4).
        if 192 <= second <= 223:
            continue
        first = timestamp if first is None else first
        rows.append((timestamp - first & 0xFFFFFFFF, second >> 7, packet[12:].hex()))
    text = ",\n".join(json.dumps(row) for row in rows)
    head = {"codec": "video/H265", "key_every": KEY_EVERY, "columns": ["timestamp", "marker", "payload"]}
    FIXTURE.write_text(json.dumps(head)[:-1] + f', "packets": [\n{text}\n]}}\n')
    print(f"{len(rows)} packets, {FIXTURE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
