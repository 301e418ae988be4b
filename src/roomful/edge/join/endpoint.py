"""Serves `POST /api/join` and `GET /api/info` over Starlette. Wired by `roomful.app`; makes no rooms and keeps no people."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from roomful.core.commands import Knock
from roomful.core.errors import Invalid, RoomfulError
from roomful.core.rates import Rates
from roomful.core.role import Role
from roomful.edge.join.identity import holds, key_of
from roomful.edge.join.request import MAX_BODY, JoinBody, parse, same_origin
from roomful.service.directory import Directory

TokenFor = Callable[[str, str, str, bool, bool, str], str]
"""(identity, name, room, host, admin, role) → token text; a host moderates the room, an administrator may also make it."""


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
        self._knocks = Rates(burst=10, per_minute=60)

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
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return _error(415, "invalid", "the body must be application/json")
        try:
            body = parse(await _read(request))
            if not self._may_ask(body, peer):
                return _error(429, "too_many_requests", "too many requests: wait a little", {"Retry-After": "5"})
            return await self._admit(body)
        except RoomfulError as error:
            return _error(_STATUS.get(error.code, 400), error.code, error.message)

    def _may_ask(self, body: JoinBody, peer: str) -> bool:
        """Who waits in a lobby asks again and again, a whole class perhaps from one address: each has a bucket of its own."""
        now_ms = self._directory.clock.now_ms()
        actor = self._directory.get(body.room)
        waits = actor is not None and any(one.identity == body.identity for one in actor.waiting)
        if waits and holds(body.identity, body.identity_key, self._settings.secret):
            return self._knocks.allow(body.identity, now_ms)
        return self._rates.allow(peer, now_ms)

    async def _admit(self, body: JoinBody) -> JSONResponse:
        settings = self._settings
        host = bool(body.host_key) and hmac.compare_digest(body.host_key.encode(), settings.host_key.encode())
        if body.host_key and not host:
            raise RoomfulError("the host link is not this server's", code="host_key_invalid")
        makes = host or settings.anybody_makes_rooms
        self._check_role(body, makes=makes)
        actor = self._directory.get(body.room)
        # A device whose key does not hold (a server set up anew, or a guess) becomes somebody new.
        identity = body.identity if holds(body.identity, body.identity_key, settings.secret) else _new_identity()
        # Where anybody makes rooms, whoever comes first is host.
        opens = makes and (actor is None or not actor.participants())
        known = {"room": body.room, "identity": identity, "identity_key": key_of(identity, settings.secret)}
        # Who sends or watches knocks at that door.
        if body.role == "member" and (problem := await self._knock(body, identity, host=host or opens)):
            if problem.code != "lobby_waiting":
                raise problem
            return JSONResponse({"waiting": True, **known}, 202, headers={"Cache-Control": "no-store"})
        rules = actor.rules if actor else self._directory.policy.rules
        return JSONResponse(
            {
                "url": "",
                "token": self._token_for(identity, body.name, body.room, host or opens, host, body.role),
                "name": body.name,
                "host": host or opens,
                "quiet": rules.quiet and not host and not opens,
                **known,
            },
            headers={"Cache-Control": "no-store"},
        )

    async def _knock(self, body: JoinBody, identity: str, *, host: bool) -> RoomfulError | None:
        """Why the way in is not free."""
        actor = self._directory.get(body.room)
        if actor is None:
            return None
        try:
            await actor.ask(Knock(identity, body.name, Role.HOST if host else None))
        except RoomfulError as error:
            return error
        return None

    def _check_role(self, body: JoinBody, *, makes: bool) -> None:
        """Hosts do what they like; others join rooms that are there, and watch broadcasts, also before they begin."""
        if makes or body.role == "viewer":
            return
        if body.role == "broadcaster":
            raise RoomfulError("only who has the host link may broadcast here", code="host_needed")
        room = self._directory.get(body.room)
        if room is None:
            raise RoomfulError("nobody has opened this room yet", code="room_not_found")
        if room.info.mode == "broadcast":
            raise RoomfulError("this is a broadcast: it can be watched", code="broadcast_only")


_STATUS = {
    "room_not_found": 404,
    "removed": 403,
    "room_locked": 403,
    "lobby_refused": 403,
    "lobby_full": 503,
    "host_key_invalid": 403,
    "host_needed": 403,
    "broadcast_only": 403,
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
