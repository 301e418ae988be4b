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
    Option("dev", "dev", values.flag, "key `devkey` with secret `secret`, everybody makes rooms, loopback", shown=""),
    Option("bind", "bind", values.addresses, "addresses to listen on", shown="ADDR,…"),
    Option("port", "port", values.port, "HTTP and WebSockets", shown="PORT"),
    Option("https-port", "https_port", values.port_or_off, "https, when other machines reach it; or off", shown="PORT"),
    Option("data-dir", "data_dir", values.path, "where keys and the CA are kept", shown="DIR"),
    Option("keys", "keys", values.keys, "API keys with their secrets", shown="KEY:SECRET,…", secret=True),
    Option("region", "region", values.text, "told to clients"),
    Option("node-ip", "node_ips", values.announced, "addresses announced for media", "media", "ADDR,…"),
    Option("rtc-udp-port", "rtc_udp_port", values.port, "media; thread n takes this + n", "media", "PORT"),
    Option("rtc-tcp-port", "rtc_tcp_port", values.port_or_off, "media where UDP is blocked; or off", "media", "PORT"),
    Option("media-threads", "threads", values.at_least_one, "threads (and UDP ports) for media", "media", "N"),
    Option("codecs", "codecs", values.codecs, "codecs that may be published", "media", "NAME,…"),
    Option("portable-sockets", "portable_sockets", values.flag, "no Linux fast path for media", "media", ""),
    Option("auto-create", "policy.auto_create", values.flag, "whether a join may make its room", "rooms", "BOOL"),
    Option("empty-timeout", "policy.empty_timeout_s", values.seconds, "wait for the first to come", "rooms", "S"),
    Option("departure-timeout", "policy.departure_timeout_s", values.seconds, "stay after the last left", "rooms", "S"),
    Option("max-participants", "policy.max_participants", values.count, "for each room; 0 is no limit", "rooms", "N"),
    Option("max-rooms", "policy.max_rooms", values.count, "in this process", "rooms", "N"),
    Option("max-metadata", "policy.max_metadata", values.size, "of a room or participant", "rooms", "BYTES"),
    Option("max-attributes", "policy.max_attributes", values.size, "of a participant, all in all", "rooms", "BYTES"),
    Option("max-room-name", "policy.max_room_name", values.size, "of a room's name", "rooms", "BYTES"),
    Option("max-identity", "policy.max_identity", values.size, "of an identity", "rooms", "BYTES"),
    Option("max-name", "policy.max_name", values.size, "of a participant's name", "rooms", "BYTES"),
    Option("remote-unmute", "policy.remote_unmute", values.flag, "whether the server may unmute", "rooms", "BOOL"),
    Option("webhook-url", "webhook.urls", values.urls, "told of rooms, people and tracks", "webhooks", "URL,…"),
    Option("webhook-key", "webhook.api_key", values.text, "the API key that signs; else the first", "webhooks", "KEY"),
    Option("log-level", "log_level", values.choice(*values.LEVELS), ", ".join(values.LEVELS), "logging", "LEVEL"),
    Option("log-json", "log_json", values.flag, "one JSON object a line", "logging", ""),
)

BY_FIELD = {option.field: option for option in OPTIONS}
BY_KEY = {option.key: option for option in OPTIONS}
