"""The signaling door: `/rtc`, `/rtc/v1` and their `/validate`. Made by `edge`; sessions live in `connection`.

A WebSocket's Origin does not matter by default: the token is the credential, pages of any origin may hold one, and no
cookie is ever looked at. `allowed_origins` narrows it down.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from roomful.core.commands import Leave
from roomful.core.errors import Invalid, LimitExceeded, NotAllowed, NotFound, RoomfulError, Unauthenticated
from roomful.core.events import LeaveReason, RoomChanged
from roomful.edge.livekit.agents.agents import Agents
from roomful.edge.livekit.blobs import Blobs
from roomful.edge.livekit.connection import Connection
from roomful.edge.livekit.entry import Entry, enter
from roomful.edge.livekit.outputs import Close, DropOnResume, Output, Prefer, Refresh, RestartIce, Send
from roomful.edge.livekit.responses import Responses, leave
from roomful.edge.livekit.session import Bounds, Session
from roomful.edge.livekit.tokens import Tokens
from roomful.edge.livekit.welcome import Asker, Welcome
from roomful.edge.socket import Socket, SocketClosed
from roomful.service.actor import Joined, RoomActor
from roomful.service.directory import Directory
from roomful.service.mailbox import Mailbox

log = logging.getLogger("roomful.livekit")

_REFUSALS_MS = 15_000
"""How long `/validate` repeats why somebody was refused: browsers do not show a failed handshake to their pages."""
_REFUSALS = 1_000
_DROPS_MS = 30_000
_DROPS = 1_000
_WAYS_MS = 300_000
_WAYS = 1_000


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer to the handshake."""

    status: int
    text: str


@dataclass(slots=True)
class _Recent:
    """Refusals by (room, identity), and what clients' own tests want: the next resume dropped, another way for a while."""

    refusals: OrderedDict[tuple[str, str], tuple[int, Refusal]] = field(
        default_factory=OrderedDict[tuple[str, str], tuple[int, Refusal]]
    )
    drops: OrderedDict[str, tuple[int, bool]] = field(default_factory=OrderedDict[str, tuple[int, bool]])
    ways: OrderedDict[tuple[str, str], tuple[int, Prefer]] = field(
        default_factory=OrderedDict[tuple[str, str], tuple[int, Prefer]]
    )


class SignalEndpoint:
    """One for a server."""

    def __init__(
        self,
        directory: Directory,
        tokens: Tokens,
        responses: Responses,
        blobs: Blobs,
        agents: Agents,
        welcome: Welcome,
        *,
        bounds: Bounds | None = None,
        allowed_origins: Sequence[str] = (),
    ) -> None:
        """`allowed_origins` empty allows every origin."""
        self._directory = directory
        self._tokens = tokens
        self._responses = responses
        self._blobs = blobs
        self._agents = agents
        self._welcome = welcome
        self._bounds = bounds
        self._origins = frozenset(one.rstrip("/").lower() for one in allowed_origins)
        self._recent = _Recent()

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/rtc/validate", self._validate_v0, methods=["GET", "OPTIONS"]),
            Route("/rtc/v1/validate", self._validate_v1, methods=["GET", "OPTIONS"]),
        ]

    def sockets(self) -> list[tuple[str, Callable[[Socket], Awaitable[None]]]]:
        """Path → what serves a WebSocket there."""
        return [("/rtc", partial(self.serve, v1=False)), ("/rtc/v1", partial(self.serve, v1=True))]

    async def _validate_v0(self, request: Request) -> Response:
        return self._validate(request, v1=False)

    async def _validate_v1(self, request: Request) -> Response:
        return self._validate(request, v1=True)

    def _validate(self, request: Request, *, v1: bool) -> Response:
        """Says why a connection would fail. It asks no hooks, but repeats what they just said."""
        headers = {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "*", "Cache-Control": "no-store"}
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=headers)
        try:
            entry = self._entry(request.headers, request.query_params, v1=v1)
            key = (entry.room, entry.join.identity)
            until, refusal = self._recent.refusals.get(key, (0, None))
            if refusal is not None and until > self._directory.clock.now_ms():
                return PlainTextResponse(refusal.text, refusal.status, headers=headers)
            self._check_room(entry)
        except RoomfulError as error:
            refusal = refusal_of(error)
            return PlainTextResponse(refusal.text, refusal.status, headers=headers)
        return PlainTextResponse("success", headers=headers)

    def _entry(self, headers: Mapping[str, str], query: Mapping[str, str], *, v1: bool, address: str = "") -> Entry:
        origin = headers.get("origin")
        if self._origins and origin is not None and origin.lower() not in self._origins:
            raise NotAllowed("this origin may not connect here")
        entry = enter(self._tokens.grant(headers, query), query, v1=v1, address=address)
        policy = self._directory.policy
        if len(entry.room.encode()) > policy.max_room_name:
            raise Invalid(f"room name length exceeds limits: max length {policy.max_room_name}")
        if len(entry.join.identity.encode()) > policy.max_identity:
            raise Invalid(f"participant identity length exceeds limits: max length {policy.max_identity}")
        if self._tokens.refuses(entry.room, entry.grant):
            raise Unauthenticated("permissions denied: this participant was removed from the room")
        return entry

    def _check_room(self, entry: Entry) -> None:
        if self._directory.get(entry.room) is None and not self._may_create(entry):
            raise NotFound("no such room", code="room_not_found")

    def _may_create(self, entry: Entry) -> bool:
        return self._directory.policy.auto_create or entry.grant.video.room_create

    async def serve(self, socket: Socket, *, v1: bool) -> None:
        """One connection from its handshake to its end."""
        try:
            entry = self._entry(socket.headers, socket.query, v1=v1, address=socket.peer)
        except RoomfulError as error:
            await _refuse(socket, refusal_of(error))
            return
        if entry.reconnect:
            await self._resume(socket, entry)
        else:
            await self._join(socket, entry)

    async def _join(self, socket: Socket, entry: Entry) -> None:
        directory, mailbox = self._directory, self._directory.new_mailbox()
        # TLS is TURN's alone; a server without it has TCP to offer.
        tcp_only = self._preferred(entry) != "any" and not self._asker(socket, entry).relay_only
        join = replace(entry.join, participant=directory.ids.participant(), tcp_only=tcp_only)
        try:
            with self._agents.planned(entry.room, entry.room_config.agents):
                actor, joined = await directory.enter(
                    entry.room, join, mailbox, options=entry.options, may_create=entry.grant.video.room_create
                )
        except RoomfulError as error:
            refusal = refusal_of(error)
            self._remember(entry, refusal)
            log.info("room %s: %s may not enter: %s", entry.room, entry.join.identity, error.message)
            await _refuse(socket, refusal)
            return
        self._recent.refusals.pop((entry.room, entry.join.identity), None)
        self._tokens.hold(joined.participant.sid, entry.grant)
        session = self._session(entry, actor, joined)
        permission = joined.participant.permission
        rest = self._welcome.join(
            joined.room,
            self._asker(socket, entry),
            subscriber_primary=not join.single_transport and entry.client.protocol > 2 and permission.can_subscribe,
            can_publish=permission.can_publish,
        )
        first: list[Output] = [Send(self._responses.join(rest, joined.participant, joined.others)), Refresh()]
        for request in entry.add_tracks:
            first += session.add_track(request)
        if entry.offer is not None:
            first += session.offer(entry.offer)
        try:
            await socket.accept()
        except SocketClosed:
            # Nobody heard that it had joined.
            _leave_quietly(actor, joined.participant.sid)
            return
        await self._connection(socket, session, actor, mailbox, entry).run(first)

    def _asker(self, socket: Socket, entry: Entry) -> Asker:
        now_s = self._directory.clock.now_ms() // 1000
        asker = Asker(socket.headers.get("host", ""), entry.join.identity, now_s)
        relay_only = self._preferred(entry) == "tls" and bool(self._welcome.over_tls(asker))
        return replace(asker, relay_only=relay_only)

    def _preferred(self, entry: Entry) -> str:
        until, test = self._recent.ways.get((entry.room, entry.join.identity), (0, Prefer("any")))
        return test.way if until > self._directory.clock.now_ms() else "any"

    async def _resume(self, socket: Socket, entry: Entry) -> None:
        """Comes back to the same participant; media, if it still flows, goes on."""
        try:
            await socket.accept()
        except SocketClosed:
            return
        actor = self._directory.get(entry.room)
        held = actor.by_identity(entry.join.identity) if actor is not None else None
        if actor is None or held is None or (entry.participant and held.sid != entry.participant):
            await self._start_anew(socket)
            return
        drop = self._take_drop(held.sid)
        if drop is True:
            await socket.close()
            return
        mailbox = self._directory.new_mailbox()
        try:
            received = await actor.last_received(held.sid)
            joined = await actor.resume(held.sid, mailbox)
        except RoomfulError:
            await self._start_anew(socket)
            return
        session = self._session(entry, actor, joined)
        first: list[Output] = [
            Send(self._welcome.reconnect(received, self._asker(socket, entry))),
            Send(self._responses.update((joined.participant, *joined.others))),
            *session.tell(RoomChanged(joined.room)),
            Refresh(),
        ]
        if entry.sync is not None:
            first += session.sync(entry.sync)
        # In v0 the server offers, so the server restarts ICE; a single transport's client does so by its own offer.
        first.append(RestartIce())
        if drop is False:
            first.append(Close("the client asked for its connection to be dropped"))
        await self._connection(socket, session, actor, mailbox, entry).run(first)

    async def _start_anew(self, socket: Socket) -> None:
        """There is nothing to come back to: the client shall join."""
        try:
            await socket.send(leave(LeaveReason.STATE_MISMATCH))
        except SocketClosed:
            return
        await socket.close()

    def _session(self, entry: Entry, actor: RoomActor, joined: Joined) -> Session:
        ids = self._directory.ids
        return Session(
            joined.participant,
            room=actor.info.sid,
            single_transport="single" in joined.transports,
            client=entry.client,
            responses=self._responses,
            blobs=self._blobs,
            new_track=ids.track,
            new_data_track=ids.data_track,
            now_ms=self._directory.clock.now_ms(),
            bounds=self._bounds,
        )

    def _connection(
        self, socket: Socket, session: Session, actor: RoomActor, mailbox: Mailbox, entry: Entry
    ) -> Connection:
        def refresh(actor: RoomActor, room: str | None) -> str | None:
            participant, room = actor.participant(session.sid), room or actor.info.name
            return None if participant is None else self._tokens.refresh(entry.grant, participant, room=room)

        def arrived(actor: RoomActor) -> str | None:
            self._tokens.hold(session.sid, entry.grant)
            return refresh(actor, None)

        def remember(test: DropOnResume | Prefer) -> None:
            recent, now_ms, who = self._recent, self._directory.clock.now_ms(), (entry.room, entry.join.identity)
            match test:
                case DropOnResume():
                    recent.drops[session.sid] = (now_ms + _DROPS_MS, test.before)
                case Prefer():
                    recent.ways[who] = (now_ms + _WAYS_MS, test)
            while len(recent.drops) > _DROPS:
                recent.drops.popitem(last=False)
            while len(recent.ways) > _WAYS:
                recent.ways.popitem(last=False)

        return Connection(
            socket,
            session,
            actor,
            mailbox,
            self._directory.clock,
            refresh=refresh,
            arrived=arrived,
            remember=remember,
        )

    def _take_drop(self, sid: str) -> bool | None:
        """Whether this resume is to be dropped: True before its first message, False after its last, None not at all."""
        until, before = self._recent.drops.pop(sid, (0, False))
        return before if until > self._directory.clock.now_ms() else None

    def _remember(self, entry: Entry, refusal: Refusal) -> None:
        until = self._directory.clock.now_ms() + _REFUSALS_MS
        self._recent.refusals[(entry.room, entry.join.identity)] = (until, refusal)
        while len(self._recent.refusals) > _REFUSALS:
            self._recent.refusals.popitem(last=False)


def refusal_of(error: RoomfulError) -> Refusal:
    """SDKs show the text of 401 and 403, and look for LiveKit's own words in a 404."""
    match error:
        case Unauthenticated():
            return Refusal(401, error.message)
        case NotFound(code="room_not_found"):
            return Refusal(404, "requested room does not exist")
        case Invalid() | LimitExceeded(code="name_length" | "identity_length" | "metadata_size" | "attributes_size"):
            return Refusal(400, error.message)
        case LimitExceeded(code="too_large"):
            return Refusal(413, error.message)
        case LimitExceeded(code="too_many_rooms"):
            return Refusal(503, error.message)
        case LimitExceeded() | NotAllowed():
            return Refusal(403, error.message)
        case _:
            # A hook's `Denied`; what is left is the server's own trouble.
            return Refusal(
                403 if error.code not in ("shutting_down", "overloaded", "engine_dead") else 503, error.message
            )


async def _refuse(socket: Socket, refusal: Refusal) -> None:
    try:
        await socket.refuse(refusal.status, refusal.text)
    except SocketClosed:
        return


def _leave_quietly(actor: RoomActor, sid: str) -> None:
    try:
        actor.post(Leave(sid, LeaveReason.JOIN_FAILURE))
    except RoomfulError:
        # The room is overloaded or gone: its own timeouts end the participant.
        return
