"""WHIP and WHEP over Starlette: `/whip/{room}`, `/whep/{room}` and the sessions below them. Wired by `app.parts`.

Any page may ask: what counts is the bearer token, never a cookie. A session's own address is as good as a password (RFC 9725
§4.2 lets it be); a token that is shown there must all the same be the one it was made with.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import cast

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from roomful.auth.grant import Grant
from roomful.auth.relay import IceServer
from roomful.core.errors import Invalid, LimitExceeded, NotFound, RoomfulError, Unauthenticated
from roomful.core.rates import Rates
from roomful.edge.whip import problem, wire
from roomful.edge.whip.events import KINDS
from roomful.edge.whip.session import Session, view_of
from roomful.edge.whip.sessions import Keys, Seat, Sessions

IceServers = Callable[[str, str, int], Sequence[IceServer]]
"""(Host header, user, Unix time in s) → STUN and TURN."""
_METHODS = {"endpoint": "OPTIONS, GET, HEAD, POST", "session": "OPTIONS, GET, HEAD, PATCH, DELETE"}
_EVENTS = "urn:ietf:params:whep:ext:core:server-sent-events"
_LAYER = "urn:ietf:params:whep:ext:core:layer"
MAX_JSON = 4_096


class WhipEndpoint:
    """`keys` reads tokens; `now_ms` is the wall clock."""

    def __init__(
        self, sessions: Sessions, keys: Keys, now_ms: Callable[[], int], ice_servers: IceServers | None = None
    ) -> None:
        self._sessions = sessions
        self._keys = keys
        self._now_ms = now_ms
        self._ice_servers = ice_servers
        # A whole school may watch from one address.
        self._entering = Rates(burst=400, per_minute=600)
        self._asking = Rates(burst=400, per_minute=2_400)

    def routes(self) -> list[BaseRoute]:
        made: list[BaseRoute] = []
        for kind in ("whip", "whep"):
            made.append(_route(f"/{kind}/{{room}}", self._endpoint, kind))
            made.append(_route(f"/{kind}/{{room}}/{{id}}", self._session, kind))
            # A broadcaster hears how many watch.
            made.append(_route(f"/{kind}/{{room}}/{{id}}/events", self._events, kind))
            made.append(_route(f"/{kind}/{{room}}/{{id}}/events/{{stream}}", self._stream, kind))
        made.append(_route("/whep/{room}/{id}/layer", self._layer, "whep"))
        return made

    # /whip/{room}, /whep/{room}

    async def _endpoint(self, request: Request, kind: str) -> Response:
        match request.method:
            case "OPTIONS":
                return Response(headers=self._options(request))
            case "GET" | "HEAD":
                # What players find an endpoint by (draft-ietf-wish-whep §4.1.1).
                return Response(media_type=wire.SDP, headers={"Accept-Post": wire.SDP})
            case "POST":
                return await self._enter(request, kind)
            case _:
                return _not_allowed("endpoint")

    def _options(self, request: Request) -> dict[str, str]:
        headers = {"Accept-Post": wire.SDP, "Allow": _METHODS["endpoint"]}
        # A preflight carries no token and gets no relay's password (RFC 9725 §4.6).
        if "authorization" in request.headers:
            grant = self._keys.grant(request.headers, {})
            headers["Link"] = ", ".join(self._ice_links(request, grant))
        return headers

    async def _enter(self, request: Request, kind: str) -> Response:
        address = _address(request)
        if not self._entering.allow(address, self._now_ms()):
            raise LimitExceeded("too many requests: wait a little", code="too_many_requests")
        grant = self._keys.grant(request.headers, {})
        _check_type(request, wire.SDP)
        offer = wire.read_offer(await _text(request, wire.MAX_SDP))
        enter = self._sessions.publish if kind == "whip" else self._sessions.watch
        session, answer = await enter(request.path_params["room"], grant, offer, address)
        headers = {"Location": session.path, "ETag": session.etag, "Accept-Patch": wire.FRAGMENT}
        response = Response(answer, 201, headers, wire.SDP)
        # One line each: clients look at them one by one.
        for link in (*self._ice_links(request, grant), *_extensions(session)):
            response.headers.append("Link", link)
        return response

    def _ice_links(self, request: Request, grant: Grant) -> list[str]:
        if self._ice_servers is None:
            return []
        host = request.headers.get("host", "")
        return wire.ice_links(self._ice_servers(host, grant.identity, self._now_ms() // 1_000))

    # /whip/{room}/{id}, /whep/{room}/{id}

    async def _session(self, request: Request, kind: str) -> Response:
        if request.method == "OPTIONS":
            return Response(headers={"Accept-Patch": wire.FRAGMENT, "Allow": _METHODS["session"]})
        seat = self._seat(request, kind)
        match request.method:
            case "GET" | "HEAD":
                return Response(headers={"ETag": seat.session.etag})
            case "DELETE":
                self._sessions.end(seat)
                return Response()
            case "PATCH":
                _check_type(request, wire.FRAGMENT)
                fragment = wire.read_fragment(await _text(request, wire.MAX_SDP))
                answer = await self._sessions.patch(seat, request.headers.get("if-match"), fragment)
                if answer is None:
                    return Response(status_code=204)
                return Response(answer, 200, {"ETag": seat.session.etag}, wire.FRAGMENT)
            case _:
                return _not_allowed("session")

    def _seat(self, request: Request, kind: str) -> Seat:
        if not self._asking.allow(_address(request), self._now_ms()):
            raise LimitExceeded("too many requests: wait a little", code="too_many_requests")
        seat = self._sessions.seat(kind, request.path_params["room"], request.path_params["id"])
        if "authorization" in request.headers:
            grant = self._keys.grant(request.headers, {})
            if not hmac.compare_digest(grant.fingerprint, seat.session.token):
                raise Unauthenticated("this session was made with another token")
        return seat

    # WHEP's extensions

    async def _events(self, request: Request, kind: str) -> Response:
        if request.method == "OPTIONS":
            return Response(headers={"Allow": "OPTIONS, POST"})
        seat = self._seat(request, kind)
        if request.method != "POST":
            return _not_allowed("OPTIONS, POST")
        wanted = await _json(request, empty=list(KINDS))
        if not isinstance(wanted, list):
            raise Invalid("the body is a JSON array of event names")
        names = frozenset(str(one) for one in cast("list[object]", wanted))
        if unknown := sorted(names - set(KINDS)):
            raise Invalid(f"there are no events {', '.join(unknown)[:200]}", code="unsupported_event")
        id = self._sessions.listen(seat, names)
        return Response(status_code=201, headers={"Location": f"{seat.session.path}/events/{id}"})

    async def _stream(self, request: Request, kind: str) -> Response:
        if request.method == "OPTIONS":
            return Response(headers={"Allow": "OPTIONS, GET, DELETE"})
        seat, id = self._seat(request, kind), request.path_params["stream"]
        if request.method == "DELETE":
            self._sessions.unlisten(seat, id)
            return Response()
        if request.method != "GET":
            return _not_allowed("OPTIONS, GET, DELETE")
        if (stream := seat.streams.get(id)) is None:
            raise NotFound("there is no such event stream", code="session_not_found")
        # X-Accel-Buffering: nginx passes each event on at once.
        headers = {"X-Accel-Buffering": "no"}
        return StreamingResponse(stream.read(), 200, headers, "text/event-stream")

    async def _layer(self, request: Request, kind: str) -> Response:
        if request.method == "OPTIONS":
            return Response(headers={"Allow": "OPTIONS, POST"})
        seat = self._seat(request, kind)
        if request.method != "POST":
            return _not_allowed("OPTIONS, POST")
        wish = await _json(request, empty={})
        if not isinstance(wish, dict):
            raise Invalid("the body is a JSON object")
        if seat.session.video is None:
            raise Invalid("no picture is sent here", code="layer_not_found")
        await self._sessions.look(seat, view_of(cast("dict[str, object]", wish), seat.session.video))
        return Response()


Handler = Callable[[Request, str], Awaitable[Response]]


def _route(path: str, handler: Handler, kind: str) -> Route:
    """Every answer has the headers that pages of other sites need; every error is told by the one table."""

    async def serve(request: Request) -> Response:
        try:
            response = await handler(request, kind)
        except RoomfulError as error:
            response = JSONResponse(
                problem.details(error), problem.status_of(error), problem.headers(error), problem.MEDIA_TYPE
            )
        response.headers.update(_cors(request))
        response.headers["Cache-Control"] = "no-store"
        return response

    # Starlette would answer other methods without these headers.
    methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    return Route(path, serve, methods=methods)


def _cors(request: Request) -> dict[str, str]:
    headers = {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Expose-Headers": "Location, ETag, Link, Retry-After, Accept-Patch, Accept-Post",
    }
    if request.method == "OPTIONS":
        headers["Access-Control-Allow-Methods"] = "GET, HEAD, POST, PATCH, DELETE, OPTIONS"
        headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type, If-Match, Link"
        headers["Access-Control-Max-Age"] = "86400"
    return headers


def _extensions(session: Session) -> list[str]:
    if session.kind != "whep":
        return []
    events = f'<{session.path}/events>; rel="{_EVENTS}"; events="{",".join(KINDS)}"'
    return [events, *([f'<{session.path}/layer>; rel="{_LAYER}"'] if session.video is not None else [])]


def _not_allowed(what: str) -> Response:
    return Response(status_code=405, headers={"Allow": _METHODS.get(what, what)})


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _check_type(request: Request, wanted: str) -> None:
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != wanted:
        raise Invalid(f"the body must be {wanted}", code="unsupported_type")


async def _text(request: Request, limit: int) -> str:
    """Stops at the bound, whatever Content-Length says. Raises Invalid."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit:
                raise Invalid(f"the body has at most {limit} bytes", code="too_large")
        return body.decode()
    except ClientDisconnect:
        raise Invalid("the body did not arrive") from None
    except UnicodeDecodeError:
        raise Invalid("the body is not UTF-8") from None


async def _json(request: Request, *, empty: object) -> object:
    text = await _text(request, MAX_JSON)
    if not text.strip():
        return empty
    try:
        return cast("object", json.loads(text))
    except (ValueError, RecursionError):
        raise Invalid("the body must be JSON") from None
