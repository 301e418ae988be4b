"""The command refuses in one line, prints what can be piped, and hides secrets."""

from __future__ import annotations

import io
import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from roomful.auth.token import verify
from roomful.cli.banner import local_host, qr
from roomful.cli.logs import JsonLines
from roomful.cli.main import main

DEV = {"devkey": "secret"}


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No roomful.toml, no variables of the person who runs the tests."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ROOMFUL_DATA_DIR", str(tmp_path / "data"))


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("serve", "token", "rooms", "doctor"):
        with pytest.raises(SystemExit) as ended:
            main([command, "--help"])
        assert ended.value.code == 0
        assert f"roomful {command}" in capsys.readouterr().out.partition("examples:")[2]
    assert main([]) == 2


def test_a_token_is_printed_alone_and_holds(capsys: pytest.CaptureFixture[str]) -> None:
    said = ["token", "--dev", "--room", "tea", "--identity", "ada", "--join", "--no-publish", "--for", "60"]
    assert main(said) == 0
    grant = verify(capsys.readouterr().out.strip(), keys=DEV, now_s=time.time())
    assert grant.identity == "ada" and grant.video.room_join and grant.video.room == "tea"
    assert not grant.video.permission().can_publish
    assert grant.not_before_s is not None and grant.expires_s == grant.not_before_s + 60


@pytest.mark.parametrize(
    "said",
    [["token"], ["token", "--join", "--room", "a"], ["token", "--admin"], ["token", "--list", "--for", "0"],
     ["rooms", "create"], ["rooms", "remove", "tea"], ["serve", "--port", "many"], ["serve", "--bind", "nowhere"],
     ["doctor", "--config", "none.toml"]],
)  # fmt: skip
def test_mistakes_are_one_line_and_status_2(said: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(said) == 2
    out, error = capsys.readouterr()
    assert not out and error.startswith("roomful: ") and error.count("\n") == 1


def test_a_key_is_made_once_and_kept_privately(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert main(["token", "--list"]) == 0
    first, second = capsys.readouterr().out.split()
    assert first.split(".")[0] == second.split(".")[0]
    (kept,) = (tmp_path / "data").iterdir()
    assert kept.stat().st_mode & 0o077 == 0
    secrets = json.loads(kept.read_text())
    verify(first, keys={secrets["api_key"]: secrets["api_secret"]}, now_s=time.time())


def test_an_unusable_data_directory_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["token", "--list", "--data-dir", str(tmp_path / "file" / "below")]) == 2
    assert "--data-dir" in capsys.readouterr().err


def test_doctor_names_a_taken_port_and_its_flag(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["doctor", "--dev", "--port", str(port), "--keys", "k:hidden-secret"]) == 1
    out = capsys.readouterr().out
    assert f"tcp {port}" in out and "--port" in out and "PROBLEM" in out
    assert "hidden-secret" not in out and "k (secret hidden)" in out


class Twirp(BaseHTTPRequestHandler):
    """Answers as a server does."""

    seen: list[tuple[str, str, Any]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.seen.append((self.path.rpartition("/")[2], self.headers["Authorization"].partition(" ")[2], body))
        status, answer = 200, {"rooms": [{"name": "tea\x1b[2J", "numParticipants": 3}]}
        if body.get("room") == "gone":
            status, answer = 404, {"code": "not_found", "msg": "no such room"}
        text = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:
        return None


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    Twirp.seen = []
    with HTTPServer(("127.0.0.1", 0), Twirp) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def test_rooms_asks_a_running_server(server: HTTPServer, capsys: pytest.CaptureFixture[str]) -> None:
    url = ["--dev", "--url", f"ws://127.0.0.1:{server.server_port}/"]
    assert main(["rooms", "list", *url]) == 0
    out = capsys.readouterr().out
    assert "tea" in out and "3" in out and "\x1b" not in out
    assert main(["rooms", "delete", "gone", *url]) == 1
    assert "no such room" in capsys.readouterr().err
    (listed, token, _), (deleted, other, body) = Twirp.seen
    assert (listed, deleted, body) == ("ListRooms", "DeleteRoom", {"room": "gone"})
    assert verify(token, keys=DEV, now_s=time.time()).video.room_list
    assert verify(other, keys=DEV, now_s=time.time()).video.room_create


def test_no_server_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        assert main(["rooms", "list", "--dev", "--port", str(probe.getsockname()[1])]) == 1
    assert "Is `roomful serve` running there?" in capsys.readouterr().err


def test_log_lines_are_json_objects() -> None:
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(JsonLines())
    log = logging.Logger("roomful.test")
    log.addHandler(handler)
    log.warning("a\n%s", "b")
    line = json.loads(out.getvalue())
    assert out.getvalue().count("\n") == 1
    assert (line["level"], line["name"], line["message"]) == ("warning", "roomful.test", "a\nb")


@pytest.mark.parametrize(
    ("bind", "host"),
    [(("0.0.0.0", "::"), "localhost"), (("127.0.0.1",), "127.0.0.1"), (("::1",), "[::1]"), (("192.168.1.9",), "192.168.1.9")],
)  # fmt: skip
def test_the_banners_address_opens_here(bind: tuple[str, ...], host: str) -> None:
    assert local_host(bind) == host


def test_a_qr_code_is_square_blocks() -> None:
    lines = qr("https://192.168.1.9:7443/").splitlines()
    assert len({len(line) for line in lines}) == 1 and len(lines) > 10
