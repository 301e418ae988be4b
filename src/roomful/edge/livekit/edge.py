"""LiveKit's protocol as one edge: its routes, what it listens to, and how it ends. Made by the composition root."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence

from livekit.protocol.agent_dispatch import DESCRIPTOR as DISPATCH_FILE
from livekit.protocol.room import DESCRIPTOR as ROOM_FILE
from starlette.routing import BaseRoute

from roomful.core.effects import Happening, ParticipantAborted, ParticipantLeft, RoomFinished, RoomGoverned
from roomful.core.events import LeaveReason
from roomful.edge.livekit.agents.agents import Agents
from roomful.edge.livekit.agents.endpoint import AgentEndpoint
from roomful.edge.livekit.blobs import Blobs
from roomful.edge.livekit.data_message import encode
from roomful.edge.livekit.endpoint import SignalEndpoint
from roomful.edge.livekit.responses import Responses
from roomful.edge.livekit.session import Bounds
from roomful.edge.livekit.snapshots import Snapshots
from roomful.edge.livekit.tokens import Tokens
from roomful.edge.livekit.twirp.dispatch import AgentDispatchService
from roomful.edge.livekit.twirp.endpoint import TwirpEndpoint
from roomful.edge.livekit.twirp.rooms import RoomService
from roomful.edge.livekit.welcome import Welcome
from roomful.edge.socket import Socket
from roomful.service.directory import Directory

GOVERNED_TOPIC = "roomful.room"
"""Of the data packet that makes a moderator's page ask `GET /api/room`."""


class LiveKitEdge:
    """`keys` is API key → secret."""

    def __init__(
        self,
        directory: Directory,
        keys: Mapping[str, str],
        welcome: Welcome,
        *,
        bounds: Bounds | None = None,
        allowed_origins: Sequence[str] = (),
    ) -> None:
        self._directory = directory
        self.tokens = Tokens(keys, directory.clock)
        self._blobs = Blobs()
        self.agents = Agents(self.tokens, directory.clock, random.random)
        self.workers = AgentEndpoint(self.agents, self.tokens, directory.clock, welcome)
        responses = Responses(Snapshots())
        self.signal = SignalEndpoint(
            directory,
            self.tokens,
            responses,
            self._blobs,
            self.agents,
            welcome,
            bounds=bounds,
            allowed_origins=allowed_origins,
        )

        self._twirp = TwirpEndpoint(
            self.tokens,
            {
                "livekit.RoomService": (
                    ROOM_FILE.services_by_name["RoomService"],
                    RoomService(directory, self.tokens, self.agents),
                ),
                "livekit.AgentDispatchService": (
                    DISPATCH_FILE.services_by_name["AgentDispatchService"],
                    AgentDispatchService(directory, self.agents),
                ),
            },
        )

    def routes(self) -> list[BaseRoute]:
        """Over HTTP."""
        return [*self.signal.routes(), *self._twirp.routes()]

    def sockets(self) -> list[tuple[str, Callable[[Socket], Awaitable[None]]]]:
        """Path → what serves a WebSocket there."""
        return [*self.signal.sockets(), ("/agent", self.workers.serve)]

    def observe(self, happening: Happening) -> None:
        """To be told of everything that happens in rooms, in order."""
        self.agents.observe(happening)
        match happening:
            case ParticipantLeft() | ParticipantAborted():
                if happening.participant.leave_reason == LeaveReason.REMOVED:
                    self.tokens.removed(happening.room.name, happening.participant)
                self.tokens.let_go(happening.participant.sid)
                self._blobs.forget(happening.room.sid, happening.participant.identity)
            case RoomGoverned():
                self._tell_moderators(happening)
            case RoomFinished():
                self._blobs.forget(happening.room.sid)
            case _:
                pass

    def _tell_moderators(self, happening: RoomGoverned) -> None:
        """That there is something new to ask for, and no more: anybody could send such a packet."""
        if actor := self._directory.get(happening.room.name):
            packet = encode(b"", GOVERNED_TOPIC, reliable=True, packet_id=self._directory.ids.transport())
            actor.send_data(packet, "reliable", happening.moderators)

    async def stop(self) -> None:
        """After the rooms have ended."""
        await self.agents.stop()
