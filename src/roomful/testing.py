"""A pytest fixture for users' own tests: `roomful_server` is a whole server on free loopback ports, one for each test.

Found by pytest through the entry point `pytest11`; imports nothing heavy until a test asks for it.

    def test_my_bot(roomful_server):
        @roomful_server.app.on_join
        def only_bots(request):
            return request.identity.startswith("bot")

        run_my_bot(roomful_server.url, roomful_server.token("bot-1", "room"))
        assert roomful_server.participants("room") == ["bot-1"]
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

if TYPE_CHECKING:
    from roomful.app import Roomful

T = TypeVar("T")

START_S = 30.0
"""How long a server may take to start or to end."""


class RoomfulServer:
    """A server in a thread of its own, with LiveKit's development key. Safe to use from the test's thread."""

    api_key = "devkey"
    api_secret = "secret"

    def __init__(self, app: Roomful) -> None:
        self.app = app
        """Register hooks here; they run in the server's thread."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="roomful", daemon=True)

    def start(self) -> None:
        self._thread.start()
        self.run(self.app.start())

    def stop(self) -> None:
        try:
            self.run(self.app.stop())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(START_S)
            self._loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Awaits something in the server's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(START_S)

    @property
    def url(self) -> str:
        """What LiveKit's SDKs connect to."""
        return f"ws://127.0.0.1:{self.app.port}"

    @property
    def http_url(self) -> str:
        return f"http://127.0.0.1:{self.app.port}"

    def token(self, identity: str, room: str, *, name: str = "", admin: bool = False) -> str:
        return self.app.token(room=room, identity=identity, name=name, admin=admin)

    def participants(self, room: str) -> list[str]:
        """Identities of everybody in a room."""

        async def ask() -> list[str]:
            return [one.identity for one in self.app.participants(room)]

        return self.run(ask())


@pytest.fixture
def roomful_server(tmp_path: Path) -> Iterator[RoomfulServer]:
    """Starts before the test and drains after it."""
    from roomful.app import Roomful
    from roomful.app.parts import for_tests

    server = RoomfulServer(Roomful(for_tests(tmp_path / "roomful")))
    server.start()
    try:
        yield server
    finally:
        server.stop()
