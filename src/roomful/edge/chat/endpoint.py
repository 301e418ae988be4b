"""Serves `/api/chat`: a room's kept messages, read and written with the token that joins it. Wired by `app.parts`; keeps nothing itself.

Reading needs a token for the room. Writing needs its bearer to be in the room, with the right to send data, or a token that administers it.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import wraps

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from roomful.auth.grant import Grant
from roomful.core.chat import PAGE, as_json
from roomful.core.errors import (
    AlreadyExists,
    Denied,
    Invalid,
    LimitExceeded,
    NotAllowed,
    NotFound,
    RoomfulError,
    Unauthenticated,
    Unavailable,
)
from roomful.core.rates import Rates
from roomful.edge.chat.body import MAX_BODY, days_of, edit_of, message_of, number_of
from roomful.service.chat import Author, Chat
from roomful.service.directory import Directory

log = logging.getLogger("roomful.chat")

Answer = Callable[["ChatEndpoint", Request], Awaitable[JSONResponse]]
_BEARER = "Bearer "
_STATUS: tuple[tuple[type[RoomfulError], int], ...] = (
    (Unauthenticated, 401),
    (NotAllowed, 403),
    (Denied, 403),
    (NotFound, 404),
    (AlreadyExists, 409),
    (LimitExceeded, 413),
    (Invalid, 400),
    (Unavailable, 503),
)


def _told(answer: Answer) -> Callable[[ChatEndpoint, Request], Awaitable[JSONResponse]]:
    """Errors as JSON."""

    @wraps(answer)
    async def asked(self: ChatEndpoint, request: Request) -> JSONResponse:
        try:
            return await answer(self, request)
        except RoomfulError as error:
            status = 429 if error.code == "too_many_requests" else _status(error)
            return JSONResponse({"code": error.code, "message": error.message}, status, headers=_HEADERS)

    return asked


_HEADERS = {"Cache-Control": "no-store"}


def _status(error: RoomfulError) -> int:
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 400)


@dataclass(frozen=True, slots=True)
class Asker:
    """Whose request it is."""

    room: str
    author: Author
    writes: bool
    """Is in the room and may send data, or administers it."""


class ChatEndpoint:
    """`verify` reads a token; `refuses` knows of people who were removed."""

    def __init__(
        self, directory: Directory, chat: Chat, verify: Callable[[str], Grant], refuses: Callable[[str, Grant], bool]
    ) -> None:
        self._directory = directory
        self._chat = chat
        self._verify = verify
        self._refuses = refuses
        self._writes = Rates(burst=30, per_minute=300)
        self._reads = Rates(burst=60, per_minute=600)

    def routes(self) -> list[Route]:
        return [
            Route("/api/chat", self.history, methods=["GET"]),
            Route("/api/chat", self.post, methods=["POST"]),
            Route("/api/chat-policy", self.policy, methods=["GET"]),
            Route("/api/chat-policy", self.set_policy, methods=["PUT"]),
            Route("/api/chat/{id}", self.edit, methods=["PATCH"]),
            Route("/api/chat/{id}", self.delete, methods=["DELETE"]),
            Route("/api/chat/{id}/reactions/{emoji}", self.react, methods=["PUT", "DELETE"]),
        ]

    @_told
    async def history(self, request: Request) -> JSONResponse:
        asker = self._asker(request)
        query = request.query_params
        limit = number_of(query.get("limit"), "limit")
        found = await self._chat.history(
            asker.room,
            before=number_of(query.get("before"), "before"),
            after=number_of(query.get("after"), "after"),
            limit=PAGE if limit is None else limit,
        )
        return JSONResponse(
            {
                "messages": [as_json(one) for one in found.messages],
                "keep_days": found.keep_days,
                "more": found.more,
            },
            headers=_HEADERS,
        )

    @_told
    async def post(self, request: Request) -> JSONResponse:
        asker = self._writer(request)
        body = message_of(await _read(request))
        id = body.id or request.headers.get("idempotency-key", "") or secrets.token_hex(16)
        message, new = await self._chat.post(
            asker.room, asker.author, body.text, id=id, reply_to=body.reply_to, mentions=body.mentions
        )
        return JSONResponse(as_json(message), 201 if new else 200, headers=_HEADERS)

    @_told
    async def edit(self, request: Request) -> JSONResponse:
        asker = self._writer(request)
        text = edit_of(await _read(request))
        return JSONResponse(
            as_json(await self._chat.edit(asker.room, asker.author, _id(request), text)), headers=_HEADERS
        )

    @_told
    async def delete(self, request: Request) -> JSONResponse:
        asker = self._writer(request)
        return JSONResponse(as_json(await self._chat.delete(asker.room, asker.author, _id(request))), headers=_HEADERS)

    @_told
    async def react(self, request: Request) -> JSONResponse:
        asker = self._writer(request)
        message = await self._chat.react(
            asker.room, asker.author, _id(request), str(request.path_params["emoji"]), on=request.method == "PUT"
        )
        return JSONResponse(as_json(message), headers=_HEADERS)

    @_told
    async def policy(self, request: Request) -> JSONResponse:
        return JSONResponse({"keep_days": await self._chat.days(self._asker(request).room)}, headers=_HEADERS)

    @_told
    async def set_policy(self, request: Request) -> JSONResponse:
        asker = self._writer(request)
        if not asker.author.host:
            raise NotAllowed("only who administers the room may say how long its messages are kept")
        await self._chat.set_days(asker.room, days_of(await _read(request)))
        return JSONResponse({"keep_days": await self._chat.days(asker.room)}, headers=_HEADERS)

    def _writer(self, request: Request) -> Asker:
        asker = self._asker(request)
        if not asker.writes:
            raise NotAllowed("only who is in the room, and may send data, may write in it", code="not_in_room")
        if not self._writes.allow(f"{asker.author.identity}\n{asker.room}", self._directory.clock.now_ms()):
            raise LimitExceeded("too many messages: wait a little", code="too_many_requests")
        return asker

    def _asker(self, request: Request) -> Asker:
        """Raises Unauthenticated, NotAllowed."""
        peer = request.client.host if request.client else ""
        if not self._reads.allow(peer, self._directory.clock.now_ms()):
            raise LimitExceeded("too many requests: wait a little", code="too_many_requests")
        header = request.headers.get("authorization", "")
        if not header.startswith(_BEARER):
            raise Unauthenticated("show a token as `Authorization: Bearer …`")
        grant = self._verify(header[len(_BEARER) :])
        room = request.query_params.get("room") or grant.video.room
        admin = grant.video.room_admin
        if not room or grant.video.room not in ("", room) or not (grant.video.room_join or admin):
            raise NotAllowed("the token is for another room")
        if self._refuses(room, grant):
            raise NotAllowed("the token was taken back")
        actor = self._directory.get(room)
        present = actor.by_identity(grant.identity) if actor is not None and grant.identity else None
        speaks = present is not None and present.permission.can_publish_data and not present.permission.hidden
        name = present.name if present is not None else grant.name
        return Asker(room, Author(grant.identity, name, admin), writes=speaks or (admin and bool(grant.identity)))


def _id(request: Request) -> str:
    return str(request.path_params["id"])


async def _read(request: Request) -> bytes:
    """Stops at the bound, whatever Content-Length says."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Invalid("the body must be application/json")
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY:
                raise LimitExceeded(f"the body has at most {MAX_BODY} bytes", code="too_large")
    except ClientDisconnect:
        raise Invalid("the body did not arrive") from None
    return bytes(body)
