"""Every option: one name for the flag, the environment and roomful.toml, and where it lands in `Settings`.

`rtc-udp-port` is `--rtc-udp-port`, `ROOMFUL_RTC_UDP_PORT` and `rtc_udp_port = …`. Read by `config.load`, the command
line's help and `roomful doctor`; nothing here reads a file.
"""

from __future__ import annotations

from dataclasses import dataclass

from roomful.config import values
from roomful.config.values import Read


@dataclass(frozen=True, slots=True)
class Option:
    name: str
    field: str
    """Of `Settings`; `policy.x` is a field of its policy."""
    read: Read
    help: str
    group: str = "server"
    shown: str = "TEXT"
    """What the help calls its value; empty for a switch."""
    secret: bool = False

    @property
    def variable(self) -> str:
        return "ROOMFUL_" + self.name.upper().replace("-", "_")

    @property
    def key(self) -> str:
        return self.name.replace("-", "_")


OPTIONS: tuple[Option, ...] = (
    Option(
        "dev", "dev", values.flag, "to try it: key `devkey`, secret `secret`, everybody opens rooms; this machine only",
        shown="",
    ),
    Option("bind", "bind", values.addresses, "addresses to listen on", shown="ADDR,…"),
    Option("port", "port", values.port, "TCP port of HTTP and WebSockets", shown="PORT"),
    Option(
        "https-port", "https_port", values.port_or_off, "TCP port of https, served when other machines can connect; or off",
        shown="PORT",
    ),
    Option("drain-time", "drain_s", values.seconds, "seconds that connections may take to end after SIGTERM", shown="S"),
    Option("data-dir", "data_dir", values.path, "directory of the keys and the CA that this server makes", shown="DIR"),
    Option(
        "database", "database", values.database,
        "what is kept: sqlite:////path/file.db or postgresql://user:password@host/name; else a file in the data directory",
        shown="URL", secret=True,
    ),
    Option(
        "keys", "keys", values.keys, "API keys with their secrets; without any, one is made and kept",
        shown="KEY:SECRET,…", secret=True,
    ),
    Option("region", "region", values.text, "name of the place where this server is, told to clients"),
    Option(
        "rtc-bind", "rtc_bind", values.addresses, "addresses of media, when HTTP alone is behind a reverse proxy; else --bind",
        "media", "ADDR,…",
    ),
    Option(
        "node-ip", "node_ips", values.announced, "addresses that clients send media to, where NAT hides the bound ones",
        "media", "ADDR,…",
    ),
    Option(
        "node-ip-from", "node_ip_from", values.stun_server,
        "STUN server that is asked at the start for the public address, which clients are then told beside the others; it sees this machine's",
        "media", "HOST[:PORT]",
    ),
    Option("rtc-udp-port", "rtc_udp_port", values.port, "UDP port of media; thread n takes this + n", "media", "PORT"),
    Option(
        "rtc-tcp-port", "rtc_tcp_port", values.port_or_off, "TCP port of media, for networks that block UDP; or off",
        "media", "PORT",
    ),
    Option("media-threads", "threads", values.at_least_one, "threads for media, each with a UDP port", "media", "N"),
    Option("codecs", "codecs", values.codecs, "codecs that may be published", "media", "NAME,…"),
    Option("portable-sockets", "portable_sockets", values.flag, "do without Linux's fast path for media", "media", ""),
    Option("auto-create", "policy.auto_create", values.flag, "whether joining may open a new room", "rooms", "BOOL"),
    Option(
        "empty-timeout", "policy.empty_timeout_s", values.seconds, "seconds a new room waits for its first person",
        "rooms", "S",
    ),
    Option(
        "departure-timeout", "policy.departure_timeout_s", values.seconds, "seconds a room stays after the last left",
        "rooms", "S",
    ),
    Option(
        "max-participants", "policy.max_participants", values.count, "people in one room; 0 is no limit", "rooms", "N"
    ),
    Option("loudest", "policy.loudest", values.count, "voices of a room that are sent on; 0 is all", "rooms", "N"),
    Option("max-viewers", "policy.max_viewers", values.count, "who watch one room by WHEP; 0 is no limit", "rooms", "N"),
    Option("max-rooms", "policy.max_rooms", values.count, "rooms of this server", "rooms", "N"),
    Option("max-metadata", "policy.max_metadata", values.size, "size of a room's or person's metadata", "rooms", "BYTES"),
    Option("max-attributes", "policy.max_attributes", values.size, "size of all attributes of a person", "rooms", "BYTES"),
    Option("max-room-name", "policy.max_room_name", values.size, "size of a room's name", "rooms", "BYTES"),
    Option("max-identity", "policy.max_identity", values.size, "size of an identity", "rooms", "BYTES"),
    Option("max-name", "policy.max_name", values.size, "size of a person's name", "rooms", "BYTES"),
    Option(
        "remote-unmute", "policy.remote_unmute", values.flag, "whether the server API may unmute people", "rooms", "BOOL"
    ),
    Option(
        "chat-keep", "chat_keep_days", values.keep_days, "days that chat is kept, `forever` or `nothing`, where a room says nothing else",
        "rooms", "DAYS",
    ),
    Option("ping-interval", "ping_interval_s", values.ping, "seconds between a client's pings", "signaling", "S"),
    Option(
        "ping-timeout", "ping_timeout_s", values.ping, "seconds a client waits for the answer; the server waits twice that",
        "signaling", "S",
    ),
    Option(
        "max-signal-message", "max_signal_message", values.signal_message, "size of one signal message", "signaling",
        "BYTES",
    ),
    Option("turn", "turn.enabled", values.flag, "STUN and TURN, served when other machines can connect", "turn", "BOOL"),
    Option("turn-domain", "turn.domain", values.text, "name of this server for TURN; else the one clients came by", "turn"),
    Option("turn-udp-port", "turn.udp_port", values.port_or_off, "UDP port of STUN and TURN; or off", "turn", "PORT"),
    Option(
        "turn-second-udp-port", "turn.second_udp_port", values.port_or_off,
        "another UDP port of STUN, by which /connectivity tells kinds of NAT apart; or off", "turn", "PORT",
    ),
    Option("turn-tcp-port", "turn.tcp_port", values.port_or_off, "TCP port of TURN; or off", "turn", "PORT"),
    Option(
        "turn-tls-port", "turn.tls_port", values.port_or_off, "TLS port of TURN (443 passes most firewalls); or off",
        "turn", "PORT",
    ),
    Option("turn-certificate", "turn.certificate", values.path, "PEM chain for TURN over TLS; else the https one", "turn", "FILE"),
    Option("turn-key", "turn.private_key", values.path, "PEM key of that certificate", "turn", "FILE"),
    Option("turn-relay-first", "turn.relay_first", values.high_port, "first UDP port that is lent", "turn", "PORT"),
    Option("turn-relay-last", "turn.relay_last", values.high_port, "last UDP port that is lent", "turn", "PORT"),
    Option(
        "turn-secrets", "turn.secrets", values.texts, "secrets that TURN passwords are made with; the first makes ours",
        "turn", "SECRET,…", secret=True,
    ),
    Option("turn-ttl", "turn.credentials_ttl_s", values.seconds, "seconds that TURN passwords hold", "turn", "S"),
    Option("turn-allow", "turn.allowed_peers", values.networks, "private ranges that may be relayed to", "turn", "RANGE,…"),
    Option("turn-refuse", "turn.refused_peers", values.networks, "ranges that may not be relayed to", "turn", "RANGE,…"),
    Option("turn-max", "turn.max_allocations", values.count, "relays at once; 0 is no limit", "turn", "N"),
    Option("turn-max-per-user", "turn.max_per_user", values.count, "relays of one person; 0 is no limit", "turn", "N"),
    Option("turn-bandwidth", "turn.bandwidth", values.size, "bytes per second of one relay; 0 is no limit", "turn", "BYTES"),
    Option("turn-visitors", "turn.visitors", values.flag, "let pages relay without a join token, for direct calls", "turn", "BOOL"),
    Option("webhook-url", "webhook.urls", values.urls, "addresses told of rooms, people and tracks", "webhooks", "URL,…"),
    Option("webhook-key", "webhook.api_key", values.text, "API key that signs them; else the first", "webhooks", "KEY"),
    Option(
        "allowed-origins", "allowed_origins", values.origins, "other sites whose pages may open WebSockets here", "peers",
        "URL,…",
    ),
    Option("peerjs-discovery", "peerjs_discovery", values.flag, "let PeerJS clients list all peers", "peers", ""),
    Option("log-level", "log_level", values.choice(*values.LEVELS), ", ".join(values.LEVELS), "logging", "LEVEL"),
    Option("log-json", "log_json", values.flag, "one JSON object a line", "logging", ""),
)  # fmt: skip

BY_FIELD = {option.field: option for option in OPTIONS}
BY_KEY = {option.key: option for option in OPTIONS}
