"""pion as a peer: a Go client of LiveKit's protocol judges offers, ICE, DTLS, SRTP, RTP, RTCP and SCTP on a real network.

Every frame's bytes follow from its number, so the receiver proves that nothing is torn, changed or missing.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from livekit import api
from namespaces import PORT, Pair, pair, serving, stop, until

FOLDER = Path(__file__).parent / "pion"


@pytest.fixture(scope="session")
def executable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert shutil.which("go"), "Go is needed (on Debian: apt install golang)"
    out = tmp_path_factory.mktemp("pion") / "client"
    subprocess.run(["go", "build", "-o", out, "."], cwd=FOLDER, check=True)
    return out


@dataclass(slots=True)
class Peer:
    """A running client and its last report."""

    name: str
    process: subprocess.Popen[bytes]
    out: Path
    last: dict[str, Any] = field(default_factory=dict[str, Any])

    def report(self) -> dict[str, Any]:
        assert self.process.poll() is None, f"{self.name} gave up: {self.out.read_text()[-2000:]}"
        whole = [line for line in self.out.read_text().splitlines(keepends=True) if line.endswith("}\n")]
        self.last = json.loads(whole[-1]) if whole else {}
        return self.last

    def frames(self, kind: str) -> int:
        return max(
            (track["frames"] for track in self.report().get("received") or () if track["kind"] == kind), default=0
        )

    def heard(self, who: str, channel: str) -> int:
        return sum(
            count for text, count in self.report().get("data", {}).items() if text.startswith(f"{who} {channel} ")
        )


Call = Callable[..., Peer]


@pytest.fixture
def network(request: pytest.FixtureRequest) -> Iterator[Pair]:
    with pair(v6=getattr(request, "param", "v4") == "v6") as between:
        yield between


@pytest.fixture
def call(network: Pair, executable: Path, tmp_path: Path) -> Iterator[Call]:
    """`call("ada", single=True)`: a client in the room, by UDP alone.

    With TCP beside it pion takes whichever pair answers first (RFC 8445 §8.1.1 leaves that to it), and that is chance.
    """
    with ExitStack() as stack:
        stack.enter_context(serving(network, tmp_path))

        def one(name: str, *, single: bool, networks: str = "udp4,udp6") -> Peer:
            out = tmp_path / f"{name}.log"
            command = network.inside(
                network.client, executable, "-url", f"ws://{network.host}:{PORT}", "-token", token(name),
                f"-single={str(single).lower()}", "-networks", networks,
            )  # fmt: skip
            with out.open("wb") as into:
                process = subprocess.Popen(command, stdout=into, stderr=subprocess.STDOUT)
            stack.callback(stop, process)
            return Peer(name, process, out)

        yield one


def token(identity: str) -> str:
    with warnings.catch_warnings():
        # The dev secret is short on purpose, as LiveKit's is; its library warns of that.
        warnings.simplefilter("ignore")
        grants = api.VideoGrants(room_join=True, room="pion")
        return api.AccessToken("devkey", "secret").with_identity(identity).with_grants(grants).to_jwt()


def talk(ada: Peer, bob: Peer, protocol: str, address: str) -> None:
    """Media and data both ways, whole, by the protocol that is expected."""
    for one, other in ((ada, bob), (bob, ada)):
        until(f"{one.name} gets video", lambda one=one: one.frames("video") >= 90, 60, one.report)
        until(f"{one.name} gets audio", lambda one=one: one.frames("audio") >= 100, 30, one.report)
        for channel in ("_reliable", "_lossy"):
            heard = lambda one=one, other=other, channel=channel: one.heard(other.name, channel) >= 4  # noqa: E731
            until(f"{one.name} gets data by {channel}", heard, 30, one.report)
        report = one.report()
        assert {track["kind"] for track in report["received"]} == {"audio", "video"}
        for track in report["received"]:
            assert track["wrong"] == 0 and track["skipped"] == 0, report
            assert track["stream"].startswith("PA_"), report
        assert all(count == 1 for count in report["data"].values()), report
        assert report["asked"] >= 1, "a key frame is asked for when somebody begins to watch"
        assert set(report["states"]) == {"connected"}
        assert all(pair.split() == [protocol, protocol, address] for pair in report["pairs"]), report


@pytest.mark.parametrize(("ada_v1", "bob_v1"), [(True, False), (False, True), (True, True)])
def test_media_and_data_go_both_ways_in_both_offer_styles(
    network: Pair, call: Call, ada_v1: bool, bob_v1: bool
) -> None:
    ada = call("ada", single=ada_v1)
    until("ada is connected", lambda: "connected" in (ada.report().get("states") or ()), 30, ada.report)
    talk(ada, call("bob", single=bob_v1), "udp", network.address)


@pytest.mark.parametrize("network", ["v6"], indirect=True)
def test_a_call_over_ipv6(network: Pair, call: Call) -> None:
    talk(call("ada", single=True), call("bob", single=False), "udp", network.address)


def test_where_udp_is_blocked_the_call_goes_by_tcp(network: Pair, call: Call) -> None:
    network.drop_udp()
    both = "udp4,tcp4"
    ada, bob = call("ada", single=True, networks=both), call("bob", single=False, networks=both)
    talk(ada, bob, "tcp", network.address)
    assert network.dropped_udp() > 0, "the clients did try UDP"
    # Ada has one transport, Bob two.
    assert len(network.tcp_between()) == 3
