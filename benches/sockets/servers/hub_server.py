"""Roomful's hub with nothing around it: /echo and /relay are let in by rule, /asked by Python, /hook echoes in an async handler.

Called by benches/ws.py with a port. Joins are always Python's to decide; here it always says yes.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from roomful._native.hub import Hub


class Server:
    def __init__(self, port: int) -> None:
        self.hub = Hub(
            addresses=["127.0.0.1"], port=port, paths=["/echo", "/relay", "/asked", "/hook"], rate=(0, 0),
            max_connections=200_000,
        )  # fmt: skip
        self.hub.send("accept_rule", {"path": "/echo", "speech": "echo"})
        self.hub.send("accept_rule", {"path": "/relay", "speech": "relay"})
        self.tasks: set[asyncio.Task[None]] = set()
        self.orders: list[tuple[str, dict[str, Any]]] = []

    def drain(self) -> None:
        for name, fields in self.hub.drain():
            match name:
                case "message":
                    self.start(self.answer(fields))
                case "opened" if not fields["accepted"]:
                    self.start(self.welcome(fields))
                case "join_asked":
                    self.order("decide", {"ask": fields["ask"], "allow": True})
                case _:
                    pass

    def order(self, name: str, fields: dict[str, Any]) -> None:
        if not self.orders:
            asyncio.get_running_loop().call_soon(self.flush)
        self.orders.append((name, fields))

    def flush(self) -> None:
        orders, self.orders = self.orders, []
        self.hub.send_all(orders)

    def start(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def welcome(self, opened: dict[str, Any]) -> None:
        self.order("accept", {"connection": opened["connection"], "speech": "raw"})

    async def answer(self, said: dict[str, Any]) -> None:
        self.order("send", {"to": [said["connection"]], "message": said["message"]})


async def main() -> None:
    server = Server(int(sys.argv[1]))
    asyncio.get_running_loop().add_reader(server.hub.fileno(), server.drain)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
