"""Serves the built web app with a strict Content-Security-Policy. Wired by `roomful.app`; knows nothing of rooms.

Hashed files under `assets/` may be kept for ever, `index.html` never. Without a built app, `/` says so.
"""

from __future__ import annotations

import re
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_HOST = re.compile(r"[A-Za-z0-9.\-]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")


def security_headers(host: str) -> dict[str, str]:
    """`host` is the request's Host header; browsers differ on whether `'self'` covers WebSockets (CSP3 §6.7.2.8)."""
    sockets = f" ws://{host} wss://{host}" if _HOST.fullmatch(host) else ""
    return {
        "Content-Security-Policy": (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
            f"media-src 'self' blob:; connect-src 'self'{sockets}; worker-src 'self' blob:; manifest-src 'self'; "
            "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        ),
        "Permissions-Policy": "camera=(self), microphone=(self), display-capture=(self), geolocation=(), payment=()",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
    }


class _Files(StaticFiles):
    """With the page's headers."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(security_headers(Request(scope).headers.get("host", "")))
        kept = "public, max-age=31536000, immutable" if path.startswith("assets/") else "no-cache"
        response.headers["Cache-Control"] = kept
        return response


def routes(folder: Path) -> list[BaseRoute]:
    """Must come last: it takes every path."""
    index = folder / "index.html"

    async def page(request: Request) -> Response:
        headers = {**security_headers(request.headers.get("host", "")), "Cache-Control": "no-cache"}
        if not index.is_file():
            return PlainTextResponse("Roomful is running. This installation has no web app.", headers=headers)
        return FileResponse(index, headers=headers)

    async def missing(request: Request) -> Response:
        raise HTTPException(404)

    if not folder.is_dir():
        return [Route("/", page), Route("/{path:path}", missing)]
    # The page reads the room's name out of its address.
    pages = [
        Route(path, page)
        for path in (
            "/",
            "/r/{room:path}",
            "/p2p",
            "/p2p/{room:path}",
            "/connectivity",
            "/broadcast",
            "/broadcast/{room:path}",
            "/watch/{room:path}",
        )
    ]
    return [*pages, Mount("/", _Files(directory=folder))]
