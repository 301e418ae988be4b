"""Servers, candidates and descriptions as text."""

from __future__ import annotations

import pytest

from roomful.rtc import RTCIceCandidate, RTCIceServer, RTCSessionDescription
from roomful.rtc.description import ServerAddress, read_servers


def test_servers_are_read() -> None:
    servers = [
        RTCIceServer(["stun:stun.example", "stun:[::1]:99", "stuns:tls.example"]),
        RTCIceServer("turn:turn.example:4000?transport=udp", "ada", "secret"),
        RTCIceServer("turn:turn.example?transport=tcp", "ada", "secret"),
    ]
    assert read_servers(servers) == [
        ServerAddress("stun.example", 3478, None, None),
        ServerAddress("::1", 99, None, None),
        ServerAddress("turn.example", 4000, "ada", "secret"),
    ]
    assert "secret" not in repr(servers)


@pytest.mark.parametrize("url", ["", "http://x", "stun:", "stun:host:port", "stun:host:70000", "turn:host"])
def test_what_is_no_server_is_refused(url: str) -> None:
    with pytest.raises(ValueError):
        read_servers([RTCIceServer(url)])


def test_json_goes_both_ways() -> None:
    candidate = RTCIceCandidate("candidate:1 1 udp 1 127.0.0.1 9 typ host", "0", 0, "frag")
    assert RTCIceCandidate.fromJSON(candidate.toJSON()) == candidate
    description = RTCSessionDescription("v=0", "offer")
    assert RTCSessionDescription.fromJSON(description.toJSON()) == description
    for wrong in ({}, {"type": "offer", "sdp": 5}, {"type": "hello", "sdp": ""}):
        with pytest.raises(ValueError, match="description"):
            RTCSessionDescription.fromJSON(wrong)
    with pytest.raises(ValueError, match="text"):
        RTCIceCandidate.fromJSON({"candidate": 1})
