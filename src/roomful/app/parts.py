"""What ships: the engine, the hooks and every edge, made from the settings by explicit arguments. Called by `app.roomful`."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from uuid import uuid4

from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from roomful import __version__
from roomful._native.media import Engine, EngineError
from roomful.app import turn as app_turn
from roomful.app.chat import chat_edge, chat_of
from roomful.app.door import Place, hub_of
from roomful.app.own import Own
from roomful.app.running import Edge, EdgeMaker, Running, SocketRoute
from roomful.app.secret_files import Secrets, fresh, kept
from roomful.app.storage import Stores, open_stores
from roomful.auth.grant import Grant, VideoGrant
from roomful.auth.relay import Relays
from roomful.auth.token import sign, verify
from roomful.config.settings import DEV_KEYS, Settings
from roomful.core.effects import Happening
from roomful.core.errors import ConfigError
from roomful.core.role import ROLE, Role
from roomful.edge.ca import endpoint as ca
from roomful.edge.ice.endpoint import IceEndpoint
from roomful.edge.join.endpoint import JoinEndpoint, JoinSettings
from roomful.edge.livekit import webhooks
from roomful.edge.livekit.edge import LiveKitEdge
from roomful.edge.livekit.session import Bounds
from roomful.edge.livekit.welcome import Welcome
from roomful.edge.moderation.endpoint import ModerationEndpoint
from roomful.edge.muaz.endpoint import muaz
from roomful.edge.origins import Origins
from roomful.edge.peerjs import endpoint as peerjs
from roomful.edge.relay.endpoint import relay
from roomful.edge.socketio.endpoint import SocketIoEdge
from roomful.edge.web import endpoint as web
from roomful.edge.websocket.door import DoorEndpoint
from roomful.edge.websocket.endpoint import WebSocketEndpoint
from roomful.edge.whip.endpoint import WhipEndpoint
from roomful.edge.whip.sessions import Sessions
from roomful.https.authority import der_of, fingerprint
from roomful.https.store import CA_FILE
from roomful.hub.adapter import HubAdapter
from roomful.plugins.hooks import UserHooks
from roomful.service.channels import Channels
from roomful.service.chat import Chat
from roomful.service.clock import WallClock
from roomful.service.directory import Directory
from roomful.service.ids import RandomIds
from roomful.webhooks.delivery import Delivery
from roomful.webhooks.message import Message

WEB_APP = Path(__file__).parent.parent / "web"
PAGE_TOKEN_S = 600
"""A page's token is for joining now; the server refreshes it while its holder stays."""
PROGRAM_TOKEN_S = 6 * 3600
MAX_SIGNAL = 1 << 20
"""Bytes of one WebSocket message of LiveKit's; their edge bounds them again, and more tightly."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the settings name, completed by what this server made."""

    keys: dict[str, str] = field(repr=False)
    secrets: Secrets

    def token(self, grant: Grant, ttl_s: int) -> str:
        """Signed with the first key."""
        key, secret = next(iter(self.keys.items()))
        return sign(grant, key=key, secret=secret, now_s=int(time.time()), ttl_s=ttl_s)


def credentials(settings: Settings) -> Credentials:
    """Raises ConfigError (`data_dir`), but not in dev mode, where new secrets for each start will do."""
    try:
        secrets = kept(settings.data_dir)
    except ConfigError:
        if not settings.dev:
            raise
        secrets = fresh()
    keys = dict(settings.keys) or (dict(DEV_KEYS) if settings.dev else {secrets.api_key: secrets.api_secret})
    return Credentials(keys, secrets)


def room_grant(*, room: str, identity: str, name: str, admin: bool, create: bool) -> Grant:
    """May join, publish, subscribe and change its own metadata."""
    video = VideoGrant(
        room_join=True,
        room=room,
        room_admin=admin,
        room_create=create,
        can_publish=True,
        can_subscribe=True,
        can_publish_data=True,
        can_update_own_metadata=True,
    )
    return Grant(identity=identity, name=name, video=video)


def one_way_grant(*, room: str, identity: str, name: str, role: str) -> Grant:
    """May send, or may watch, and nothing else: a key to publish is never a key to watch."""
    sends = role == "broadcaster"
    video = VideoGrant(
        room_join=True,
        room=room,
        room_create=sends,
        can_publish=sends,
        can_subscribe=not sends,
        can_publish_data=False,
    )
    return Grant(identity=identity, name=name, video=video, attributes={ROLE: Role.HOST if sends else "guest"})


def native_engine(settings: Settings) -> Engine:
    """Raises ConfigError (`port_taken` …)."""
    try:
        return Engine(
            addresses=settings.media_bind,
            announced=settings.node_ips,
            udp_port=settings.rtc_udp_port,
            tcp_port=settings.rtc_tcp_port,
            threads=settings.threads,
            codecs=settings.codecs,
            max_tracks=settings.policy.max_tracks,
            portable=settings.portable_sockets or None,
        )
    except EngineError as error:
        if error.code == "port_taken":
            text = f"{error}; choose others with --rtc-udp-port and --rtc-tcp-port"
            raise ConfigError(text, code="port_taken") from None
        raise ConfigError(f"the media engine did not start: {error}") from None


def start_parts(
    settings: Settings, known: Credentials, hooks: UserHooks, own: Own, place: Place | None = None
) -> Running:
    """Everything, running in this event loop; without a place no port but media's is listened on. Raises ConfigError."""
    stores = open_stores(settings)
    try:
        return _running(settings, known, hooks, own, place, stores)
    except BaseException:
        stores.close()
        raise


def _running(
    settings: Settings, known: Credentials, hooks: UserHooks, own: Own, place: Place | None, stores: Stores
) -> Running:
    native = native_engine(settings)
    turn, relays = None, None
    if app_turn.wanted(settings):
        media = [
            f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}" for kind, ip, port in native.ports() if kind == "udp"
        ]
        try:
            turn, relays = app_turn.start(settings, app_turn.secret(settings, known.secrets.identity_secret), media)
        except ConfigError:
            native.close()
            raise
    clock = WallClock()
    hub = hub_of(settings, own.paths(), place)
    channels = Channels(hub, own.channels, clock, open_to_all=settings.dev)
    chats: list[Chat] = []
    running = Running(
        native=native,
        policy=settings.policy,
        clock=clock,
        ids=RandomIds(),
        hooks=hooks,
        hub=hub,
        edges=edges(settings, known, own, hub, channels, relays, stores, chats),
        grace_ms=1_000 * settings.drain_s,
        turn=turn,
        stores=stores,
    )
    running.chat = chats[0]
    running.start()
    return running


def edges(
    settings: Settings,
    known: Credentials,
    own: Own,
    hub: HubAdapter,
    channels: Channels,
    relays: Relays | None,
    stores: Stores,
    chats: list[Chat],
) -> list[EdgeMaker]:
    """In order of their routes: a program's own come first, the web app's files take every path that is left.

    `chats` gets the one that is made.
    """

    def join(directory: Directory) -> Edge:
        def token_for(identity: str, name: str, room: str, host: bool, admin: bool, role: str) -> str:
            if role != "member":
                # Kept by players that wait, and by encoders.
                return known.token(one_way_grant(room=room, identity=identity, name=name, role=role), PROGRAM_TOKEN_S)
            grant = room_grant(room=room, identity=identity, name=name, admin=admin, create=admin or settings.dev)
            # Says that its bearer came through the page's door.
            grant = replace(grant, attributes={ROLE: Role.HOST if host else "guest"})
            return known.token(grant, PAGE_TOKEN_S)

        door = JoinSettings(
            secret=known.secrets.identity_secret.encode(),
            host_key=known.secrets.host_key,
            anybody_makes_rooms=settings.dev,
            version=__version__,
            https_port=settings.https_port if settings.beyond_loopback else None,
        )
        return Edge(routes=tuple(JoinEndpoint(directory, door, token_for).routes()))

    def moderation(directory: Directory) -> Edge:
        def grant_of(token: str) -> Grant:
            return verify(token, keys=known.keys, now_s=directory.clock.now_ms() / 1_000)

        return Edge(routes=tuple(ModerationEndpoint(directory, grant_of).routes()))

    def trust(_: Directory) -> Edge:
        pem = settings.data_dir.joinpath(CA_FILE)
        if settings.https_port is None or not settings.beyond_loopback or not pem.is_file():
            return Edge()
        certificate = pem.read_bytes()
        return Edge(
            routes=tuple(
                ca.routes(certificate, der_of(certificate), fingerprint(certificate), port=settings.https_port)
            )
        )

    signaling: list[LiveKitEdge] = []

    def livekit(directory: Directory) -> Edge:
        welcome = Welcome(
            version=__version__,
            codecs=settings.codecs,
            ping_interval_s=settings.ping_interval_s,
            ping_timeout_s=settings.ping_timeout_s,
            ice_servers=None if relays is None else relays.ice_servers,
        )
        bounds = Bounds(
            max_message=settings.max_signal_message,
            # Twice what clients are told: a slow network's pings may come late.
            ping_timeout_ms=2_000 * settings.ping_timeout_s,
        )
        edge = LiveKitEdge(directory, known.keys, welcome, bounds=bounds)
        signaling.append(edge)
        sockets = tuple(SocketRoute(path, serve, max_message=MAX_SIGNAL) for path, serve in edge.sockets())
        if not settings.webhook.urls:
            return Edge(routes=tuple(edge.routes()), sockets=sockets, observers=(edge.observe,), stop=edge.stop)
        sign = partial(edge.tokens.sign, api_key=settings.webhook.api_key)
        delivery = Delivery(
            settings.webhook.urls,
            lambda body: webhooks.authorization(body, sign),
            user_agent=f"roomful/{__version__}",
        )

        def post(happening: Happening) -> None:
            if told := webhooks.message(happening, f"EV_{uuid4().hex}", directory.clock.now_ms()):
                delivery.put(Message(happening.room.sid, *told, webhooks.CONTENT_TYPE))

        async def stop() -> None:
            await edge.stop()
            await delivery.stop()

        return Edge(routes=tuple(edge.routes()), sockets=sockets, observers=(edge.observe, post), stop=stop)

    def broadcast(directory: Directory) -> Edge:
        # LiveKit's edge was made before: whoever is removed there is kept out here.
        tokens = signaling[0].tokens
        sessions = Sessions(directory, tokens)
        edge = WhipEndpoint(sessions, tokens, directory.clock.now_ms, None if relays is None else relays.ice_servers)
        return Edge(routes=tuple(edge.routes()), observers=(sessions.observe,), stop=sessions.stop)

    def chat(directory: Directory) -> Edge:
        chats.append(chat_of(directory, stores, own.chat, settings))
        return chat_edge(directory, chats[0], signaling[0].tokens)

    origins = Origins(settings.allowed_origins)

    def peers(directory: Directory) -> Edge:
        edge = peerjs.PeerJsEdge(directory.clock, origins, peers_listed=settings.peerjs_discovery)
        sockets = tuple(SocketRoute(path, edge.serve) for path in peerjs.PATHS)
        return Edge(routes=tuple(edge.routes()), sockets=sockets, stop=edge.stop)

    def multi(directory: Directory) -> Edge:
        edge = SocketIoEdge(directory.clock, origins)
        return Edge(routes=tuple(edge.routes()), stop=edge.stop)

    def program(directory: Directory) -> Edge:
        own.games.start(directory)
        folders = [Mount(path, StaticFiles(directory=folder, html=True)) for path, folder in own.folders.items()]
        made = [
            WebSocketEndpoint(
                one.path,
                one.handler,
                origins if one.origins is None else Origins(one.origins),
                deadline_s=settings.policy.hook_deadline_s,
                page=one.page,
            )
            for one in own.sockets.values()
        ]
        doors = [DoorEndpoint(hub, one) for one in made]

        async def stop() -> None:
            await own.games.stop()
            for one in made:
                await one.stop()

        return Edge(
            routes=(*(route for one in made for route in one.routes()), *folders),
            observers=(own.games.observe,),
            sockets=tuple(
                SocketRoute(one.path, one.serve, opened=door.opened) for one, door in zip(made, doors, strict=True)
            ),
            stop=stop,
        )

    def talk(directory: Directory) -> Edge:
        def identity_of(token: str) -> str:
            return verify(token, keys=known.keys, now_s=directory.clock.now_ms() / 1_000).identity

        spoken = (
            relay(hub, channels, directory.clock, origins, identity_of),
            muaz(hub, channels, directory.clock, origins),
        )

        async def stop() -> None:
            for one in spoken:
                await one.stop()
            await channels.stop()

        return Edge(sockets=tuple(SocketRoute(one.path, one.serve, opened=one.opened) for one in spoken), stop=stop)

    def ice(directory: Directory) -> Edge:
        told = relays or Relays(b"")
        visitors = settings.turn.visitors or settings.dev
        edge = IceEndpoint(told, known.keys, directory.clock, origins, visitors_relay=visitors)
        return Edge(routes=tuple(edge.routes()))

    def files(_: Directory) -> Edge:
        return Edge(routes=tuple(web.routes(WEB_APP)))

    return [program, join, moderation, trust, livekit, broadcast, chat, peers, multi, talk, ice, files]


def for_tests(data_dir: Path) -> Settings:
    """Loopback, free ports, the development key."""
    return replace(
        Settings(dev=True, data_dir=data_dir),
        bind=("127.0.0.1",),
        port=0,
        https_port=None,
        rtc_udp_port=0,
        rtc_tcp_port=None,
    )
