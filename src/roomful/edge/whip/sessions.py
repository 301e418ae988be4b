"""All WHIP and WHEP sessions of this server: into a room, while it lasts, and out of it. Called by `endpoint`.

A session is somebody in a room with one transport. It ends by its client's DELETE, when the room lets its participant go (media
lost, thrown out, room over), or when media does not come up in time. Nothing of it is left then.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from roomful.auth.grant import Grant
from roomful.core.commands import Join, Knock, Leave, Publish, SetView, Subscribe
from roomful.core.effects import Happening, ParticipantAborted, ParticipantJoined, ParticipantLeft, RoomFinished
from roomful.core.errors import Denied, Invalid, LimitExceeded, NotAllowed, NotFound, RoomfulError, Unauthenticated
from roomful.core.events import LeaveReason
from roomful.core.participant import Participant
from roomful.core.policy import RoomOptions
from roomful.core.rates import network_of
from roomful.core.role import ROLE, Role, role_of
from roomful.core.track import AddTrack, Track, View
from roomful.edge.whip import wire
from roomful.edge.whip.audience import Audience, Source
from roomful.edge.whip.events import EventStream
from roomful.edge.whip.session import Restart, Session, Trickle, layers_told
from roomful.edge.whip.wire import Fragment, Offer, Section
from roomful.service.actor import RoomActor
from roomful.service.directory import Directory
from roomful.service.mailbox import Item

log = logging.getLogger("roomful.whip")

SETTLE_S = 0.3
"""Tracks of one publisher come and go together: so long nobody is told."""
MOVE_S = 5.0
"""How long a player may take to begin anew once what it watches has changed."""
COUNT_S = 1.0
"""Viewer counts are told so far apart."""
MAX_STREAMS = 2
"""Event streams of one session."""


class Keys(Protocol):
    """The tokens of this server, which know who was thrown out."""

    def grant(self, headers: Mapping[str, str], query: Mapping[str, str]) -> Grant: ...

    def refuses(self, room: str, grant: Grant) -> bool: ...

    def hold(self, participant: str, grant: Grant) -> None: ...


@dataclass(frozen=True, slots=True)
class Bounds:
    """Beside `Policy.max_viewers` and the room's own."""

    per_address: int = 1_000
    """Sessions of one IPv4 address or IPv6 /64; a school is one address."""
    publishers: int = 64
    """WHIP sessions of one room."""
    connect_s: float = 15.0
    """How long media may take to come up."""


@dataclass(slots=True)
class Seat:
    """A session and what belongs to it."""

    session: Session
    actor: RoomActor
    streams: dict[str, EventStream] = field(default_factory=dict[str, EventStream])
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """ICE restarts come one after the other."""
    alarm: asyncio.TimerHandle | None = None
    told_inactive: bool = False


class Sessions:
    """All methods are called in the event loop's thread."""

    def __init__(self, directory: Directory, keys: Keys, bounds: Bounds | None = None) -> None:
        self._directory = directory
        self._keys = keys
        self._bounds = bounds or Bounds()
        self._seats: dict[str, Seat] = {}
        self._by_participant: dict[str, Seat] = {}
        self._rooms: dict[str, dict[str, Seat]] = {}
        self._addresses: Counter[str] = Counter()
        self._audience = Audience()
        self._due: dict[tuple[str, str], asyncio.TimerHandle] = {}

    def __len__(self) -> int:
        return len(self._seats)

    def viewers(self, room_sid: str) -> int:
        """Whose media is up."""
        seats = self._rooms.get(room_sid, {}).values()
        return sum(one.session.kind == "whep" and one.session.active for one in seats)

    def seat(self, kind: str, room: str, id: str) -> Seat:
        """Raises NotFound (`session_not_found`)."""
        found = self._seats.get(id)
        if found is None or found.session.kind != kind or found.session.room != room:
            raise NotFound("there is no such session, or it is over", code="session_not_found")
        return found

    # In

    async def publish(self, room: str, grant: Grant, offer: Offer, address: str) -> tuple[Session, str]:
        """A WHIP client's offer → its session and our answer. Raises RoomfulError."""
        self._check_token(room, grant)
        permission = grant.video.permission()
        if not permission.can_publish:
            raise NotAllowed("this token does not let its bearer publish")
        sending = _sending(offer)
        join = Join(
            participant=self._directory.ids.participant(),
            identity=grant.identity,
            name=grant.name,
            metadata=grant.metadata,
            attributes=grant.attributes,
            # One transport, and what comes over it goes one way.
            permission=replace(permission, can_subscribe=False),
            kind="ingress" if grant.kind == "standard" else grant.kind,
            auto_subscribe=False,
            auto_subscribe_data=False,
            client={"sdk": "whip", "address": address},
            role=Role.HOST if grant.video.room_admin else role_of(grant.attributes.get(ROLE, "")),
            guest=ROLE in grant.attributes,
        )
        seat = await self._enter("whip", room, grant, join, offer, address)
        try:
            for section in sending:
                await seat.actor.ask(Publish(join.participant, self._directory.ids.track(), _add(section)))
            answer = await seat.actor.offer(join.participant, offer.sdp, "single")
            if refused := wire.refused_sections(answer.sdp):
                raise Invalid(f"no codec of section {refused[0]} is taken here", code="codec_unsupported")
        except BaseException:
            self.end(seat, LeaveReason.JOIN_FAILURE)
            raise
        return seat.session, answer.sdp

    async def watch(self, room: str, grant: Grant, offer: Offer, address: str) -> tuple[Session, str]:
        """A WHEP player's offer → its session and our answer. Raises RoomfulError (`not_live` while nobody publishes)."""
        self._check_token(room, grant)
        permission = grant.video.permission()
        if not permission.can_subscribe:
            raise NotAllowed("this token does not let its bearer watch")
        kinds = _receiving(offer)
        actor = self._directory.get(room)
        chosen = () if actor is None else _chosen(self._audience.source(actor.info.sid), kinds)
        if actor is None or not chosen:
            raise Invalid("nobody publishes in this room just now", code="not_live")
        limit = self._directory.policy.max_viewers
        if limit and sum(one.session.kind == "whep" for one in self._rooms.get(actor.info.sid, {}).values()) >= limit:
            raise LimitExceeded("no more viewers fit here", code="too_many_viewers")
        if ROLE in grant.attributes:
            # A guest of the page: the room's lobby and lock hold for it under its own name.
            await actor.ask(Knock(grant.identity, grant.name, role_of(grant.attributes[ROLE])))
        elif actor.rules.locked:
            raise Denied("the room is locked", code="room_locked")
        # Whoever looks into a call is seen there, unless who signed the token wants it otherwise.
        hidden = permission.hidden or actor.info.mode == "broadcast"
        join = Join(
            participant=self._directory.ids.participant(),
            # Many people watch by one token.
            identity=f"{grant.identity[:200]}#{secrets.token_hex(6)}",
            name=grant.name,
            permission=replace(
                permission,
                can_publish=False,
                can_publish_data=False,
                can_update_metadata=False,
                hidden=hidden,
                recorder=False,
                agent=False,
            ),
            # Viewers neither fill a room nor keep it open.
            kind="egress" if hidden else "standard",
            auto_subscribe=False,
            auto_subscribe_data=False,
            client={"sdk": "whep", "address": address},
        )
        seat = await self._enter("whep", room, grant, join, offer, address)
        try:
            sids = tuple(one.sid for one in chosen)
            await seat.actor.ask(Subscribe(join.participant, sids, on=True))
            answer = await seat.actor.offer(join.participant, offer.sdp, "single")
            if not answer.mids:
                raise Invalid("what is published here is in none of the codecs offered", code="codec_unsupported")
        except BaseException:
            self.end(seat, LeaveReason.JOIN_FAILURE)
            raise
        sent = set(answer.mids.values())
        for track in chosen:
            if track.sid in sent and track.kind == "audio":
                seat.session.audio = track
            elif track.sid in sent:
                seat.session.video = track
        return seat.session, answer.sdp

    def _check_token(self, room: str, grant: Grant) -> None:
        if not grant.video.room_join or grant.video.room != room:
            raise NotAllowed("this token does not open this room")
        if not grant.identity:
            raise Unauthenticated("the token names nobody (sub)")
        if self._keys.refuses(room, grant):
            raise NotAllowed("the bearer of this token was removed from the room")

    async def _enter(self, kind: str, room: str, grant: Grant, join: Join, offer: Offer, address: str) -> Seat:
        network = network_of(address)
        if self._addresses[network] >= self._bounds.per_address:
            raise LimitExceeded("too many sessions of this address", code="too_many_sessions")
        mailbox = self._directory.new_mailbox()
        # What rooms tell their people is told in happenings as well: nothing has to wait here.
        mailbox.at_once = _pass_over
        self._addresses[network] += 1
        try:
            actor, joined = await self._directory.enter(
                room,
                join,
                mailbox,
                options=RoomOptions(mode="broadcast"),
                may_create=kind == "whip" and grant.video.room_create,
            )
        except BaseException:
            self._release(network)
            raise
        session = Session(
            id=secrets.token_urlsafe(18),
            kind=kind,
            room=room,
            room_sid=actor.info.sid,
            participant=joined.participant.sid,
            address=network,
            token=grant.fingerprint,
            offer=offer,
            new_tag=lambda: secrets.token_urlsafe(9),
        )
        seat = Seat(session, actor)
        self._keys.hold(session.participant, grant)
        others = self._rooms.setdefault(session.room_sid, {})
        others[session.id] = self._seats[session.id] = self._by_participant[session.participant] = seat
        loop = asyncio.get_running_loop()
        seat.alarm = loop.call_later(self._bounds.connect_s, self._too_late, seat)
        if kind == "whip" and sum(one.session.kind == "whip" for one in others.values()) > self._bounds.publishers:
            self.end(seat, LeaveReason.JOIN_FAILURE)
            raise LimitExceeded("no more publishers fit into this room", code="too_many_sessions")
        log.info("room %s: %s by %s", room, session.participant, kind.upper())
        return seat

    # While it lasts

    async def patch(self, seat: Seat, if_match: str | None, fragment: Fragment) -> str | None:
        """The fragment to answer an ICE restart with; None after a trickle. Raises RoomfulError."""
        session = seat.session
        async with seat.turn:
            wanted = session.patch(if_match, fragment)
            match wanted:
                case Trickle():
                    answered = None
                case Restart():
                    answer = await seat.actor.offer(session.participant, wanted.offer.sdp, "single")
                    answered = session.restarted(wanted.offer, answer.sdp)
            for candidate in wanted.candidates:
                seat.actor.candidate(session.participant, "single", candidate)
            return answered

    async def look(self, seat: Seat, view: View) -> None:
        """Another layer of the picture. Raises RoomfulError."""
        video = seat.session.video
        if video is None:
            raise Invalid("no picture is sent here", code="layer_not_found")
        await seat.actor.ask(SetView(seat.session.participant, (video.sid,), view))

    def listen(self, seat: Seat, kinds: frozenset[str]) -> str:
        """A new event stream's id. Raises LimitExceeded."""
        if len(seat.streams) >= MAX_STREAMS:
            raise LimitExceeded(f"a session has at most {MAX_STREAMS} event streams", code="limit_exceeded")
        id = secrets.token_urlsafe(9)
        stream = seat.streams[id] = EventStream(kinds)
        session = seat.session
        stream.put("active", {})
        if session.video is not None:
            stream.put("layers", layers_told(session.video, _place(session.offer)))
        stream.put("viewercount", {"viewercount": self.viewers(session.room_sid)})
        return id

    def unlisten(self, seat: Seat, id: str) -> None:
        """Raises NotFound (`session_not_found`)."""
        stream = seat.streams.pop(id, None)
        if stream is None:
            raise NotFound("there is no such event stream", code="session_not_found")
        stream.close()

    # Out

    def end(self, seat: Seat, reason: str = LeaveReason.CLIENT) -> None:
        """Its participant leaves; the second call does nothing."""
        if self._forget(seat):
            try:
                seat.actor.post(Leave(seat.session.participant, reason))
            except RoomfulError as error:
                # A room that is over, or flooded: media's own timeout ends it then.
                log.debug("%s: %s", seat.session.participant, error.message)

    def _forget(self, seat: Seat) -> bool:
        session = seat.session
        if self._seats.pop(session.id, None) is None:
            return False
        self._by_participant.pop(session.participant, None)
        others = self._rooms.get(session.room_sid, {})
        others.pop(session.id, None)
        if not others:
            self._rooms.pop(session.room_sid, None)
        self._release(session.address)
        if seat.alarm is not None:
            seat.alarm.cancel()
        for stream in seat.streams.values():
            stream.close()
        seat.streams.clear()
        if session.kind == "whep" and session.active:
            self._later("count", session.room_sid, COUNT_S, self._tell_count)
        return True

    def _release(self, network: str) -> None:
        self._addresses[network] -= 1
        if self._addresses[network] <= 0:
            del self._addresses[network]

    def _too_late(self, seat: Seat) -> None:
        if not seat.session.active:
            self.end(seat, LeaveReason.CONNECTION_TIMEOUT)

    async def stop(self) -> None:
        """After the rooms have ended."""
        for seat in list(self._seats.values()):
            self._forget(seat)
        for timer in self._due.values():
            timer.cancel()
        self._due.clear()

    # What happens in rooms

    def observe(self, happening: Happening) -> None:
        match happening:
            case ParticipantJoined():
                self._came_up(happening.participant)
            case ParticipantLeft() | ParticipantAborted():
                if seat := self._by_participant.get(happening.participant.sid):
                    self._forget(seat)
            case RoomFinished():
                for seat in list(self._rooms.get(happening.room.sid, {}).values()):
                    self._forget(seat)
            case _:
                pass
        if self._audience.observe(happening):
            self._later("settle", happening.room.sid, SETTLE_S, self._settle)

    def _came_up(self, participant: Participant) -> None:
        if seat := self._by_participant.get(participant.sid):
            seat.session.active = True
            if seat.session.kind == "whep":
                self._later("count", seat.session.room_sid, COUNT_S, self._tell_count)

    def _settle(self, room_sid: str) -> None:
        """Whoever watches something else than there is now begins anew: WHEP negotiates once."""
        source = self._audience.source(room_sid)
        for seat in list(self._rooms.get(room_sid, {}).values()):
            session = seat.session
            if session.kind != "whep":
                continue
            wanted = _chosen(source, _kinds(session.offer))
            if not wanted:
                if not seat.told_inactive:
                    seat.told_inactive = True
                    self._tell(seat, "inactive", {})
            elif {one.sid for one in wanted} != {one.sid for one in (session.audio, session.video) if one}:
                self._move(seat)

    def _move(self, seat: Seat) -> None:
        if any("reconnect" in one.kinds for one in seat.streams.values()):
            self._tell(seat, "active", {})
            self._tell(seat, "reconnect", {})
            if seat.alarm is not None:
                seat.alarm.cancel()
            seat.alarm = asyncio.get_running_loop().call_later(MOVE_S, self.end, seat)
        else:
            # A player that takes no events learns it from its connection.
            self.end(seat)

    def _tell_count(self, room_sid: str) -> None:
        count = {"viewercount": self.viewers(room_sid)}
        for seat in self._rooms.get(room_sid, {}).values():
            self._tell(seat, "viewercount", count)

    def _tell(self, seat: Seat, kind: str, data: Mapping[str, object]) -> None:
        for id, stream in list(seat.streams.items()):
            stream.put(kind, data)
            if stream.closed:
                del seat.streams[id]

    def _later(self, what: str, room_sid: str, after_s: float, act: Callable[[str], None]) -> None:
        """Once, however often it is asked for meanwhile."""
        key = (what, room_sid)
        if key in self._due:
            return

        def run() -> None:
            self._due.pop(key, None)
            act(room_sid)

        self._due[key] = asyncio.get_running_loop().call_later(after_s, run)


def _pass_over(item: Item) -> bool:
    return True


def _sending(offer: Offer) -> tuple[Section, ...]:
    """Raises Invalid where WHIP does not take the offer (RFC 9725 §4.4)."""
    media = offer.media()
    if not media:
        raise Invalid("the offer sends neither sound nor picture", code="direction_unsupported")
    if not all(one.sends for one in media):
        raise Invalid("WHIP takes sendonly and sendrecv sections only", code="direction_unsupported")
    kinds = [one.kind for one in media]
    if len(kinds) != len(set(kinds)):
        raise Invalid("WHIP takes one audio and one video section", code="too_many_sections")
    return media


def _receiving(offer: Offer) -> frozenset[str]:
    """Kinds that a player wants. Raises Invalid."""
    if not offer.media() or not all(one.receives for one in offer.media()):
        raise Invalid("WHEP takes recvonly and sendrecv sections only", code="direction_unsupported")
    kinds = [one.kind for one in offer.media()]
    if len(kinds) != len(set(kinds)):
        raise Invalid("WHEP takes one audio and one video section", code="too_many_sections")
    return frozenset(kinds)


def _kinds(offer: Offer) -> frozenset[str]:
    return frozenset(one.kind for one in offer.media())


def _chosen(source: Source | None, kinds: frozenset[str]) -> tuple[Track, ...]:
    if source is None:
        return ()
    return tuple(one for one in (source.audio, source.video) if one is not None and one.kind in kinds)


def _place(offer: Offer) -> int:
    """Of the video section among all."""
    return next((at for at, one in enumerate(offer.sections) if one.kind == "video"), 0)


def _add(section: Section) -> AddTrack:
    video = section.kind == "video"
    return AddTrack(
        cid=section.track or f"mid-{section.mid}",
        kind=section.kind,
        name="video" if video else "audio",
        source="camera" if video else "microphone",
        layers=wire.layers(section) if video else (),
        # Encoders of programs send music as often as voices.
        stereo=not video,
        disable_red=True,
        stream=section.stream,
    )
