"""Tells when threads in Rust have something to say: by their descriptor where the loop can wait for one, else by looking again and again.

Called by the adapters of the media engine and of the hub.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

POLL_S = 0.005
"""How often is looked where no descriptor tells."""


class Bell:
    """`heard` is called in the event loop's thread, and drains what there is."""

    def __init__(self, heard: Callable[[], None]) -> None:
        self._heard = heard
        self._loop: asyncio.AbstractEventLoop | None = None
        self._fd = -1
        self._timer: asyncio.TimerHandle | None = None

    def hang(self, fd: int) -> None:
        """Listens, in the running loop. `fd` is -1 where there is no descriptor."""
        self._loop = asyncio.get_running_loop()
        if fd >= 0:
            try:
                self._loop.add_reader(fd, self._heard)
            except NotImplementedError:
                pass  # a loop without readers (Windows' proactor)
            else:
                self._fd = fd
                return
        self._poll()

    def take_down(self) -> None:
        """Listens no more; may be called by what `heard` calls."""
        if self._loop is not None and self._fd >= 0:
            self._loop.remove_reader(self._fd)
        if self._timer is not None:
            self._timer.cancel()
        self._loop, self._fd, self._timer = None, -1, None

    def _poll(self) -> None:
        self._heard()
        if self._loop is not None:
            self._timer = self._loop.call_later(POLL_S, self._poll)
