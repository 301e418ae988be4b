"""Broadcast: one WHIP publisher to 200 WHEP viewers, in packets per CPU-second of the server, beside Janus.

`make bench BENCH=broadcast [ARGS="--viewers 200"]`: network, load client and counting are those of `forward`. Janus (where it
is installed) serves the same picture to as many subscribers of its video room, which is how it is broadcast there.
"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import replace
from statistics import median

from benches.forward import Result, Scenario, Server, build, head, load, roomful
from benches.janus import janus, version
from benches.network import Network, network

RATE_MARK = 350_000
FIRST_MARK_MS = 100.0


def measure(net: Network, server: Server, who: str, scenario: Scenario, windows: int, seconds: float) -> Result:
    lines = load(
        net, server, "--room", f"bench-{os.getpid()}", *scenario.words(), "--windows", str(windows),
        "--seconds", str(seconds), "--late", "0" if who == "Janus" else "8",
    )  # fmt: skip
    result = Result(scenario, who)
    result.windows += [line for line in lines if line["kind"] == "window"]
    result.joins += [line for line in lines if line["kind"] in ("crowd", "late")]
    print(result.json())
    return result


def main() -> None:
    parser = argparse.ArgumentParser(prog="benches.broadcast", description=__doc__)
    parser.add_argument("--viewers", type=int, default=200)
    parser.add_argument("--windows", type=int, default=3, help="measured windows")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of one")
    chosen = parser.parse_args()
    build("benches/load/Cargo.toml")
    scenario = Scenario(f"1 WHIP to {chosen.viewers} WHEP", "video", 1, chosen.viewers)
    with network() as net:
        head(net, "broadcast")
        peer = version()
        print(f"beside it: {peer or 'nothing (Janus is not installed)'}")
        with roomful(net) as server:
            ours = measure(net, replace(server, kind="whip"), "Roomful", scenario, chosen.windows, chosen.seconds)
        theirs = None
        if peer is not None:
            with janus(net) as (address, pid):
                other = Server(address, "", "", pid, "janus")
                theirs = measure(net, other, "Janus", scenario, chosen.windows, chosen.seconds)
    late = [line["first_media_ms"] for line in ours.joins if line["kind"] == "late"]
    first = median(line["p50"] for line in late) if late else float("nan")
    print(json.dumps({"first_media_ms": late}))
    print(f"\n{scenario.name}: {ours.rate:,.0f} packets per CPU-second, lost {100 * ours.lost:.3f} %")
    if theirs is not None:
        print(f"{'Janus':<{len(scenario.name)}}: {theirs.rate:,.0f}; {ours.rate / theirs.rate:.1f} times as many here")
    for words, reached, value, mark in (
        ("packets per CPU-second", ours.rate >= RATE_MARK, f"{ours.rate:,.0f}", f"{RATE_MARK:,}"),
        (
            "first media after the request, one by one, ms",
            first < FIRST_MARK_MS,
            f"{first:.1f}",
            f"{FIRST_MARK_MS:.0f}",
        ),
    ):
        print(f"  {'reached' if reached else 'MISSED ':<8}{words:<48}{value:>12}   ({mark})")


if __name__ == "__main__":
    main()
