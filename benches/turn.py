"""STUN and TURN beside coturn, in one run: relayed packets and STUN bindings per CPU-second of each server.

`make bench BENCH=turn [ARGS="--quick"]` starts both in one network namespace and the load (`turn_load`, an example of
roomful-engine) with its peers in another. For each kind of load the two take turns, so that a busy machine is busy for
both. Ours is `roomful._native.media.Turn`, what `roomful serve` runs, with its bounds for a single address raised:
here all clients have one. coturn is Debian's, with its own defaults.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from benches.forward import TARGET, build, head
from benches.network import LOOPBACK, Network, network
from benches.processes import end

SECRET, REALM = "north", "roomful"
PORTS = {"roomful": 17478, "coturn": 17578}
RELAYS = {"roomful": (20_000, 24_999), "coturn": (25_000, 29_999)}
LIMIT_S = 90.0
"""No measurement may take longer."""


@dataclass(frozen=True, slots=True)
class Work:
    """What `turn_load` is told. `rate`: packets a second in all; `mark`: how many times coturn's is asked for."""

    name: str
    words: tuple[str, ...]
    rate: int
    mark: float


WORKS = (
    Work("video to the peer, 8 × 1,100 bytes a frame", ("up", "1100", "8"), 24_000, 1.5),
    Work("video to the client, 8 × 1,100 bytes a frame", ("down", "1100", "8"), 24_000, 1.5),
    Work("voice to the peer, 200 bytes", ("up", "200", "1"), 12_000, 1.5),
    Work("voice to the client, 200 bytes", ("down", "200", "1"), 12_000, 1.5),
    Work("STUN bindings", ("binding",), 24_000, 1.2),
)


def serve(address: str) -> None:
    """Ours, until it is killed."""
    from roomful._native.media import Turn

    turn = Turn(
        secrets=[SECRET.encode()], addresses=[address], udp_port=PORTS["roomful"], relay_ports=RELAYS["roomful"],
        realm=REALM, allowed=[f"{address}/24"], max_per_user=0, max_per_address=0, bandwidth=0, strangers=0,
        bindings=0,
    )  # fmt: skip
    while not turn.is_dead():
        time.sleep(1)


def coturn(address: str, folder: Path) -> list[str]:
    first, last = RELAYS["coturn"]
    command = [
        "turnserver", "-n", "--no-tls", "--no-dtls", "--no-cli", "--use-auth-secret", f"--static-auth-secret={SECRET}",
        f"--realm={REALM}", f"--listening-ip={address}", f"--relay-ip={address}",
        f"--listening-port={PORTS['coturn']}", f"--min-port={first}", f"--max-port={last}",
        f"--log-file={folder / 'coturn.log'}", "--simple-log", f"--pidfile={folder / 'coturn.pid'}",
        f"--userdb={folder / 'coturn.db'}",
    ]  # fmt: skip
    return [*command, "--allow-loopback-peers"] if address == LOOPBACK.address else command


@contextmanager
def running(net: Network, command: list[str], log: Path) -> Iterator[int]:
    """The process's id. The load waits until it answers."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*net.server, *command], stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
        )
    try:
        time.sleep(2)
        if process.poll() is not None:
            raise SystemExit(f"{command[0]} did not start:\n{log.read_text()}")
        yield process.pid
    finally:
        end(process)


def load(net: Network, name: str, pid: int, work: Work, seconds: float) -> dict[str, Any]:
    """One window."""
    own = net.peer
    command = [
        *net.client, str(TARGET / "release" / "examples" / "turn_load"), "--server", f"{net.address}:{PORTS[name]}",
        "--own", own, "--secret", SECRET, "--realm", REALM, "--pid", str(pid), "--rate", str(work.rate),
        "--windows", "1", "--seconds", str(seconds), *work.words,
    ]  # fmt: skip
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=LIMIT_S, check=False)
    if done.returncode:
        raise SystemExit(f"the load gave up on {name} ({work.name})")
    return {"server": name, "work": work.name, **json.loads(done.stdout)}


def show(work: Work, lines: list[dict[str, Any]]) -> None:
    print(f"\n{work.name}, {work.rate:,} packets a second from 100 clients")
    rates: dict[str, float] = {}
    for name in PORTS:
        own = [line for line in lines if line["server"] == name]
        rates[name] = median(line["per_cpu_s"] for line in own)
        sent, got = sum(line["sent"] for line in own), sum(line["delivered"] for line in own)
        spread = " ".join(f"{line['per_cpu_s']:,.0f}" for line in own)
        print(f"  {name:<8} per CPU-second {rates[name]:>10,.0f}   ({spread})   lost {100 * (sent - got) / sent:.2f} %")
    ratio = rates["roomful"] / rates["coturn"]
    print(f"  ratio {ratio:.2f}, wanted {work.mark}: {'yes' if ratio >= work.mark else 'NO'}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="benches.turn", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one window each")
    parser.add_argument("--windows", type=int, default=5, help="measured windows for each server and load")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of one")
    parser.add_argument("--times", type=float, default=1.0, help="as many packets a second as usual, times this")
    parser.add_argument("--json", action="store_true", help="print a JSON object for each window too")
    parser.add_argument("--only", default="", help="works whose name has this in it")
    parser.add_argument("--serve", metavar="ADDRESS", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.serve:
        serve(chosen.serve)
        return
    if shutil.which("turnserver") is None:
        raise SystemExit("nothing to compare with: install coturn (on Debian: apt install coturn)")
    build("Cargo.toml", "-p", "roomful-engine", "--example", "turn_load")
    with network() as net, tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        head(net, "turn")
        place = Path(folder)
        ours = [sys.executable, "-m", "benches.turn", "--serve", net.address]
        pids = {
            "roomful": stack.enter_context(running(net, ours, place / "roomful.log")),
            "coturn": stack.enter_context(running(net, coturn(net.address, place), place / "coturn.out")),
        }
        for work in WORKS:
            if chosen.only not in work.name:
                continue
            work = replace(work, rate=round(work.rate * chosen.times))
            lines: list[dict[str, Any]] = []
            for _ in range(1 if chosen.quick else chosen.windows):
                for name, pid in pids.items():
                    lines.append(load(net, name, pid, work, chosen.seconds))
                    if chosen.json:
                        print(json.dumps(lines[-1]), flush=True)
            show(work, lines)


if __name__ == "__main__":
    main()
