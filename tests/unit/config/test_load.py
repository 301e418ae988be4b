"""Flags win over the environment, the environment over the file; mistakes name their place and what was expected."""

from __future__ import annotations

from pathlib import Path

import pytest

from roomful import Roomful
from roomful.config.load import Loaded, load
from roomful.config.options import OPTIONS
from roomful.config.settings import Settings
from roomful.core.errors import ConfigError


def loaded(folder: Path, toml: str = "", env: dict[str, str] | None = None, **flags: object) -> Loaded:
    if toml:
        (folder / "roomful.toml").write_text(toml)
    return load(flags, env or {}, folder=folder)


def test_without_a_word_the_defaults_hold(tmp_path: Path) -> None:
    assert loaded(tmp_path).settings == Settings()


def test_flags_win_over_environment_over_file(tmp_path: Path) -> None:
    toml = "port = 1\nrtc_udp_port = 2\nmax_rooms = 3\n"
    got = loaded(tmp_path, toml, {"ROOMFUL_PORT": "10", "ROOMFUL_RTC_UDP_PORT": "20"}, port="100")
    assert (got.settings.port, got.settings.rtc_udp_port, got.settings.policy.max_rooms) == (100, 20, 3)
    assert got.origins["port"] == "--port"
    assert got.origins["rtc_udp_port"] == "ROOMFUL_RTC_UDP_PORT"
    assert got.origins["policy.max_rooms"] == f"{tmp_path / 'roomful.toml'}:3"
    assert got.origins["region"] == "default"


@pytest.mark.parametrize(
    ("toml", "line", "expected"),
    [
        ('port = "many"', 1, "a whole number"),
        ("\n\nport = 70000", 3, "0 to 65535"),
        ("port = true", 1, "a whole number"),
        ('bind = "example.com"', 1, "IP addresses"),
        ("bind = []", 1, "at least one address"),
        ('codecs = ["vp8", "mp3"]', 1, "vp8"),
        ('log_level = "loud"', 1, "debug"),
        ('webhook_url = ["ftp://x"]', 1, "http://"),
        ('webhook_url = ["http://[x"]', 1, "http://"),
        ('rtc_tcp_port = "maybe"', 1, '"off"'),
        ("[keys]\nk = 7", 1, "texts"),
        ("node_ip = 7", 1, "a list of texts"),
        ("drain_time = -1", 1, "seconds"),
        ("port = 1\nmax_signal_message = 9999999", 2, "4096 to 1048576"),
        ("ping_interval = 0", 1, "1 to 3600"),
        ("ping_interval = 20", 1, "longer than the ping interval"),
        ("ping_interval = 9\nping_timeout = 9", 2, "longer than the ping interval"),
    ],
)
def test_a_wrong_value_names_file_line_and_what_was_expected(
    tmp_path: Path, toml: str, line: int, expected: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, toml)
    assert f"roomful.toml:{line}:" in caught.value.message
    assert expected in caught.value.message


def test_a_secret_is_never_repeated(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, env={"ROOMFUL_KEYS": "hunter2"})
    assert "hunter2" not in caught.value.message and "ROOMFUL_KEYS" in caught.value.message
    assert "s3cr3t" not in repr(loaded(tmp_path, env={"ROOMFUL_KEYS": "k: s3cr3t"}).settings)


def test_unknown_options_are_an_error_in_a_file_and_a_warning_in_the_environment(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"roomful.toml:2: `prot`"):
        loaded(tmp_path, "port = 1\nprot = 2")
    (tmp_path / "roomful.toml").unlink()
    assert "ROOMFUL_PROT" in loaded(tmp_path, env={"ROOMFUL_PROT": "1"}).warnings[0]


def test_broken_toml_and_missing_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not TOML"):
        loaded(tmp_path, "port = ")
    with pytest.raises(ConfigError, match="cannot read"):
        load({}, {"ROOMFUL_CONFIG": str(tmp_path / "none.toml")}, folder=tmp_path)


def test_dev_stays_on_loopback_unless_told_otherwise(tmp_path: Path) -> None:
    assert loaded(tmp_path, dev=True).settings.bind == ("127.0.0.1",)
    assert not loaded(tmp_path, dev=True).warnings
    beyond = loaded(tmp_path, dev=True, bind="0.0.0.0")
    assert beyond.settings.bind == ("0.0.0.0",)
    assert "anybody there can do anything" in beyond.warnings[0]


def test_a_program_in_dev_mode_stays_on_loopback_too() -> None:
    assert Settings(dev=True).bind == Roomful(dev=True).settings.bind == ("127.0.0.1",)
    assert Roomful(dev=True, bind=["0.0.0.0"]).settings.bind == ("0.0.0.0",)
    assert "0.0.0.0" in Settings().bind and Settings().beyond_loopback


def test_a_user_without_a_home_keeps_data_where_the_server_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    assert Settings().data_dir == tmp_path / "roomful-data"


def test_media_may_be_listened_for_elsewhere(tmp_path: Path) -> None:
    behind_proxy = loaded(tmp_path, bind="127.0.0.1", rtc_bind="0.0.0.0").settings
    assert behind_proxy.media_bind == ("0.0.0.0",) and not behind_proxy.beyond_loopback
    assert loaded(tmp_path, bind="127.0.0.1").settings.media_bind == ("127.0.0.1",)


def test_the_webhooks_key_must_be_one_of_the_keys(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="webhook-key"):
        loaded(tmp_path, keys="a: b", webhook_key="c")


def test_off_and_lists_are_read_from_text(tmp_path: Path) -> None:
    got = loaded(tmp_path, rtc_tcp_port="off", https_port="OFF", node_ip="203.0.113.7, 2001:db8::7", auto_create="no")
    assert got.settings.rtc_tcp_port is None and got.settings.https_port is None
    assert got.settings.node_ips == ("203.0.113.7", "2001:db8::7")
    assert got.settings.policy.auto_create is False


def test_every_option_lands_in_a_field_that_exists() -> None:
    for option in OPTIONS:
        value: object = Settings()
        for part in option.field.split("."):
            value = getattr(value, part)
    assert len({option.name for option in OPTIONS}) == len({option.field for option in OPTIONS}) == len(OPTIONS)


def test_two_listeners_cannot_share_a_port(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="rtc-tcp-port"):
        loaded(tmp_path, port="8000", rtc_tcp_port="8000")
    loaded(tmp_path, port="0", rtc_tcp_port="0")
    loaded(tmp_path, dev=True, port="7443")
