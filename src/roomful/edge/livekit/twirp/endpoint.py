"""Serves Twirp services over HTTP: route, token, body, method, answer. Made by `edge`; services know no HTTP.

`POST /twirp/<service>/<method>`, the body in protobuf or JSON; the answer is in what the question was in.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from roomful.core.errors import Invalid, LimitExceeded, RoomfulError
from roomful.edge.livekit.frames import decode
from roomful.edge.livekit.tokens import Tokens
from roomful.edge.livekit.twirp import errors
from roomful.edge.livekit.twirp.errors import TwirpError

log = logging.getLogger("roomful.livekit")

MAX_BODY = 4 << 20
"""Bytes."""
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, OPTIONS",
    "Access-Control-Allow-Headers": "authorization, content-type",
    "Cache-Control": "no-store",
}
"""The token is the credential and no cookie is looked at, so any page that holds one may ask."""
_TYPES = ("application/json", "application/protobuf")


class TwirpEndpoint:
    """`services` is service name → (its descriptor, an object with a coroutine of each method's name)."""

    def __init__(
        self, tokens: Tokens, services: Mapping[str, tuple[ServiceDescriptor, object]], *, max_body: int = MAX_BODY
    ) -> None:
        self._tokens = tokens
        self._services = services
        self._max_body = max_body

    def routes(self) -> list[Route]:
        return [Route("/twirp/{service}/{method}", self.serve, methods=["GET", "POST", "PUT", "DELETE", "OPTIONS"])]

    async def serve(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=_CORS)
        try:
            return await self._answer(request)
        except TwirpError as error:
            return _error(error)
        except RoomfulError as error:
            return _error(errors.of(error))
        except Exception:
            log.exception("twirp %s failed", request.url.path)
            return _error(TwirpError("internal", "internal error"))

    async def _answer(self, request: Request) -> Response:
        method, implementation = self._find(request)
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in _TYPES:
            raise TwirpError("bad_route", f"unexpected Content-Type: {kind[:100]!r}")
        # Before the body is read: strangers shall not make the server hold it.
        grant = self._tokens.grant(request.headers, request.query_params)
        body = await self._read(request)
        if kind == "application/json":
            try:
                frame: bytes | str = body.decode() or "{}"
            except UnicodeDecodeError:
                raise TwirpError("malformed", "the json request could not be decoded") from None
        else:
            frame = body
        question: Message = GetMessageClass(method.input_type)()
        try:
            decode(frame, question, self._max_body)
        except Invalid as error:
            raise TwirpError("malformed", error.message) from None
        if implementation is None:
            raise TwirpError("unimplemented", f"{method.name} is not implemented here")
        answer: Message = await implementation(grant, question)
        if kind == "application/json":
            text = MessageToJson(
                answer, preserving_proto_field_name=True, always_print_fields_with_no_presence=True, indent=None
            )
            return Response(text, media_type=kind, headers=_CORS)
        return Response(answer.SerializeToString(), media_type=kind, headers=_CORS)

    def _find(self, request: Request) -> tuple[MethodDescriptor, Any]:
        """The method, and its coroutine when there is one."""
        service = self._services.get(request.path_params["service"])
        method = service[0].methods_by_name.get(request.path_params["method"]) if service else None
        if service is None or method is None:
            raise TwirpError("bad_route", f"no handler for path {request.url.path[:200]!r}")
        if request.method != "POST":
            raise TwirpError("bad_route", f"unsupported method {request.method!r} (only POST is allowed)")
        return method, getattr(service[1], method.name, None)

    async def _read(self, request: Request) -> bytes:
        """Stops at the bound, whatever Content-Length says."""
        too_large = TwirpError("resource_exhausted", f"a request has at most {self._max_body} bytes", status=413)
        length = request.headers.get("content-length", "")
        if length.isdigit() and int(length[:20]) > self._max_body:
            raise too_large
        body = bytearray()
        try:
            async for chunk in request.stream():
                body += chunk
                if len(body) > self._max_body:
                    raise too_large
        except ClientDisconnect:
            raise LimitExceeded("the request did not arrive", code="canceled") from None
        return bytes(body)


def _error(error: TwirpError) -> Response:
    return Response(error.body(), error.status, media_type="application/json", headers=_CORS)
