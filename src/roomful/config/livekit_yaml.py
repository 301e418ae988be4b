"""A LiveKit server's YAML → settings, so that people switch by pointing at the file they have.

Called by `config.load`. Keys that mean nothing here are gathered for one warning; wrong values are errors with their
line. The keys are those of LiveKit's `config-sample.yaml`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import yaml

from roomful.config import values
from roomful.config.origin import Found, Origin, wrong
from roomful.core.errors import ConfigError

_MIMES = {f"{kind}/{name}": name for kind, names in {
    "audio": ("opus", "red", "pcmu", "pcma"), "video": ("vp8", "h264", "vp9", "av1", "h265"),
}.items() for name in names} | {"video/rtx": ""}  # fmt: skip
"""Media type → codec; retransmission always goes along."""


def _codecs(value: object) -> object:
    if isinstance(value, list):
        items = cast("list[object]", value)
        mimes = [
            str(cast("dict[str, object]", one).get("mime", "")).lower() if isinstance(one, dict) else ""
            for one in items
        ]
        if mimes and set(mimes) <= set(_MIMES):
            return values.codecs([name for mime in mimes if (name := _MIMES[mime])])
    raise ValueError("a list of `mime:` with some of " + ", ".join(_MIMES))


def _first_port(value: object) -> object:
    """`7882` or a range `7882-7892`: threads take the first ones."""
    first, dash, last = str(value).partition("-")
    try:
        low, high = values.port(first), values.port(last if dash else first)
    except ValueError:
        raise ValueError("a port, or a range such as 7882-7892") from None
    if high < low:
        raise ValueError("a port, or a range such as 7882-7892")
    return low


def _one_address(value: object) -> object:
    """`node_ip` is text; newer files have `ipv4:` and `ipv6:` below it."""
    if isinstance(value, dict):
        return values.announced([str(one) for one in cast("dict[str, object]", value).values()])
    return values.announced(value)


def _tcp_port(value: object) -> object:
    """0 is LiveKit's word for off."""
    number = values.port(value)
    return number or None


def _level(value: object) -> object:
    return values.choice(*values.LEVELS)("warning" if value == "warn" else value)


def _bound(value: object) -> object:
    """0 is LiveKit's word for no limit; here it is the most there is."""
    return values.size(value) or 2**31


KNOWN: dict[str, tuple[str, Callable[[object], object]]] = {
    "port": ("port", values.port),
    "bind_addresses": ("bind", values.addresses),
    "development": ("dev", values.flag),
    "keys": ("keys", values.keys),
    "region": ("region", values.text),
    "log_level": ("log_level", _level),
    "logging.level": ("log_level", _level),
    "logging.json": ("log_json", values.flag),
    "rtc.udp_port": ("rtc_udp_port", _first_port),
    "rtc.tcp_port": ("rtc_tcp_port", _tcp_port),
    "rtc.node_ip": ("node_ips", _one_address),
    "room.auto_create": ("policy.auto_create", values.flag),
    "room.empty_timeout": ("policy.empty_timeout_s", values.seconds),
    "room.departure_timeout": ("policy.departure_timeout_s", values.seconds),
    "room.max_participants": ("policy.max_participants", values.count),
    "room.enable_remote_unmute": ("policy.remote_unmute", values.flag),
    "room.enabled_codecs": ("codecs", _codecs),
    "room.max_metadata_size": ("policy.max_metadata", _bound),
    "room.max_room_name_length": ("policy.max_room_name", _bound),
    "room.max_participant_identity_length": ("policy.max_identity", _bound),
    "limit.max_metadata_size": ("policy.max_metadata", _bound),
    "limit.max_attributes_size": ("policy.max_attributes", _bound),
    "limit.max_room_name_length": ("policy.max_room_name", _bound),
    "limit.max_participant_identity_length": ("policy.max_identity", _bound),
    "limit.max_participant_name_length": ("policy.max_name", _bound),
    "turn.enabled": ("turn.enabled", values.flag),
    "turn.domain": ("turn.domain", values.text),
    "turn.udp_port": ("turn.udp_port", _tcp_port),
    "turn.tls_port": ("turn.tls_port", _tcp_port),
    "turn.cert_file": ("turn.certificate", values.path),
    "turn.key_file": ("turn.private_key", values.path),
    "turn.relay_range_start": ("turn.relay_first", values.high_port),
    "turn.relay_range_end": ("turn.relay_last", values.high_port),
    "webhook.urls": ("webhook.urls", values.urls),
    "webhook.api_key": ("webhook.api_key", values.text),
}
AGREES: dict[str, object] = {"rtc.use_ice_lite": True, "enable_data_tracks": True}
"""Keys whose one value is how things are here anyway: no warning then."""
_WHOLE = {"keys", "rtc.node_ip", "room.enabled_codecs"}
"""Tables and lists that are read in one piece."""


def read_livekit_yaml(path: Path, content: str) -> tuple[list[Found], list[str]]:
    """Settings, and the keys that mean nothing here. Raises ConfigError with file and line."""
    try:
        loader = yaml.SafeLoader(content)
        try:
            root = loader.get_single_node()
            found: list[Found] = []
            ignored: list[str] = []
            if root is None:
                return found, ignored
            for name, node in _leaves(path, root, ""):
                value: object = loader.construct_document(node)  # pyright: ignore[reportUnknownMemberType]
                origin = Origin(f"{path}:{node.start_mark.line + 1}", name)
                if name == "key_file":
                    found.append(_key_file(origin, value))
                elif (known := KNOWN.get(name)) is None:
                    if name not in AGREES or value != AGREES[name]:
                        ignored.append(name)
                else:
                    field, read = known
                    try:
                        found.append(Found(field, read(value), origin))
                    except ValueError as error:
                        raise wrong(origin, error) from None
            return found, ignored
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{path}:{line}: this is not YAML: {error.problem}") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(f"{path}: this is not YAML: {error}") from None


def _leaves(path: Path, node: yaml.Node, prefix: str) -> Iterator[tuple[str, yaml.Node]]:
    if not isinstance(node, yaml.MappingNode):
        raise ConfigError(f"{path}:{node.start_mark.line + 1}: expected keys with values")
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise ConfigError(f"{path}:{key.start_mark.line + 1}: expected a name")
        name = f"{prefix}{key.value}"
        table = any(one.startswith(f"{name}.") for one in (*KNOWN, *AGREES)) and name not in _WHOLE
        if table and isinstance(value, yaml.ScalarNode) and value.value in ("", "null", "~"):
            continue  # a section whose keys are all commented out
        if table:
            yield from _leaves(path, value, f"{name}.")
        else:
            yield name, value


def _key_file(origin: Origin, value: object) -> Found:
    try:
        path = values.path(value)
        content = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{origin.place}: `key_file` cannot be read: {error}") from None
    except ValueError as error:
        raise wrong(origin, error) from None
    if path.stat().st_mode & 0o007:
        raise ConfigError(f"{origin.place}: {path} holds secrets and anybody may read it: chmod 600 it")
    try:
        return Found("keys", values.keys(content.replace(",", "\n")), Origin(str(path), "key_file"))
    except ValueError as error:
        raise ConfigError(f"{path}: expected {error}") from None
