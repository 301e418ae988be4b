"""What peers tell each other, and how a connection is set up: plain values with W3C's names, and their way through JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

SdpType = Literal["offer", "answer", "rollback"]


@dataclass(frozen=True, slots=True)
class RTCSessionDescription:
    """A description and what it is. `pranswer` is not known here."""

    sdp: str
    type: str

    def __post_init__(self) -> None:
        if self.type not in ("offer", "answer", "rollback"):
            raise ValueError(f"a description's type is offer, answer or rollback, not {self.type!r}")

    def toJSON(self) -> dict[str, Any]:
        """As a browser's `JSON.stringify` writes it."""
        return {"type": self.type, "sdp": self.sdp}

    @classmethod
    def fromJSON(cls, value: Mapping[str, Any]) -> RTCSessionDescription:
        """From what a browser wrote. Raises ValueError."""
        if not isinstance(sdp := value.get("sdp", ""), str) or not isinstance(kind := value.get("type"), str):
            raise ValueError("a description has a type and an sdp, both text")
        return cls(sdp=sdp, type=kind)


@dataclass(frozen=True, slots=True)
class RTCIceCandidate:
    """A candidate as browsers tell it. An empty `candidate` is the end of them."""

    candidate: str = ""
    sdpMid: str | None = None
    sdpMLineIndex: int | None = None
    usernameFragment: str | None = None

    def toJSON(self) -> dict[str, Any]:
        """As a browser's `JSON.stringify` writes it."""
        return {
            "candidate": self.candidate,
            "sdpMid": self.sdpMid,
            "sdpMLineIndex": self.sdpMLineIndex,
            "usernameFragment": self.usernameFragment,
        }

    @classmethod
    def fromJSON(cls, value: Mapping[str, Any]) -> RTCIceCandidate:
        """From what a browser wrote. Raises ValueError."""
        if not isinstance(text := value.get("candidate", ""), str):
            raise ValueError("a candidate is text")
        mid, index, ufrag = (value.get(name) for name in ("sdpMid", "sdpMLineIndex", "usernameFragment"))
        return cls(
            candidate=text,
            sdpMid=mid if isinstance(mid, str) else None,
            sdpMLineIndex=index if isinstance(index, int) else None,
            usernameFragment=ufrag if isinstance(ufrag, str) else None,
        )


@dataclass(frozen=True, slots=True)
class RTCIceServer:
    """A STUN or TURN server: `stun:host[:port]`, `turn:host[:port]`. Over UDP; other transports are passed over."""

    urls: str | Sequence[str]
    username: str | None = None
    credential: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class RTCConfiguration:
    """How a connection is set up.

    Attributes:
        iceServers: Asked for candidates.
        iceTransportPolicy: `relay` goes through TURN servers only.
        addresses: Our own IP addresses to use; empty for all of the machine's (loopback only when there is nothing else).
        gather_timeout_s: How long `setLocalDescription` waits for servers when nobody listens for candidates.
    """

    iceServers: Sequence[RTCIceServer] = ()
    iceTransportPolicy: Literal["all", "relay"] = "all"
    addresses: Sequence[str] = ()
    gather_timeout_s: float = 5.0


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """One URL of an ice server, read."""

    host: str
    port: int
    username: str | None
    credential: str | None = field(repr=False)


def read_servers(servers: Sequence[RTCIceServer]) -> list[ServerAddress]:
    """All that can be used. Raises ValueError for what is no STUN or TURN URL, or a TURN server without credentials."""
    read: list[ServerAddress] = []
    for server in servers:
        for url in [server.urls] if isinstance(server.urls, str) else server.urls:
            scheme, colon, rest = url.partition(":")
            if not colon or scheme not in ("stun", "stuns", "turn", "turns"):
                raise ValueError(f"{url!r} is no STUN or TURN URL (RFC 7064, RFC 7065)")
            place, _, query = rest.partition("?")
            host, port = _host_and_port(url, place)
            if scheme in ("stuns", "turns") or (query and query != "transport=udp"):
                continue
            if scheme == "stun":
                read.append(ServerAddress(host, port, None, None))
                continue
            if not server.username or not server.credential:
                raise ValueError(f"{url!r} needs a username and a credential")
            read.append(ServerAddress(host, port, server.username, server.credential))
    return read


def _host_and_port(url: str, place: str) -> tuple[str, int]:
    if place.startswith("["):
        host, _, rest = place[1:].partition("]")
        port = rest.removeprefix(":")
    else:
        host, _, port = place.partition(":")
    if not host or (port and not (port.isdecimal() and 0 < int(port) < 65536)):
        raise ValueError(f"{url!r} has no host, or a wrong port")
    return host, int(port or 3478)
