"""A program on Roomful's own API, as its documentation shows it. Called by benches/ws.py with a port."""

from __future__ import annotations

import sys

from roomful import Roomful
from roomful.edge.websocket.client import Client

roomful = Roomful(dev=True, bind=["127.0.0.1"], port=int(sys.argv[1]))


@roomful.websocket("/hook", origins=["*"])
class Hook:
    """Echoes."""

    async def connect(self, client: Client) -> None:
        """Everybody may come in."""

    async def message(self, client: Client, message: str | bytes) -> str | bytes:
        return message


if __name__ == "__main__":
    raise SystemExit(roomful.run())
