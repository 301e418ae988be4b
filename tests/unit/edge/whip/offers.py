"""Offers as clients of WHIP and WHEP write them, shortened to what counts."""

from __future__ import annotations

FINGERPRINT = ":".join(["AB"] * 32)
_TRANSPORT = f"""a=ice-ufrag:EsAw
a=ice-pwd:bP+XJMM09aR8AiX1jdukzR6Y
a=fingerprint:sha-256 {FINGERPRINT}
a=setup:actpass
a=rtcp-mux
"""
AUDIO = """m=audio 9 UDP/TLS/RTP/SAVPF 111
c=IN IP4 0.0.0.0
a=mid:0
a={direction}
a=msid:stream-1 voice-1
a=rtpmap:111 opus/48000/2
"""
VIDEO = """m=video 9 UDP/TLS/RTP/SAVPF {payload}
c=IN IP4 0.0.0.0
a=mid:1
a={direction}
a=msid:stream-1 picture-1
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id
a=rtpmap:{payload} {codec}/90000
a=rtcp-fb:{payload} nack pli
"""
SIMULCAST = """a=rid:a send
a=rid:b send
a=simulcast:send a;b
"""


def offer(
    direction: str = "sendonly", *, audio: bool = True, video: bool = True, codec: str = "VP8", more: str = ""
) -> str:
    """`more` belongs to the last section."""
    text = "v=0\no=- 1 1 IN IP4 127.0.0.1\ns=-\nt=0 0\na=group:BUNDLE 0 1\n"
    if audio:
        text += AUDIO.format(direction=direction) + _TRANSPORT
    if video:
        text += VIDEO.format(direction=direction, codec=codec, payload=96) + _TRANSPORT
    return (text + more).replace("\n", "\r\n")
