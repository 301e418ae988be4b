"""Every setting by one name, as immutable values. Filled by `config.load` or by a program, read by the composition root."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from roomful.core.policy import Policy

EVERYWHERE = ("0.0.0.0", "::")
LOOPBACK = ("127.0.0.1",)
DEV_KEYS: Mapping[str, str] = {"devkey": "secret"}
"""LiveKit's development key, so that its tutorials work."""


def default_data_dir() -> Path:
    """`$XDG_DATA_HOME/roomful` or `~/.local/share/roomful`; for a user without a home (containers) `roomful-data` here."""
    base = Path(os.environ.get("XDG_DATA_HOME", ""))
    if base.is_absolute():
        return base / "roomful"
    try:
        return Path.home() / ".local" / "share" / "roomful"
    except RuntimeError:
        return Path.cwd() / "roomful-data"


def is_loopback(address: str) -> bool:
    """Whether only this machine reaches what listens there."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Webhook:
    urls: tuple[str, ...] = ()
    api_key: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """STUN and TURN, for people whose network lets nothing in. Served when other machines can reach the server."""

    enabled: bool = True
    domain: str = ""
    """Name that clients are told; empty for the one they reached the server by."""
    udp_port: int | None = 3478
    second_udp_port: int | None = 3479
    """By which the page `/connectivity` sees whether a NAT gives each destination another port."""
    tcp_port: int | None = 3478
    tls_port: int | None = 5349
    """443 gets through the narrowest firewalls. Needs a certificate: the server's own, unless another is given."""
    certificate: Path | None = None
    private_key: Path | None = None
    relay_first: int = 49_152
    relay_last: int = 65_535
    """UDP ports that are lent, both included."""
    realm: str = "roomful"
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """Shared with whoever else makes credentials; the first one makes ours. Empty for one that the server keeps."""
    credentials_ttl_s: int = 6 * 3600
    allowed_peers: tuple[str, ...] = ()
    """Ranges that may be relayed to though they are private: `10.0.0.0/8`."""
    refused_peers: tuple[str, ...] = ()
    max_allocations: int = 4_096
    max_per_user: int = 16
    bandwidth: int = 8_000_000
    """Bytes per second of one relay, each way; 0 for no bound."""
    visitors: bool = False
    """Whether pages get a relay without a join token: for direct calls. Always so in `dev`."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Defaults are those of `roomful serve`."""

    dev: bool = False
    """Key `devkey`, secret `secret`, and everybody makes rooms."""
    bind: tuple[str, ...] = ()
    """Left empty, it becomes every address, or loopback in `dev`."""
    port: int = 7880
    https_port: int | None = 7443
    """None for no https."""
    rtc_udp_port: int = 7882
    """The first media thread's; thread n has port + n. 0 for any free ones."""
    rtc_tcp_port: int | None = 7881
    """ICE-TCP; None for none."""
    threads: int = 1
    rtc_bind: tuple[str, ...] = ()
    """Where media is listened for, when that is not `bind`: behind a reverse proxy, which takes HTTP on loopback."""
    node_ips: tuple[str, ...] = ()
    """Addresses that clients are told; empty for those that are bound."""
    node_ip_from: str = ""
    """A STUN server that is asked at the start which address the world sees, to be told to clients beside the others."""
    keys: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """API key → secret; empty outside `dev` for one made and kept in the data directory."""
    data_dir: Path = field(default_factory=default_data_dir)
    database: str = field(default="", repr=False)
    """`sqlite:////path/file.db` or `postgresql://user:password@host/name`; empty for a file in the data directory."""
    chat_keep_days: int = 30
    """How long messages of rooms that say nothing else are kept; 0 for not at all, -1 for ever."""
    codecs: tuple[str, ...] = ("opus", "red", "pcmu", "pcma", "vp8", "h264", "vp9", "av1", "h265")
    policy: Policy = field(default_factory=Policy)
    webhook: Webhook = field(default_factory=Webhook)
    turn: Turn = field(default_factory=Turn)
    allowed_origins: tuple[str, ...] = ()
    """Whose pages may open WebSockets that ask for no token, beside this server's own: `https://example.org`, or `*`."""
    peerjs_discovery: bool = False
    """PeerJS's `listAllPeers`: everybody learns every id, and an id is how a peer is called."""
    region: str = ""
    log_level: str = "info"
    """`debug`, `info`, `warning` or `error`"""
    log_json: bool = False
    portable_sockets: bool = False
    """The portable media path where Linux's own would serve."""
    ping_interval_s: int = 5
    """How often signaling clients ping; told to them when they join."""
    ping_timeout_s: int = 15
    """How long they wait for the answer; the server waits twice as long for their pings."""
    max_signal_message: int = 512 * 1024
    """Bytes of one signal message, decompressed."""
    drain_s: int = 5
    """How long connections may take to end after clients were told."""

    def __post_init__(self) -> None:
        bind = tuple(self.bind) or (LOOPBACK if self.dev else EVERYWHERE)
        object.__setattr__(self, "bind", bind)
        object.__setattr__(self, "rtc_bind", tuple(self.rtc_bind))

    @property
    def media_bind(self) -> tuple[str, ...]:
        return self.rtc_bind or self.bind

    @property
    def beyond_loopback(self) -> bool:
        """Whether other machines can reach it."""
        return not all(is_loopback(address) for address in self.bind)
