"""Serves `GET /api/room` and `POST /api/room`: the room of the token that comes along, for hosts and co-hosts.

Wired by `roomful.app`. Whether somebody may do what they ask is decided by the room (`core.moderation`), not here.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from roomful.auth.grant import Grant
from roomful.core.errors import Denied, Invalid, LimitExceeded, NotAllowed, NotFound, RoomfulError, Unauthenticated
from roomful.core.policy import PRESETS
from roomful.core.rates import Rates
from roomful.edge.moderation.request import MAX_BODY, command_of, parse, shown
from roomful.service.actor import RoomActor
from roomful.service.directory import Directory

_BEARER = "Bearer "
GrantOf = Callable[[str], Grant]
"""Raises Unauthenticated."""


class ModerationEndpoint:
    """A token names its room and its bearer; what counts is what its bearer is in the room now."""

    def __init__(self, directory: Directory, grant_of: GrantOf) -> None:
        self._directory = directory
        self._grant_of = grant_of
        self._rates = Rates(burst=40, per_minute=240)

    def routes(self) -> list[Route]:
        return [Route("/api/room", self.serve, methods=["GET", "POST"])]

    async def serve(self, request: Request) -> JSONResponse:
        try:
            actor, by = self._asker(request)
            if request.method == "GET":
                return _json(self._state(actor))
            fields = parse(await _read(request))

            def find(identity: str) -> str:
                if (participant := actor.by_identity(identity)) is None:
                    raise NotFound("no such participant", code="participant_not_found")
                return participant.sid

            await actor.ask(command_of(fields, by, actor.rules, find))
            return _json(self._state(actor) if not actor.closed else {})
        except RoomfulError as error:
            return _json({"code": error.code, "message": error.message}, _status(error))

    def _asker(self, request: Request) -> tuple[RoomActor, str | None]:
        """None is whoever administers the room without being in it."""
        header = request.headers.get("authorization", "")
        if not header.startswith(_BEARER):
            raise Unauthenticated("a token must come along")
        grant = self._grant_of(header[len(_BEARER) :])
        if not self._rates.allow(grant.identity or "-", self._directory.clock.now_ms()):
            raise LimitExceeded("too many requests: wait a little", code="too_many_requests")
        actor = self._directory.require(grant.video.room)
        participant = actor.by_identity(grant.identity)
        if participant is None:
            if grant.video.room_admin:
                return actor, None
            raise NotAllowed("you are not in this room")
        if not actor.moderates(participant.sid):
            raise NotAllowed("only hosts and co-hosts may do this")
        return actor, participant.sid

    def _state(self, actor: RoomActor) -> dict[str, object]:
        return {
            "rules": shown(actor.rules),
            "presets": {name: shown(rules) for name, rules in PRESETS.items()},
            "waiting": [{"identity": one.identity, "name": one.name, "since": one.since_ms} for one in actor.waiting],
        }


def _status(error: RoomfulError) -> int:
    match error:
        case Unauthenticated():
            return 401
        case NotAllowed() | Denied():
            return 403
        case NotFound():
            return 404
        case LimitExceeded():
            return 429 if error.code == "too_many_requests" else 413
        case _:
            return 400


async def _read(request: Request) -> bytes:
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY:
                raise LimitExceeded(f"the body has at most {MAX_BODY} bytes", code="too_large")
    except ClientDisconnect:
        raise Invalid("the body did not arrive") from None
    return bytes(body)


def _json(value: dict[str, object], status: int = 200) -> JSONResponse:
    return JSONResponse(value, status, headers={"Cache-Control": "no-store"})
