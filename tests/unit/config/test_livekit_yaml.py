"""A LiveKit server's file is read as it is: what has a meaning is taken, what has none is named, mistakes have a line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomful.config.livekit_yaml import read_livekit_yaml
from roomful.config.load import load
from roomful.core.errors import ConfigError

SAMPLE = """\
port: 7780
bind_addresses:
  - "127.0.0.1"
redis:
  address: localhost:6379
rtc:
  udp_port: 7882-7892
  tcp_port: 0
  use_ice_lite: true
  node_ip: 203.0.113.9
  congestion_control:
    enabled: true
keys:
  key1: secret1
  key2: "secret2"
logging:
  level: warn
  json: true
  pion_level: error
room:
  auto_create: false
  empty_timeout: 30
  enabled_codecs:
    - mime: audio/opus
    - mime: video/VP8
    - mime: video/rtx
webhook:
  api_key: key1
  urls: [https://example.com/hook]
turn:
  enabled: true
limit:
  max_metadata_size: 0
  num_tracks: -1
enable_data_tracks: true
signal_relay:
"""


def test_a_livekit_file_is_taken_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "livekit.yaml"
    file.write_text(SAMPLE)
    got = load({}, {}, config=file, folder=tmp_path)
    settings = got.settings
    assert (settings.port, settings.bind, settings.rtc_udp_port, settings.rtc_tcp_port) == (
        7780,
        ("127.0.0.1",),
        7882,
        None,
    )
    assert settings.keys == {"key1": "secret1", "key2": "secret2"}
    assert (settings.log_level, settings.log_json) == ("warning", True)
    assert settings.codecs == ("opus", "vp8")
    assert (settings.policy.auto_create, settings.policy.empty_timeout_s) == (False, 30)
    assert settings.policy.max_metadata > 10**9
    assert settings.webhook.urls == ("https://example.com/hook",)
    assert settings.node_ips == ("203.0.113.9",)
    assert got.origins["port"] == f"{file}:1"
    (warning,) = got.warnings
    for ignored in ("redis", "rtc.congestion_control", "logging.pion_level", "limit.num_tracks"):
        assert ignored in warning
    assert "use_ice_lite" not in warning and "enable_data_tracks" not in warning


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        ("port: many", 1, "a whole number"),
        ("rtc:\n  tcp_port: 7881\n  udp_port: 9-1", 3, "range"),
        ("rtc: 7", 1, "keys with values"),
        ("room:\n  enabled_codecs:\n    - mime: video/mp4", 3, "video/vp8"),
        ("keys:\n  a:", 2, "texts"),
        ("logging:\n  level: loud", 2, "debug"),
        ("- a", 1, "keys with values"),
        ("port: 1\n  x: [", 2, "not YAML"),
        ("? [a]\n: b", 1, "a name"),
    ],
)
def test_a_mistake_names_its_line(text: str, line: int, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_livekit_yaml(Path("f.yaml"), text)
    assert caught.value.message.startswith(f"f.yaml:{line}:"), caught.value.message
    assert expected in caught.value.message


def test_a_key_file_must_be_private(tmp_path: Path) -> None:
    keys = tmp_path / "keys.yaml"
    keys.write_text("key1: secret1\n")
    keys.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_livekit_yaml(Path("f.yaml"), f"key_file: {keys}")
    keys.chmod(0o600)
    (found,), ignored = read_livekit_yaml(Path("f.yaml"), f"key_file: {keys}")
    assert found.value == {"key1": "secret1"} and not ignored


def test_objects_of_other_kinds_are_not_made() -> None:
    with pytest.raises(ConfigError):
        read_livekit_yaml(Path("f.yaml"), "region: !!python/object/apply:os.getcwd []")


@given(st.text(max_size=80) | st.text("abport: {}[]&*!\n-?#'\"0", max_size=60))
def test_whatever_stands_there_is_read_or_refused(text: str) -> None:
    try:
        read_livekit_yaml(Path("f.yaml"), text)
    except ConfigError as error:
        assert "f.yaml" in error.message
