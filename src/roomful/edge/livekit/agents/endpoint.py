"""`/agent`: the WebSocket of a worker. Made by `edge`; a worker's state is `agents.worker`."""

from __future__ import annotations

import asyncio
import logging
from uuid import uuid4

from livekit.protocol.agent import ServerMessage, WorkerMessage

from roomful.core.errors import RoomfulError, Unauthenticated
from roomful.edge.livekit.agents.agents import Agents
from roomful.edge.livekit.agents.worker import Worker
from roomful.edge.livekit.frames import as_text, decode
from roomful.edge.livekit.tokens import Tokens
from roomful.edge.livekit.welcome import Welcome
from roomful.edge.socket import Socket, SocketClosed
from roomful.ports import Clock

log = logging.getLogger("roomful.agents")

MAX_MESSAGE = 512 * 1024
MAX_WAITING = 1_024
"""Messages to one worker."""
REGISTER_S = 10.0
SEND_S = 20.0


class AgentEndpoint:
    """One for a server."""

    def __init__(self, agents: Agents, tokens: Tokens, clock: Clock, welcome: Welcome) -> None:
        self._agents = agents
        self._tokens = tokens
        self._clock = clock
        self._welcome = welcome

    async def serve(self, socket: Socket) -> None:
        """One worker from its handshake to its end."""
        try:
            grant = self._tokens.grant(socket.headers, socket.query)
            if not grant.video.agent:
                raise Unauthenticated("permissions denied: not an agent worker's token")
        except RoomfulError as error:
            await socket.refuse(401, error.message)
            return
        outbox: asyncio.Queue[ServerMessage] = asyncio.Queue(MAX_WAITING)
        over = asyncio.Event()

        def send(message: ServerMessage) -> None:
            try:
                outbox.put_nowait(message)
            except asyncio.QueueFull:
                over.set()

        worker = Worker(f"AW_{uuid4().hex[:12]}", grant.issuer, send)
        connection = _Connection(socket, worker, outbox, over)
        try:
            await socket.accept()
            await self._run(connection)
        except SocketClosed:
            log.debug("%s: the worker is gone", worker.id)
        finally:
            self._agents.remove(worker)
            await socket.close()

    async def _run(self, connection: _Connection) -> None:
        tasks = [
            asyncio.create_task(one) for one in (self._read(connection), connection.write(), connection.overflow())
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, RoomfulError):
                log.warning("%s: the worker's connection ends: %s", connection.worker.id, result.message)
            elif isinstance(result, Exception) and not isinstance(result, SocketClosed | TimeoutError):
                log.error("%s: the worker's connection failed", connection.worker.id, exc_info=result)

    async def _read(self, connection: _Connection) -> None:
        worker, server = connection.worker, self._welcome.server_info()
        async with asyncio.timeout(REGISTER_S):
            while worker.kind is None:
                worker.handle(await connection.receive(), self._clock.now_ms(), server)
        self._agents.add(worker)
        log.info("%s: worker of agent %r registered", worker.id, worker.kind.agent_name)
        while True:
            worker.handle(await connection.receive(), self._clock.now_ms(), server)


class _Connection:
    def __init__(
        self, socket: Socket, worker: Worker, outbox: asyncio.Queue[ServerMessage], over: asyncio.Event
    ) -> None:
        self._socket = socket
        self._outbox = outbox
        self._text = False
        self.worker = worker
        self._over = over

    async def overflow(self) -> None:
        """Returns when the worker reads too slowly."""
        await self._over.wait()

    async def receive(self) -> WorkerMessage:
        frame = await self._socket.receive()
        self._text = isinstance(frame, str)
        return decode(frame, WorkerMessage(), MAX_MESSAGE)

    async def write(self) -> None:
        while True:
            frame = (await self._outbox.get()).SerializeToString()
            async with asyncio.timeout(SEND_S):
                await self._socket.send(as_text(frame, ServerMessage()) if self._text else frame)
