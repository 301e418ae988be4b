"""The whole server as one ASGI application: starts what is needed when it is first asked, and makes doubled slashes single.

Used by `app.roomful`; works behind uvicorn, and mounted in somebody's FastAPI or Starlette, where no lifespan reaches it.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp, Receive, Scope, Send

_SLASHES = re.compile("/{2,}")


class Gateway:
    """`ready` returns the inner application, started."""

    def __init__(self, ready: Callable[[], Awaitable[ASGIApp]], stop: Callable[[], Awaitable[None]]) -> None:
        self._ready = ready
        self._stop = stop

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        # Some SDKs join a base address that ends in a slash with `/rtc`.
        if "//" in scope["path"]:
            scope = {**scope, "path": _SLASHES.sub("/", scope["path"])}
            scope.pop("raw_path", None)
        app = await self._ready()
        await app(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                try:
                    await self._ready()
                except Exception as error:
                    await send({"type": "lifespan.startup.failed", "message": str(error)})
                    raise
                await send({"type": "lifespan.startup.complete"})
            else:
                await self._stop()
                await send({"type": "lifespan.shutdown.complete"})
                return
