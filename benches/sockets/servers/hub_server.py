"""Roomful's hub with nothing around it: /echo and /relay are let in by rule, /hook by an async handler that also echoes.

Called by benches/ws.py with a port. Joins are always Python's to decide; here it always says yes.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from typing import Any

from roomful._native.hub import Hub


class Server:
    def __init__(self, port: int) -> None:
        self.hub = Hub(
            addresses=["127.0.0.1"], port=port, paths=["/echo", "/relay", "/hook"], rate=(0, 0),
            max_connections=200_000,
        )  # fmt: skip
        self.hub.send("accept_rule", {"path": "/echo", "speech": "echo"})
        self.hub.send("accept_rule", {"path": "/relay", "speech": "relay"})
        self.connections: dict[int, Connection] = {}
        self.orders: list[tuple[str, dict[str, Any]]] = []
        self.loop = asyncio.get_running_loop()

    def drain(self) -> None:
        for name, fields in self.hub.drain():
            match name:
                case "message":
                    self.connections[fields["connection"]].put(fields["message"])
                case "opened" if not fields["accepted"]:
                    self.connections[fields["connection"]] = Connection(self, fields["connection"])
                case "closed":
                    if connection := self.connections.pop(fields["connection"], None):
                        connection.task.cancel()
                case "join_asked":
                    self.order("decide", {"ask": fields["ask"], "allow": True})
                case _:
                    pass

    def order(self, name: str, fields: dict[str, Any]) -> None:
        if not self.orders:
            self.loop.call_soon(self.flush)
        self.orders.append((name, fields))

    def flush(self) -> None:
        orders, self.orders = self.orders, []
        self.hub.send_all(orders)


class Connection:
    """A task for each connection, so that its messages are handled in order."""

    def __init__(self, server: Server, number: int) -> None:
        self.server = server
        self.number = number
        self.waiting: deque[str | bytes] = deque()
        self.more: asyncio.Future[None] | None = None
        self.task = asyncio.create_task(self.run())

    def put(self, message: str | bytes) -> None:
        self.waiting.append(message)
        if self.more is not None and not self.more.done():
            self.more.set_result(None)

    async def run(self) -> None:
        await self.connect()
        self.server.order("accept", {"connection": self.number, "speech": "raw"})
        while True:
            while self.waiting:
                await self.message(self.waiting.popleft())
            self.more = self.server.loop.create_future()
            await self.more

    async def connect(self) -> None:
        """The async hook of a handshake: says yes."""

    async def message(self, message: str | bytes) -> None:
        """The async hook of a message: echoes."""
        self.server.order("send", {"to": [self.number], "message": message})


async def main() -> None:
    server = Server(int(sys.argv[1]))
    server.loop.add_reader(server.hub.fileno(), server.drain)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
