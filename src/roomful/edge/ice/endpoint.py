"""`/ice-servers`: where STUN and TURN are, with a password for whoever shows a join token. Wired by `app.parts`.

Without a token a page of this server is told of STUN alone, or of TURN too where the operator lets every visitor relay. Pages ask by POST,
because browsers then say whose page it is over plain http, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from roomful.auth.relay import IceServer, Relays
from roomful.auth.token import verify
from roomful.core.errors import Unauthenticated
from roomful.edge.origins import Origins
from roomful.ports import Clock

_BEARER = "Bearer "
_CORS = {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "authorization"}
"""Anybody may ask: the answer depends on the token, never on a cookie."""


@dataclass(frozen=True, slots=True)
class IceEndpoint:
    """`keys` is API key → secret, as for tokens."""

    relays: Relays
    keys: Mapping[str, str] = field(repr=False)
    clock: Clock
    origins: Origins
    visitors_relay: bool = False

    def routes(self) -> list[Route]:
        return [Route("/ice-servers", self.answer, methods=["GET", "POST", "OPTIONS"])]

    async def answer(self, request: Request) -> JSONResponse:
        headers = {**_CORS, "Cache-Control": "no-store"}
        if request.method == "OPTIONS":
            return JSONResponse({}, headers=headers)
        host, now_s = request.headers.get("host", ""), self.clock.now_ms() // 1000
        header = request.headers.get("authorization")
        if header is None:
            # Both are the browser's own word, which pages cannot forge; `Sec-Fetch-Site` comes over https and from this machine alone,
            # `Origin` with each POST (Fetch §3.2).
            own = request.headers.get("sec-fetch-site") == "same-origin" or (
                "origin" in request.headers and self.origins.allow(request.headers)
            )
            if not own:
                return _refused("show a join token as `Authorization: Bearer …`", headers)
            peer = request.client.host if request.client else "unknown"
            servers = (
                self.relays.ice_servers(host, f"visitor-{peer}", now_s)
                if self.visitors_relay
                else self.relays.stun(host)
            )
            return self._told(servers, host, headers)
        try:
            if not header.startswith(_BEARER):
                raise Unauthenticated("the header must start with Bearer")
            grant = verify(header[len(_BEARER) :], keys=self.keys, now_s=now_s)
        except Unauthenticated as error:
            return _refused(error.message, headers)
        if not grant.video.room_join:
            return _refused("the token lets nobody join a room", headers, 403)
        return self._told(self.relays.ice_servers(host, grant.identity, now_s), host, headers)

    def _told(self, servers: Sequence[IceServer], host: str, headers: Mapping[str, str]) -> JSONResponse:
        """`natCheck` is for the page that tells people about their network; calls do not need it."""
        check = self.relays.nat_check(host)
        return JSONResponse({"iceServers": servers, **({"natCheck": check} if check else {})}, headers=dict(headers))


def _refused(why: str, headers: Mapping[str, str], status: int = 401) -> JSONResponse:
    code = "unauthenticated" if status == 401 else "forbidden"
    return JSONResponse({"error": {"code": code, "message": why}}, status, headers=dict(headers))
