"""Records what Chromium sends: sizes and headers of RTP packets, for the load client's pattern and for parser tests.

    python tests/media/record.py [--only vp8,opus] [--seconds 8]

Two peer connections of one page call each other over loopback; a packet socket sees their datagrams, whose RTP headers
are not encrypted (RFC 3711 §3.1). A moving picture drawn on a canvas is sent at 2 Mbit/s, swelling tones as voice.
Needs root: it goes into a network namespace of its own, where nothing else is heard.
Payloads are not kept: they are encrypted, and their sizes are what matters. Writes `fixtures/<name>.json`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import socket
import struct
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.async_api import async_playwright

INSIDE = "ROOMFUL_RECORD_INSIDE"
FIXTURES = Path(__file__).parent / "fixtures"
TAG = 16
"""Bytes that AES-GCM adds (RFC 7714 §14.2); taken off again."""
WARM_UP_S = 6.0
"""Until the bandwidth estimate is where the bitrate is."""

CALL = """async ({mime, scalability, kbps}) => {
  const audio = mime.startsWith('audio');
  const canvas = Object.assign(document.createElement('canvas'), {width: 1280, height: 720});
  document.body.append(canvas);
  const draw = canvas.getContext('2d');
  const dots = Array.from({length: 400}, (_, n) => [n * 97 % 1280, n * 61 % 720, 1 + n % 7, 1 + n % 5]);
  const paint = (time) => {
    const shade = draw.createLinearGradient(0, 0, 1280, 720);
    shade.addColorStop(0, `hsl(${time / 40 % 360} 60% 40%)`); shade.addColorStop(1, '#204060');
    draw.fillStyle = shade; draw.fillRect(0, 0, 1280, 720);
    for (const dot of dots) {
      dot[0] = (dot[0] + dot[2]) % 1280; dot[1] = (dot[1] + dot[3]) % 720;
      draw.fillStyle = `hsl(${dot[0] % 360} 80% 60%)`; draw.fillRect(dot[0], dot[1], 14, 14);
    }
    requestAnimationFrame(paint);
  };
  paint(0);
  const a = new RTCPeerConnection(), b = new RTCPeerConnection();
  const gathered = (pc) => new Promise((done) => {
    pc.onicegatheringstatechange = () => pc.iceGatheringState === 'complete' && done();
  });
  const voice = () => {
    const context = new AudioContext(), out = context.createMediaStreamDestination();
    for (const [pitch, beat] of [[140, 3.1], [287, 2.3], [920, 4.7], [2350, 5.9]]) {
      const tone = new OscillatorNode(context, {type: 'sawtooth', frequency: pitch});
      const loud = new GainNode(context, {gain: 0.08}), swell = new OscillatorNode(context, {frequency: beat});
      swell.connect(new GainNode(context, {gain: 0.08})).connect(loud.gain);
      tone.connect(loud).connect(out); tone.start(); swell.start();
    }
    return out.stream;
  };
  const stream = audio ? voice() : canvas.captureStream(30);
  const encoding = audio ? {} : {maxBitrate: kbps * 1000, ...(scalability ? {scalabilityMode: scalability} : {})};
  const sender = a.addTransceiver(stream.getTracks()[0], {direction: 'sendonly', sendEncodings: [encoding]});
  const codecs = RTCRtpReceiver.getCapabilities(audio ? 'audio' : 'video').codecs;
  const wanted = codecs.filter((c) => c.mimeType === mime);
  sender.setCodecPreferences([...wanted, ...codecs.filter((c) => c.mimeType.endsWith('/rtx'))]);
  for (const [from, to] of [[a, b], [b, a]]) {
    const ready = gathered(from);
    await from.setLocalDescription(); await ready;
    await to.setRemoteDescription(from.localDescription);
  }
  window.calls = [a, b];
  return a.localDescription.sdp;
}"""


@dataclass(frozen=True, slots=True)
class Recording:
    name: str
    mime: str
    scalability: str = ""


RECORDINGS = (
    Recording("vp8", "video/VP8"),
    Recording("h264", "video/H264"),
    Recording("vp9_svc", "video/VP9", "L3T3_KEY"),
    Recording("av1_svc", "video/AV1", "L3T3_KEY"),
    Recording("opus", "audio/opus"),
)


@dataclass(slots=True)
class Sniffer:
    """RTP on loopback, by arrival."""

    packets: list[tuple[float, bytes]] = field(default_factory=list[tuple[float, bytes]])
    over: bool = False

    def run(self) -> None:
        with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0003)) as raw:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
            raw.settimeout(0.2)
            while not self.over:
                try:
                    data, origin = raw.recvfrom(65_535)
                except TimeoutError:
                    continue
                # Each packet is seen leaving and arriving, on loopback.
                if origin[2] != socket.PACKET_OUTGOING and data[:1] == b"\x45" and data[9] == socket.IPPROTO_UDP:
                    self._take(data[28:])

    def _take(self, datagram: bytes) -> None:
        if len(datagram) >= 12 and datagram[0] >> 6 == 2 and not 192 <= datagram[1] <= 223:
            self.packets.append((time.monotonic(), datagram))


def header(datagram: bytes) -> tuple[int, int, bool, int, int, int, int]:
    """Payload type, sequence, marker, timestamp, SSRC, length of header, of payload."""
    first, second, sequence, timestamp, ssrc = struct.unpack("!BBHII", datagram[:12])
    length = 12 + 4 * (first & 15)
    if first & 0x10:
        (words,) = struct.unpack("!H", datagram[length + 2 : length + 4])
        length += 4 + 4 * words
    return second & 0x7F, sequence, second >= 0x80, timestamp, ssrc, length, len(datagram) - length - TAG


def summary(recording: Recording, packets: list[tuple[float, bytes]], seconds: float, version: str) -> dict[str, Any]:
    """The stream with most packets, as one row for each packet, times and stamps from its first."""
    heads = [(at, header(datagram)) for at, datagram in packets]
    counts: dict[int, int] = {}
    for _, head in heads:
        counts[head[4]] = counts.get(head[4], 0) + 1
    ssrc = max(counts, key=lambda one: counts[one])
    own = sorted((head[1] + (0x10000 if head[1] < 0x4000 else 0), at, head) for at, head in heads if head[4] == ssrc)
    began, stamp = min(at for _, at, _ in own), own[0][2][3]
    rows = [
        [round((at - began) * 1e6), (head[3] - stamp) & 0xFFFFFFFF, int(head[2]), head[5], head[6]]
        for _, at, head in own
        if at - began <= seconds
    ]
    return {
        "codec": recording.mime, "scalability": recording.scalability, "browser": version,
        "columns": ["arrival_us", "timestamp", "marker", "header_bytes", "payload_bytes"], "packets": rows,
    }  # fmt: skip


async def record(recording: Recording, seconds: float) -> dict[str, Any]:
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("chromium is not installed")
    flags = [
        "--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required",
        "--disable-features=WebRtcHideLocalIpsWithMdns", "--allow-loopback-in-peer-connection",
    ]  # fmt: skip
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=flags)
        page = await browser.new_page()
        await page.goto("data:text/html,<body></body>")
        call = {"mime": recording.mime, "scalability": recording.scalability, "kbps": 2000}
        await page.evaluate(CALL, call)
        await asyncio.sleep(WARM_UP_S)
        sniffer = Sniffer()
        thread = threading.Thread(target=sniffer.run)
        thread.start()
        await asyncio.sleep(seconds)
        sniffer.over = True
        thread.join()
        version = browser.version
        await browser.close()
    return summary(recording, sniffer.packets, seconds, version)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="names, with commas")
    parser.add_argument("--seconds", type=float, default=4.0)
    chosen = parser.parse_args()
    if not os.environ.get(INSIDE):
        setup = (
            "set -e; ip link set lo up; ip link add v0 type veth peer name v1; ip addr add 10.214.0.1/24 dev v0; "
            "ip link set v0 up; ip link set v1 up; ip route add default dev v0; exec"
        )
        alone = ["unshare", "--net", "sh", "-c", f'{setup} "$@"', "sh", sys.executable, *sys.argv]
        os.execvpe(alone[0], alone, {**os.environ, INSIDE: "1"})
    FIXTURES.mkdir(exist_ok=True)
    for recording in RECORDINGS:
        if chosen.only and recording.name not in chosen.only.split(","):
            continue
        made = asyncio.run(record(recording, chosen.seconds))
        rows = made.pop("packets")
        text = json.dumps(made)[:-1] + ', "packets": [\n' + ",\n".join(json.dumps(row) for row in rows) + "\n]}\n"
        (FIXTURES / f"{recording.name}.json").write_text(text)
        payload = sum(row[4] for row in rows)
        print(
            f"{recording.name}: {len(rows)} packets, {sum(row[2] for row in rows)} markers, {payload * 8e-3 / chosen.seconds:.0f} kbit/s"
        )


if __name__ == "__main__":
    main()
