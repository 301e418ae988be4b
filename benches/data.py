"""Data channels: bytes and messages a second through both ends, DTLS and UDP loopback, beside aiortc, pion and node-datachannel.

`make bench BENCH=data [ARGS="--seconds 3 --only roomful,aiortc"]` runs each by itself, both ends in one process, for messages of
16 KiB and of 64 B. `per CPU-second` is what a second of the process's own CPU time carries (utime and stime, both ends), which other
programs on the machine do not enter into. What is not installed is left out and said so: `pip install aiortc`, Go, `npm ci` in
`benches/channels`.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NODE = ROOT / "benches" / "channels"
PION = ROOT / "tests" / "media" / "pion_peer"
TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
SIZES = (16_384, 64)
LIMIT_S = 120


@dataclass(frozen=True, slots=True)
class Contestant:
    name: str
    command: tuple[str, ...]
    """Before the size in bytes and the seconds."""
    missing: str = ""
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    bench: str
    name: str
    size: int
    bytes_per_s: float
    messages_per_s: float
    cpu_s: float
    """Of the whole run, handshake and warming up included."""
    per_cpu_s: float
    """Messages per CPU-second."""


@contextmanager
def contestants(seconds: float) -> Iterator[list[Contestant]]:
    python = (sys.executable, "-m", "benches.channels.ends")
    with tempfile.TemporaryDirectory() as folder:
        pion = Path(folder) / "pion"
        go = shutil.which("go")
        if go:
            subprocess.run([go, "build", "-o", pion, "."], cwd=PION, check=True)
        example = TARGET / "release" / "examples" / "data"
        subprocess.run(
            ["cargo", "build", "--locked", "--release", "-q", "-p", "roomful-peer", "--example", "data"],
            cwd=ROOT,
            check=True,
        )
        yield [
            Contestant("roomful (Rust)", (str(example),), mark="150 MB/s, 500,000 messages/s"),
            Contestant("roomful (Python)", (*python, "roomful"), mark="10 times aiortc"),
            Contestant(
                "aiortc", (*python, "aiortc"), "" if importlib.util.find_spec("aiortc") else "pip install aiortc"
            ),
            Contestant("pion", (str(pion), "-seconds", str(seconds), "-bench"), "" if go else "no Go"),
            Contestant(
                "node-datachannel",
                ("node", str(NODE / "ends.mjs")),
                "" if (NODE / "node_modules").exists() and shutil.which("node") else "npm ci in benches/channels",
            ),
        ]


def measure(one: Contestant, size: int, seconds: float) -> Row:
    words = [*one.command, str(size)]
    if one.name != "pion":
        words.append(str(seconds))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    done = subprocess.run(
        words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    if done.returncode:
        raise SystemExit(f"{one.name}: {done.stderr[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    told = json.loads(done.stdout.splitlines()[-1])
    # A second of warming up went before.
    carried = told["messages_per_s"] * (seconds + 1)
    return Row("data", one.name, size, told["bytes_per_s"], told["messages_per_s"], cpu, carried / cpu)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--only", default="", help="names, or beginnings of names, with commas between")
    options = parser.parse_args()
    wanted = [name for name in options.only.split(",") if name]
    print(f"{platform.machine()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}", file=sys.stderr)
    rows: list[Row] = []
    with contestants(options.seconds) as all_of_them:
        for one in all_of_them:
            if wanted and not any(one.name.startswith(name) for name in wanted):
                continue
            if one.missing:
                print(f"{one.name}: left out ({one.missing})", file=sys.stderr)
                continue
            for size in SIZES:
                row = measure(one, size, options.seconds)
                rows.append(row)
                print(json.dumps({name: getattr(row, name) for name in Row.__slots__}), flush=True)
    table(rows)


def table(rows: list[Row]) -> None:
    base = {row.size: row.messages_per_s for row in rows if row.name == "aiortc"}
    print(f"\n{'':20}{'bytes':>8}{'MB/s':>9}{'messages/s':>13}{'per CPU-second':>16}{'× aiortc':>10}")
    for row in rows:
        times = f"{row.messages_per_s / base[row.size]:10.1f}" if row.size in base else ""
        print(
            f"{row.name:20}{row.size:8}{row.bytes_per_s / 1e6:9.1f}{row.messages_per_s:13,.0f}{row.per_cpu_s:16,.0f}{times}"
        )


if __name__ == "__main__":
    main()
