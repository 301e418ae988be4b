"""STUN and TURN from the settings: started beside the media engine, and known to whoever tells clients their ICE servers."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from pathlib import Path

from roomful._native.media import EngineError, Turn
from roomful.auth.relay import Relays
from roomful.config.settings import Settings
from roomful.core.errors import ConfigError

LEAF = "https/leaf.pem"
"""The certificate this server made for its own https, below the data directory; with its key."""


def wanted(settings: Settings) -> bool:
    """A server that only this machine reaches has nobody to relay for."""
    return settings.turn.enabled and settings.beyond_loopback


def secret(settings: Settings, identity_secret: str) -> bytes:
    """The operator's, or one that follows from what this server keeps."""
    if settings.turn.secrets:
        return settings.turn.secrets[0].encode()
    return hmac.new(identity_secret.encode(), b"turn", hashlib.sha256).digest()


def start(settings: Settings, own_secret: bytes, media: Sequence[str]) -> tuple[Turn, Relays]:
    """`media`: `address:port` of the engine. Raises ConfigError (`port_taken` …)."""
    chosen = settings.turn
    certificate = chosen.certificate or _own(settings.data_dir)
    key = chosen.private_key or certificate
    tls_port = chosen.tls_port if certificate is not None else None
    try:
        turn = Turn(
            secrets=[own_secret, *(one.encode() for one in chosen.secrets[1:])],
            media=media,
            addresses=settings.media_bind,
            announced=settings.node_ips,
            udp_port=chosen.udp_port,
            second_udp_port=chosen.second_udp_port if chosen.udp_port is not None else None,
            tcp_port=chosen.tcp_port,
            tls_port=tls_port,
            certificate=None if certificate is None else str(certificate),
            private_key=None if key is None else str(key),
            relay_ports=(chosen.relay_first, chosen.relay_last),
            realm=chosen.realm,
            allowed=chosen.allowed_peers,
            refused=chosen.refused_peers,
            max_allocations=chosen.max_allocations,
            max_per_user=chosen.max_per_user,
            bandwidth=chosen.bandwidth,
            portable=settings.portable_sockets or None,
        )
    except EngineError as error:
        if error.code == "port_taken":
            text = f"{error}; choose others with --turn-udp-port, --turn-tcp-port and --turn-tls-port, or --turn off"
            raise ConfigError(text, code="port_taken") from None
        raise ConfigError(f"TURN did not start: {error}") from None
    bound = {kind: port for kind, _, port in reversed(turn.ports())}
    first = turn.ports()[0][1] if turn.ports() else ""
    udp = [port for kind, address, port in turn.ports() if kind == "udp" and address == first]
    relays = Relays(
        secret=own_secret,
        udp_port=bound.get("udp"),
        second_udp_port=udp[1] if len(udp) > 1 else None,
        tcp_port=bound.get("tcp"),
        tls_port=bound.get("tls"),
        domain=chosen.domain,
        ttl_s=chosen.credentials_ttl_s,
    )
    return turn, relays


def _own(data_dir: Path) -> Path | None:
    leaf = data_dir / LEAF
    return leaf if leaf.is_file() else None
