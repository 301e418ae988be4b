"""Names and passwords for STUN and TURN that end by themselves (draft-uberti-behave-turn-rest-00). Pure; time is an argument.

Called by whoever tells clients their ICE servers. `crates/roomful-turn/src/credentials.rs` checks them.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field

IceServer = Mapping[str, object]
"""`urls`, and with TURN `username` and `credential`: W3C's RTCIceServer."""


@dataclass(frozen=True, slots=True)
class Relays:
    """Where STUN and TURN are, and the secret that makes their passwords. Ports are None where nothing listens."""

    secret: bytes = field(repr=False)
    udp_port: int | None = None
    second_udp_port: int | None = None
    tcp_port: int | None = None
    tls_port: int | None = None
    domain: str = ""
    """What clients are told; empty for the name that they reached the server by."""
    ttl_s: int = 6 * 3600
    """How long a password opens new relays; those that are open stay."""

    def stun(self, host: str) -> list[IceServer]:
        """For anybody. `host` is the Host header of the client's request."""
        name = self.domain or host_name(host)
        return [{"urls": [f"stun:{name}:{self.udp_port}"]}] if self.udp_port is not None and name else []

    def nat_check(self, host: str) -> list[str]:
        """Two STUN URLs whose answers, asked from one port, tell whether a NAT keeps that port; none when there is only one."""
        name = self.domain or host_name(host)
        ports = (self.udp_port, self.second_udp_port)
        return [f"stun:{name}:{port}" for port in ports] if name and None not in ports else []

    def ice_servers(self, host: str, user: str, now_s: int) -> list[IceServer]:
        """For somebody who is known; `user` is what quotas count by."""
        name = self.domain or host_name(host)
        urls = [
            f"{scheme}:{name}:{port}?transport={transport}"
            for scheme, port, transport in (
                ("turn", self.udp_port, "udp"),
                ("turn", self.tcp_port, "tcp"),
                ("turns", self.tls_port, "tcp"),
            )
            if port is not None
        ]
        if not name or not urls:
            return []
        username, credential = credentials(self.secret, user, now_s + self.ttl_s)
        return [*self.stun(host), {"urls": urls, "username": username, "credential": credential}]


def credentials(secret: bytes, user: str, expires_s: int) -> tuple[str, str]:
    """The name holds the time it ends; the password is the name's HMAC."""
    username = f"{expires_s}:{user}"
    mac = hmac.new(secret, username.encode(), hashlib.sha1).digest()
    return username, base64.b64encode(mac).decode()


def host_name(host: str) -> str:
    """Of a Host header, without its port, IPv6 in brackets; empty when it is none."""
    name, bracket, _ = host.partition("]")
    if bracket:
        return f"{name}]" if name.startswith("[") and set(name[1:].lower()) <= set("0123456789abcdef:.") else ""
    name = host.partition(":")[0]
    return name if name and all(part.isalnum() or part in "-." for part in name) and name.isascii() else ""
