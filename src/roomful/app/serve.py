"""Serving until told to stop. Called by `Roomful.run` and by the command line, which prints its banner through `ready`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable

from roomful.app.descriptors import raise_limit
from roomful.app.roomful import Roomful
from roomful.core.errors import ConfigError

log = logging.getLogger("roomful")

SIGNALS = (signal.SIGINT, signal.SIGTERM)
RENEW = getattr(signal, "SIGHUP", None)


async def serve(server: Roomful, *, ready: Callable[[Roomful], None] | None = None) -> int:
    """The exit status. Raises ConfigError when it cannot start. A second signal does not wait for the drain."""
    raise_limit()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    main = asyncio.current_task()

    def asked() -> None:
        if stop.is_set() and main is not None:
            main.cancel()
        stop.set()

    def renew() -> None:
        try:
            server.renew_certificate()
        except ConfigError as error:
            log.error("%s", error)

    with contextlib.suppress(NotImplementedError):
        # As servers are told, by custom, to read their files again. Windows has no such signal.
        if RENEW is not None:
            loop.add_signal_handler(RENEW, renew)
    for one in SIGNALS:
        # Not every platform's loop takes signal handlers; there KeyboardInterrupt ends it.
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(one, asked)
    try:
        await server.start()
        (ready or _say_where)(server)
        await stop.wait()
        log.info("draining: clients are told, then this ends")
    except asyncio.CancelledError:
        return 1
    finally:
        await server.stop()
        for one in SIGNALS:
            with contextlib.suppress(NotImplementedError):
                loop.remove_signal_handler(one)
    return 0


def _say_where(server: Roomful) -> None:
    address = server.settings.bind[0]
    host = "127.0.0.1" if address in ("0.0.0.0", "::", "") else address
    if server.settings.dev and server.settings.beyond_loopback:
        log.warning(
            "dev mode's key is known to everybody, and other machines reach %s", ", ".join(server.settings.bind)
        )
    print(f"Roomful listens at http://{f'[{host}]' if ':' in host else host}:{server.port}", flush=True)
