"""`Roomful`: the server as a user's own program meets it: hooks, a mountable ASGI application, or a whole server.

It collects what the user says, and starts `app.running` when it is first needed. Nothing here knows a protocol.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from starlette.types import ASGIApp

from roomful.app.discreet import keep_tokens_out_of_logs
from roomful.app.door import Place, backend_path, remove_backend
from roomful.app.gateway import Gateway
from roomful.app.listen import Listener, without_missing_ipv6
from roomful.app.own import Own, UserSocket
from roomful.app.parts import PROGRAM_TOKEN_S, Credentials, credentials, room_grant, start_parts
from roomful.app.public import with_public_address
from roomful.app.room import RoomChat, RoomHandle
from roomful.app.running import Running
from roomful.app.spliced import bind_private
from roomful.config.settings import Settings
from roomful.core.commands import Leave, SetLoudest
from roomful.core.errors import ConfigError, NotFound
from roomful.core.events import LeaveReason
from roomful.core.participant import Participant
from roomful.edge.livekit.data_message import decode, encode
from roomful.edge.websocket.handler import handler_of
from roomful.game.game import Game
from roomful.game.rules import GameRules
from roomful.game.wire import TOPIC
from roomful.https.addresses import certified_names
from roomful.https.store import certificates
from roomful.plugins.channels import UserChannels, encoded
from roomful.plugins.chat import MessageHook, UserChatHooks
from roomful.plugins.games import Games, MatchStats
from roomful.plugins.hooks import DataHook, JoinHook, LeaveHook, PublishHook, RoomHook, UserHooks
from roomful.ports import ChannelRules
from roomful.service.chat import Chat

W = TypeVar("W")
G = TypeVar("G", bound=type[Game])


class Roomful:
    """A server. `Roomful(dev=True)` takes any setting of `roomful.config.settings.Settings` by its name.

    Register hooks before it starts. Hooks may be sync (then quick: they run in the event loop) or async.
    """

    def __init__(self, settings: Settings | None = None, **changes: Any) -> None:
        """Raises TypeError for a setting that does not exist."""
        chosen = replace(settings, **changes) if settings else Settings(**changes)
        self.settings = replace(
            chosen, bind=without_missing_ipv6(chosen.bind), rtc_bind=without_missing_ipv6(chosen.rtc_bind)
        )
        self.hooks = UserHooks(self.settings.policy.hook_deadline_s, decode)
        deadline_s = self.settings.policy.hook_deadline_s
        self.own = Own(UserChannels(deadline_s), Games(decode, _game_packet), UserChatHooks(deadline_s))
        if self.settings.dev:
            self.own.sockets["/echo"] = UserSocket.echo()
        self._credentials: Credentials | None = None
        self._running: Running | None = None
        self._listener: Listener | None = None
        self._place: Place | None = None
        self.https_host = ""
        """This machine on its network, as an address bar takes it."""

    # Hooks

    def on_join(self, hook: JoinHook) -> JoinHook:
        """`hook(request)` lets in (None, True, or `request.change(...)`) or refuses (False, `raise request.refuse(why)`).

        An error in it, or no answer within the deadline, refuses.
        """
        self.hooks.on_join.append(hook)
        return hook

    def on_leave(self, hook: LeaveHook) -> LeaveHook:
        """`hook(room, participant)`, of everybody who had come."""
        self.hooks.on_leave.append(hook)
        return hook

    def on_publish(self, hook: PublishHook) -> PublishHook:
        """`hook(room, participant, track)`"""
        self.hooks.on_publish.append(hook)
        return hook

    def on_data(self, hook: DataHook) -> DataHook:
        """`hook(room_name, participant, message)`, of data packets people send to each other."""
        self.hooks.on_data.append(hook)
        return hook

    def on_message(self, hook: MessageHook) -> MessageHook:
        """`hook(message)`, of each chat message before anybody hears it: allows (None, True), changes (another text, or
        `message.change(text)`) or refuses (False, `raise message.refuse(why)`). An error in it, or no answer within the
        deadline, refuses. End-to-end encrypted messages cannot be read and pass.
        """
        self.own.chat.on_message.append(hook)
        return hook

    def on_room_started(self, hook: RoomHook) -> RoomHook:
        """`hook(room)`"""
        self.hooks.on_room_started.append(hook)
        return hook

    def on_room_ended(self, hook: RoomHook) -> RoomHook:
        """`hook(room)`"""
        self.hooks.on_room_ended.append(hook)
        return hook

    # WebSockets of a program's own

    def websocket(
        self, path: str, *, origins: Iterable[str] | None = None, page: str | Path | None = None
    ) -> Callable[[W], W]:
        """Decorates a class with `connect(client)`, `message(client, message)` and `close(client)`, any of them; or
        `async def f(client)`, which reads with `async for`; or `def f(client, message)`. What a message's function
        returns is sent back. `origins` are the sites whose pages may connect besides this server's own (`*` for all;
        without it those of the settings), `page` an HTML file for browsers that open the same path.

        Raises TypeError for anything else.
        """
        if not path.startswith("/"):
            raise ValueError(f"a path begins with a slash: {path!r}")

        def add(given: W) -> W:
            where = None if page is None else Path(page)
            allowed = None if origins is None else tuple(origins)
            self.own.sockets[path] = UserSocket(path, handler_of(given), allowed, where)
            return given

        return add

    def channel(
        self,
        pattern: str,
        *,
        history: int | None = None,
        history_ms: int | None = None,
        presence: bool | None = None,
        publish: bool | None = None,
        rate: tuple[int, int] | None = None,
        max_members: int | None = None,
        slow: str | None = None,
    ) -> Callable[[W], W]:
        """Decorates a class with `on_join`, `on_message`, `on_request` and `on_leave`, any of them (`plugins.channels`),
        for the channels that the pattern matches: `*` any characters, `?` one. The first pattern counts. Without hooks:
        `channel("news", publish=False)(object())`. What is None keeps the hub's own value.
        """
        rules = ChannelRules(
            history=history,
            history_ms=history_ms,
            presence=presence,
            publish=publish,
            rate=rate,
            max_members=max_members,
            slow=slow,
        )

        def add(given: W) -> W:
            self.own.channels.add(pattern, given, rules)
            return given

        return add

    def game(
        self,
        pattern: str,
        *,
        ticks: int = 60,
        snapshots: int = 20,
        seats: int = 8,
        grace_s: float = 30.0,
        max_input: int = 256,
        seed: int | None = None,
    ) -> Callable[[G], G]:
        """Decorates a `roomful.game.Game`: one is made for each room whose name the pattern matches, with its first person.
        The rules are those of `roomful.game.GameRules`. Raises ValueError for rules that cannot be played by.
        """
        rules = GameRules(ticks, snapshots, seats, grace_s, max_input, seed)

        def add(made: G) -> G:
            self.own.games.add(pattern, made, rules)
            return made

        return add

    def game_stats(self, room: str) -> MatchStats | None:
        """How long a match's ticks take; None where nothing is played."""
        return self.own.games.stats(room)

    def files(self, path: str, folder: str | Path) -> None:
        """Serves a folder's files under a path (`index.html` for the folder itself), without the web app's headers.
        Raises ValueError for a path without a slash in front, or a folder that is none.
        """
        if not path.startswith("/") or path == "/":
            raise ValueError(f"a path begins with a slash and goes on: {path!r}")
        if not Path(folder).is_dir():
            raise ValueError(f"no such folder: {folder}")
        self.own.folders[path.rstrip("/")] = Path(folder)

    def publish(self, channel: str, data: Any) -> None:
        """To all members of a channel, from anywhere, other threads too: JSON data, or bytes. Raises TypeError and
        ValueError for what is neither, NotFound while the server does not run.
        """
        self._require().hub.publish(channel, encoded(data))

    # What a program may ask and do, in the event loop's thread

    def rooms(self) -> tuple[str, ...]:
        """Names of the rooms there are."""
        return tuple(actor.info.name for actor in self._running.directory.list()) if self._running else ()

    def room(self, name: str) -> RoomHandle:
        """A room to speak to, whether anybody is in it or not: `await roomful.room("tea").chat.send("hello")`."""
        return RoomHandle(name, RoomChat(name, self._chat))

    def _chat(self) -> Chat:
        chat = self._require().chat
        if chat is None:
            raise NotFound("the server is not running", code="room_not_found")
        return chat

    def participants(self, room: str) -> tuple[Participant, ...]:
        """Everybody in a room, hidden ones too; empty when there is no such room."""
        actor = self._running.directory.get(room) if self._running else None
        return actor.participants() if actor else ()

    async def remove(self, room: str, identity: str) -> None:
        """Throws somebody out. Raises NotFound."""
        actor = self._require().directory.require(room)
        if (participant := actor.by_identity(identity)) is None:
            raise NotFound("no such participant", code="participant_not_found")
        await actor.ask(Leave(participant.sid, LeaveReason.REMOVED))

    async def move(self, room: str, identity: str, destination: str) -> None:
        """Takes somebody to another room, which is made when it is not there; what it publishes goes on.

        Raises NotFound, Invalid, LimitExceeded (`room_full`), Unavailable.
        """
        await self._require().directory.move(room, identity, destination)

    async def forward(self, room: str, identity: str, destination: str) -> None:
        """Shows somebody's tracks in another room besides, until it leaves or is removed from that room. Raises as `move`."""
        await self._require().directory.forward(room, identity, destination)

    async def loudest(self, room: str, count: int) -> None:
        """Of the voices in a room so many are sent on, the loudest; 0 for all. Raises NotFound, ValueError for a negative count."""
        if count < 0:
            raise ValueError(f"a count is not negative: {count}")
        await self._require().directory.require(room).ask(SetLoudest(count))

    async def close_room(self, room: str) -> None:
        """Ends a room for everybody. Raises NotFound."""
        await self._require().directory.delete(room)

    def send(
        self, room: str, payload: bytes, *, topic: str = "", reliable: bool = True, to: tuple[str, ...] = ()
    ) -> None:
        """A data packet from the server; `to` holds identities, empty for everybody. Raises NotFound."""
        directory = self._require().directory
        actor = directory.require(room)
        people = [actor.by_identity(identity) for identity in to]
        sids = tuple(one.sid for one in people if one is not None)
        if sids or not to:
            packet = encode(payload, topic, reliable=reliable, packet_id=directory.ids.transport(), to=to)
            actor.send_data(packet, "reliable" if reliable else "lossy", sids)

    def token(self, *, room: str, identity: str, name: str = "", admin: bool = False) -> str:
        """A token that any LiveKit SDK takes here, for six hours."""
        grant = room_grant(room=room, identity=identity, name=name, admin=admin, create=admin)
        return self.credentials.token(grant, PROGRAM_TOKEN_S)

    @property
    def credentials(self) -> Credentials:
        """Keys and secrets, read when they are first needed. Raises ConfigError (`data_dir`)."""
        if self._credentials is None:
            self._credentials = credentials(self.settings)
        return self._credentials

    # Running inside somebody's application

    def asgi(self) -> ASGIApp:
        """For `app.mount("/", roomful.asgi())`, or any ASGI server. Starts with the first request or the lifespan."""
        return Gateway(self._ready, self.stop)

    @asynccontextmanager
    async def lifespan(self, app: object = None) -> AsyncGenerator[None]:
        """For `FastAPI(lifespan=roomful.lifespan)`: a mounted application gets no lifespan of its own."""
        await self._ready()
        try:
            yield
        finally:
            await self.stop()

    async def _ready(self) -> ASGIApp:
        if self._running is None:
            keep_tokens_out_of_logs()
            # Nothing is awaited here, so that two first requests cannot start two servers.
            self._running = start_parts(
                with_public_address(self.settings), self.credentials, self.hooks, self.own, self._place
            )
        return self._running.asgi

    def _require(self) -> Running:
        if self._running is None:
            raise NotFound("the server is not running", code="room_not_found")
        return self._running

    # Running on its own

    async def start(self) -> None:
        """Binds and listens. Raises ConfigError (`port_taken`, `data_dir` …)."""
        asgi = self.asgi()
        try:
            # Before the door: what it passes on waits there.
            backend = backend_path()
            self._place = Place(backend)
            self._listener = Listener(asgi, [bind_private(backend)], drain_s=self.settings.drain_s, spliced=True)
            if self.settings.https_port is not None and self.settings.beyond_loopback:
                self._place = Place(backend, self._certify())
            await self._ready()
            await self._listener.start()
        except BaseException:
            await self.stop()
            raise

    def _certify(self) -> Path:
        names = certified_names(self.settings.bind)
        self.https_host = f"[{names[0]}]" if ":" in names[0] else names[0]
        return certificates(self.settings.data_dir, names, datetime.now(UTC)).chain

    def renew_certificate(self) -> None:
        """Makes a certificate anew if the old one grows old or this machine's addresses have changed, and serves what lies in
        its file, for connections from now on. Does nothing without https. Raises ConfigError (`data_dir`), and keeps the old one.
        """
        running, place = self._running, self._place
        if running is None or place is None or place.certificate is None:
            return
        self._certify()
        try:
            running.hub.reload()
        except RuntimeError as error:
            raise ConfigError(f"the certificate was not read again: {error}") from None

    @property
    def port(self) -> int:
        """The plain port that is listened on."""
        return next(port for kind, _, port in self._require().hub.ports if kind == "plain")

    @property
    def https_port(self) -> int | None:
        """The https port that is listened on; None on loopback, or when it is switched off."""
        ports = self._running.hub.ports if self._running else ()
        return next((port for kind, _, port in ports if kind == "tls"), None)

    async def stop(self) -> None:
        """Clients are told, then all ends."""
        running, self._running = self._running, None
        listener, self._listener = self._listener, None
        # Together: the door waits for HTTP that is under way, and only uvicorn knows which connections idle.
        await asyncio.gather(*(part.stop() for part in (running, listener) if part is not None))
        place, self._place = self._place, None
        if place is not None:
            remove_backend(place.backend)

    def run(self) -> int:
        """Serves until SIGINT or SIGTERM; the exit status."""
        from roomful.app.serve import serve

        return asyncio.run(serve(self))


def _game_packet(payload: bytes, reliable: bool, packet_id: str, to: tuple[str, ...]) -> bytes:
    return encode(payload, TOPIC, reliable=reliable, packet_id=packet_id, to=to)
