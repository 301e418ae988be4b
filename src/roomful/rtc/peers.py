"""The thread in Rust that runs all connections of an event loop, and the way of its news to them. Used by `connection`.

It is started by the first connection and ends with the last, so that nothing is left behind when a loop closes.
"""

from __future__ import annotations

import asyncio
import logging
from itertools import count
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from roomful._native import rtc as native

LOG = logging.getLogger("roomful.rtc")


class Reader(Protocol):
    """Whoever hears of one peer."""

    def _told(self, name: str, values: tuple[Any, ...]) -> None: ...


class Peers:
    """One for each event loop that has connections."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.native = native.Peers()
        self._loop = loop
        self._readers: dict[int, Reader] = {}
        self._fd = self.native.fileno()
        loop.add_reader(self._fd, self._drain)

    def add(self, peer: int, reader: Reader) -> None:
        """`reader` hears of `peer`."""
        self._readers[peer] = reader

    def remove(self, peer: int) -> None:
        """Nobody hears of it any more; the thread ends with the last."""
        if self._readers.pop(peer, None) is None:
            return
        self.native.close_peer(peer)
        self.leave()

    def leave(self) -> None:
        """Ends the thread when nobody needs it."""
        if not self._readers and _of_loop.pop(self._loop, None) is not None:
            self._loop.remove_reader(self._fd)
            self.native.close()

    def _drain(self) -> None:
        try:
            news = self.native.drain()
        except native.RtcError:
            return  # the last one closed while this was on its way
        for peer, name, values in news:
            if name == "died":
                self._died()
                return
            if (reader := self._readers.get(peer)) is not None:
                reader._told(name, values)  # pyright: ignore[reportPrivateUsage]

    def _died(self) -> None:
        LOG.error("the thread of all peer connections ended by itself")
        for reader in list(self._readers.values()):
            reader._told("connection", ("failed",))  # pyright: ignore[reportPrivateUsage]


_of_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, Peers] = WeakKeyDictionary()
requests = count(1)


def of_running_loop() -> Peers:
    """The running loop's. Raises RuntimeError where none runs."""
    loop = asyncio.get_running_loop()
    peers = _of_loop.get(loop)
    if peers is None:
        peers = _of_loop[loop] = Peers(loop)
    return peers
