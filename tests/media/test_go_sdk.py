"""LiveKit's SDK for Go, as it is: two of it in one room, on a network of its own since pion ignores loopback."""

from __future__ import annotations

import json
import shutil
import subprocess
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from livekit import api
from namespaces import PORT, Pair, pair, serving, stop, until

FOLDER = Path(__file__).parent / "go_sdk"


@pytest.fixture(scope="module")
def executable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert shutil.which("go"), "Go is needed (on Debian: apt install golang)"
    out = tmp_path_factory.mktemp("go_sdk") / "client"
    subprocess.run(["go", "build", "-o", out, "."], cwd=FOLDER, check=True)
    return out


@pytest.fixture
def network() -> Iterator[Pair]:
    with pair() as between:
        yield between


class Client:
    """A running client; its log is lines of JSON among the SDK's own words."""

    def __init__(self, between: Pair, executable: Path, name: str, other: str, out: Path) -> None:
        self.out = out
        command = between.inside(
            between.client, executable, "-url", f"ws://{between.host}:{PORT}", "-token", token(name), "-name", name,
            "-other", other,
        )  # fmt: skip
        with out.open("wb") as into:
            self.process = subprocess.Popen(command, stdout=into, stderr=subprocess.STDOUT)

    def report(self) -> dict[str, Any]:
        assert self.process.poll() is None, self.out.read_text()[-2000:]
        lines = self.out.read_text().splitlines(keepends=True)
        told = [line for line in lines if line.startswith('{"states"') and line.endswith("}\n")]
        return json.loads(told[-1]) if told else {}


def token(identity: str) -> str:
    with warnings.catch_warnings():
        # The dev secret is short on purpose, as LiveKit's is; its library warns of that.
        warnings.simplefilter("ignore")
        grants = api.VideoGrants(room_join=True, room="go")
        return api.AccessToken("devkey", "secret").with_identity(identity).with_grants(grants).to_jwt()


def heard(report: dict[str, Any], sender: str, reliable: str) -> int:
    return sum(key.startswith(f"{sender}: {sender} reliable={reliable} ") for key in report.get("data") or {})


def test_two_go_clients_pass_media_data_streams_and_calls(network: Pair, executable: Path, tmp_path: Path) -> None:
    with ExitStack() as stack:
        stack.enter_context(serving(network, tmp_path))
        names = ("ada", "bob")
        clients = {
            name: Client(network, executable, name, other, tmp_path / f"{name}.log")
            for name, other in zip(names, reversed(names), strict=True)
        }
        for client in clients.values():
            stack.callback(stop, client.process)
        for name, other in zip(names, reversed(names), strict=True):
            client = clients[name]
            until(f"{name} gets {other}'s picture", lambda one=client: one.report().get("frames", 0) >= 90, 60)
            until(f"{name} gets {other}'s sound", lambda one=client: one.report().get("audio", 0) >= 100, 30)
            for reliable in ("true", "false"):
                check = lambda one=client, who=other, kind=reliable: heard(one.report(), who, kind) >= 4  # noqa: E731
                until(f"{name} gets {other}'s data, reliable={reliable}", check, 30)
            until(f"{name} is answered", lambda one=client, me=name: one.report().get("answer") == f"hello {me}", 30)
            text = f"roses are red, {other}"
            until(f"{name} reads {other}'s poem", lambda one=client, text=text: one.report().get("poem") == text, 30)
            report = client.report()
            assert report["wrong"] == 0 and report["error"] == "", report
            assert all(count == 1 for count in report["data"].values()), "nothing arrives twice"
            assert report["states"] == ["connected"], report
