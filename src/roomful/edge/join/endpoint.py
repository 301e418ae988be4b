"""Serves `POST /api/join` and `GET /api/info` over Starlette. Wired by `roomful.app`; makes no rooms and keeps no people."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from roomful.core.errors import Invalid, RoomfulError
from roomful.core.rates import Rates
from roomful.edge.join.identity import holds, key_of
from roomful.edge.join.request import MAX_BODY, JoinBody, parse, same_origin
from roomful.service.directory import Directory

TokenFor = Callable[[str, str, str, bool], str]
"""(identity, name, room, host) → token text; a host administers the room and may make it."""


@dataclass(frozen=True, slots=True)
class JoinSettings:
    """`secret` signs identities; `host_key` is what the host link carries. Neither is ever logged."""

    secret: bytes
    host_key: str
    anybody_makes_rooms: bool
    version: str
    https_port: int | None = None


class JoinEndpoint:
    """The page's door."""

    def __init__(self, directory: Directory, settings: JoinSettings, token_for: TokenFor) -> None:
        self._directory = directory
        self._settings = settings
        self._token_for = token_for
        self._rates = Rates()

    def routes(self) -> list[Route]:
        return [
            Route("/api/join", self.join, methods=["POST"]),
            Route("/api/info", self.info, methods=["GET"]),
        ]

    async def info(self, request: Request) -> JSONResponse:
        """What the page must know before it asks."""
        settings = self._settings
        return JSONResponse(
            {
                "server": "roomful",
                "version": settings.version,
                "anybody_makes_rooms": settings.anybody_makes_rooms,
                "https_port": settings.https_port,
            },
            headers={"Cache-Control": "no-store"},
        )

    async def join(self, request: Request) -> JSONResponse:
        if not same_origin(request.headers.get("origin"), request.headers.get("host")):
            return _error(403, "foreign_origin", "this page may not ask here")
        peer = request.client.host if request.client else ""
        if not self._rates.allow(peer, self._directory.clock.now_ms()):
            return _error(429, "too_many_requests", "too many requests: wait a little", {"Retry-After": "5"})
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return _error(415, "invalid", "the body must be application/json")
        try:
            return self._admit(parse(await _read(request)))
        except RoomfulError as error:
            return _error(_STATUS.get(error.code, 400), error.code, error.message)

    def _admit(self, body: JoinBody) -> JSONResponse:
        settings = self._settings
        host = bool(body.host_key) and hmac.compare_digest(body.host_key.encode(), settings.host_key.encode())
        if body.host_key and not host:
            raise RoomfulError("the host link is not this server's", code="host_key_invalid")
        makes = host or settings.anybody_makes_rooms
        if self._directory.get(body.room) is None and not makes:
            raise RoomfulError("nobody has opened this room yet", code="room_not_found")
        # A device whose key does not hold (a server set up anew, or a guess) becomes somebody new.
        identity = body.identity if holds(body.identity, body.identity_key, settings.secret) else _new_identity()
        return JSONResponse(
            {
                "url": "",
                "token": self._token_for(identity, body.name, body.room, host),
                "room": body.room,
                "name": body.name,
                "identity": identity,
                "identity_key": key_of(identity, settings.secret),
                "host": host,
            },
            headers={"Cache-Control": "no-store"},
        )


_STATUS = {
    "room_not_found": 404,
    "host_key_invalid": 403,
    "too_large": 413,
    "too_many_rooms": 503,
}


def _new_identity() -> str:
    return "guest_" + secrets.token_hex(8)


async def _read(request: Request) -> bytes:
    """Stops at the bound, whatever Content-Length says."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY:
                raise Invalid(f"the body has at most {MAX_BODY} bytes", code="too_large")
    except ClientDisconnect:
        raise Invalid("the body did not arrive") from None
    return bytes(body)


def _error(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse(
        {"code": code, "message": message}, status, headers={"Cache-Control": "no-store", **(headers or {})}
    )
