"""Games: how long a tick takes with many players, and how soon an input is seen; with real clients, over real data channels.

`make bench BENCH=game [ARGS="--players 64"]` runs a server process with a `Game` of moving things, and players that are `/game.js` in
one Chromium, each with a connection of its own, sixty inputs a second each. `--loss 5` drops so many per cent of the packets of both ways. The limit beside it is the same match without a network, in this process: what the tick alone takes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

from benches.processes import end

PORT = 17_893
TICKS = os.sysconf("SC_CLK_TCK")
WARM_S = 4.0

WORLD = """
from math import cos, sin
from roomful.game import Game

class Field(Game):
    def start(self):
        self.ships = {}

    def seated(self, seat):
        self.ships[seat.number] = [0.0, 0.0, 0.0, 0]

    def left(self, seat):
        del self.ships[seat.number]

    def tick(self, dt_s):
        for seat in self.seats:
            ship = self.ships[seat.number]
            for wish in seat.inputs:
                ship[2] += wish[0] * dt_s
                ship[3] = wish[1]
            ship[0] = (ship[0] + cos(ship[2]) * 200 * dt_s) % 1600
            ship[1] = (ship[1] + sin(ship[2]) * 200 * dt_s) % 900

    def state(self):
        return {n: {"x": round(s[0]), "y": round(s[1]), "a": round(s[2], 2), "n": s[3]} for n, s in self.ships.items()}
"""
SERVER = (
    WORLD
    + """
import json, sys, threading
from pathlib import Path
from roomful import Roomful

roomful = Roomful(dev=True, port=int(sys.argv[1]), rtc_udp_port=0, rtc_tcp_port=None)
roomful.files("/page", Path(__file__).parent / "page")
roomful.game("field", seats=256, snapshots=int(sys.argv[2]))(Field)

def answer():
    for line in sys.stdin:
        stats = roomful.game_stats("field")
        kept = list(stats.tick_ms)
        stats.tick_ms.clear()
        kept.sort()
        told = {"ticks": stats.ticks, "skipped": stats.skipped}
        told |= {f"p{part}": round(kept[min(len(kept) - 1, len(kept) * part // 100)], 3) for part in (50, 99)} if kept else {}
        print(json.dumps(told), flush=True)

threading.Thread(target=answer, daemon=True).start()
raise SystemExit(roomful.run())
"""
)


PAGE = """<!doctype html><meta charset="utf-8"><title>players</title><script type="module">
import { play } from '/game.js'
window.players = []
window.bring = async (url, tokens, loss) => {
  for (const token of tokens) {
    const one = { echoes: [], sent: new Map(), shown: 0 }
    const frame = ({ world }) => {
      const n = world.get(one.match?.game.seat)?.n ?? 0
      if (n <= one.shown) return
      one.shown = n
      const then = one.sent.get(n)
      if (then !== undefined) one.echoes.push(performance.now() - then)
      for (const old of one.sent.keys()) if (old <= n) one.sent.delete(old)
    }
    one.match = await play('field', { name: 'p', at: { url, token } }, { frame })
    const { game } = one.match
    const [send, hear] = [game.line.send, game.hear.bind(game)]
    game.line.send = (payload, reliable) => (reliable || Math.random() >= loss) && send(payload, reliable)
    game.hear = (payload) => (payload[0] !== 0x82 || Math.random() >= loss) && hear(payload)
    players.push(one)
  }
}
window.start = () => {
  let n = 0
  const began = performance.now()
  setInterval(() => {
    // As many as the clock says, so that a late timer sends no fewer.
    for (; n < ((performance.now() - began) * 60) / 1000; n++)
      for (const one of players) {
        one.sent.set(n, performance.now())
        one.match.game.act([(n % 7) - 3, n])
      }
  }, 1000 / 60)
}
</script>"""


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def percentile(values: list[float], part: float) -> float:
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * part))], 2) if ordered else 0.0


def limit(players: int, snapshots: int) -> dict[str, float]:
    """The same match with nobody's network: every player acknowledges at once."""
    from roomful.game import GameRules, Player
    from roomful.game.match import Match

    names: dict[str, Any] = {}
    exec(WORLD, names)
    match = Match(names["Field"](), GameRules(seats=256, snapshots=snapshots), "field", 1)
    clients = {f"p{number}": Player() for number in range(players)}
    for sid, player in clients.items():
        match.hear(sid, sid, sid, player.hello(), 0)
    took: list[float] = []
    for tick in range(1, 301):
        now = tick * 1_000 / 60
        for sid, player in clients.items():
            match.hear(sid, sid, sid, player.act([1, tick], now), now)
        began = time.process_time()
        match.tick(now)
        out = match.take()
        took.append((time.process_time() - began) * 1_000)
        for one in out:
            for sid in one.to:
                clients[sid].hear(one.payload, now)
    return {"p50": percentile(took, 0.5), "p99": percentile(took, 0.99)}


async def measure(
    port: int, process: subprocess.Popen[str], players: int, loss: float, seconds: float
) -> dict[str, Any]:
    from livekit import api
    from playwright.async_api import async_playwright

    def stats() -> dict[str, Any]:
        assert process.stdin and process.stdout
        process.stdin.write("\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())

    grants = api.VideoGrants(room_join=True, room="field")
    made = [api.AccessToken("devkey", "secret").with_identity(f"p{one}").with_grants(grants) for one in range(players)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tokens = [one.to_jwt() for one in made]
    async with async_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required"]
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        page = await browser.new_page()
        await page.goto(f"http://127.0.0.1:{port}/page/")
        await page.wait_for_function("typeof window.bring === 'function'")
        await page.evaluate(
            "([url, tokens, loss]) => bring(url, tokens, loss)", [f"ws://127.0.0.1:{port}", tokens, loss / 100]
        )
        await page.evaluate("start()")
        await asyncio.sleep(WARM_S)
        await page.evaluate("players.forEach((one) => (one.echoes.length = 0))")
        await asyncio.to_thread(stats)
        before, began = cpu_s(process.pid), time.perf_counter()
        await asyncio.sleep(seconds)
        passed = time.perf_counter() - began
        used = (cpu_s(process.pid) - before) / passed
        told = await asyncio.to_thread(stats)
        echoes: list[float] = await page.evaluate("players.flatMap((one) => one.echoes)")
        seated: int = await page.evaluate("players.filter((one) => one.match.game.seat !== null).length")
        await browser.close()
    return {
        "players": players,
        "loss_percent": loss,
        "seated": seated,
        "tick_p50_ms": told["p50"],
        "tick_p99_ms": told["p99"],
        "skipped": told["skipped"],
        "server_cores": round(used, 3),
        "input_to_echo_p50_ms": percentile(echoes, 0.5),
        "input_to_echo_p99_ms": percentile(echoes, 0.99),
        "echoes": len(echoes),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--players", type=int, default=64)
    parser.add_argument("--snapshots", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--loss", type=float, action="append", help="per cent; may be given several times")
    chosen = parser.parse_args()
    print(json.dumps({"machine": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()}))
    for loss in chosen.loss or [0.0, 5.0]:
        with tempfile.TemporaryDirectory() as folder:
            program = Path(folder, "field.py")
            program.write_text(SERVER)
            Path(folder, "page").mkdir()
            Path(folder, "page", "index.html").write_text(PAGE)
            process = subprocess.Popen(
                [sys.executable, str(program), str(PORT), str(chosen.snapshots)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env={**os.environ, "XDG_DATA_HOME": folder, "PYTHONPATH": os.pathsep.join(sys.path)},
            )
            try:
                assert process.stdout
                while "listens" not in (line := process.stdout.readline()):
                    if not line:
                        raise SystemExit("the server did not start")
                line = asyncio.run(measure(PORT, process, chosen.players, loss, chosen.seconds))
            finally:
                end(process)
        alone = limit(chosen.players, chosen.snapshots)
        line |= {"alone_p50_ms": alone["p50"], "alone_p99_ms": alone["p99"]}
        line["ratio_to_alone"] = round(line["tick_p50_ms"] / alone["p50"], 2) if alone["p50"] else None
        print(json.dumps(line))


if __name__ == "__main__":
    main()
