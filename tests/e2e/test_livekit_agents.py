"""Workers made with the unmodified `livekit-agents` package: they register, get jobs by every way to ask for one, and are lost.

The package wants another `livekit` than the other tests do, so it lives in an environment of its own, made when missing.
"""

from __future__ import annotations

import asyncio
import json
import sys
import warnings
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from clients import Connect
from conftest import Server
from livekit import api, rtc
from livekit.protocol.agent import Job, JobStatus
from people import until

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.asyncio,
    # PyJWT warns of the development secret's length, which is LiveKit's choice.
    pytest.mark.filterwarnings("ignore:The HMAC key is"),
]
FOLDER = Path(__file__).parent / "agent"
PYTHON = FOLDER / ".venv" / "bin" / "python"


async def _run(*command: str | Path) -> None:
    process = await asyncio.create_subprocess_exec(*map(str, command))
    assert await process.wait() == 0, command


async def _environment() -> None:
    done = FOLDER / ".venv" / "done"
    lock = FOLDER / "requirements.lock"
    if done.exists() and done.read_text() == lock.read_text():
        return
    await _run(sys.executable, "-m", "venv", FOLDER / ".venv")
    await _run(PYTHON, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", lock)
    done.write_text(lock.read_text())


class Worker:
    """One worker process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def kill(self) -> None:
        """Without a word to the server."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()


async def _start(server: Server, name: str) -> Worker:
    await _environment()
    registered = server.log.read_text().count("registered")
    process = await asyncio.create_subprocess_exec(
        str(PYTHON), str(FOLDER / "worker.py"), server.ws, name, stderr=asyncio.subprocess.DEVNULL
    )

    async def there() -> bool:
        return server.log.read_text().count("registered") > registered

    await until("the worker registers", there, 60)
    return Worker(process)


@pytest_asyncio.fixture
async def worker(server: Server) -> AsyncIterator[Worker]:
    """A worker of the agent `helper`."""
    running = await _start(server, "helper")
    yield running
    await running.kill()


class Listener:
    """A client that hears greetings and who leaves."""

    def __init__(self) -> None:
        self.room = rtc.Room()
        self.greetings: asyncio.Queue[tuple[rtc.RemoteParticipant, dict[str, str]]] = asyncio.Queue()
        self.gone: asyncio.Queue[str] = asyncio.Queue()
        self.room.on("data_received", self._data)
        self.room.on("participant_disconnected", lambda who: self.gone.put_nowait(who.identity))

    def _data(self, packet: rtc.DataPacket) -> None:
        assert packet.participant is not None
        self.greetings.put_nowait((packet.participant, json.loads(packet.data)))

    async def greeted(self) -> tuple[rtc.RemoteParticipant, dict[str, str]]:
        return await asyncio.wait_for(self.greetings.get(), 20)


async def _jobs(programs: api.LiveKitAPI, room: str, dispatch: str) -> list[Job]:
    """Beside those asked for, each room asks for agents without a name."""
    listed = await programs.agent_dispatch.list_dispatch(room)
    return list(next(one for one in listed if one.id == dispatch).state.jobs)


async def test_a_program_sends_for_an_agent(
    server: Server, connect: Connect, worker: Worker, programs: api.LiveKitAPI
) -> None:
    ada = Listener()
    await connect("ada", "agents-api", client=ada.room)
    dispatch = await programs.agent_dispatch.create_dispatch(
        api.CreateAgentDispatchRequest(room="agents-api", agent_name="helper", metadata="be kind")
    )
    agent, said = await ada.greeted()
    assert (said["metadata"], said["room"]) == ("be kind", "agents-api")
    assert agent.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
    assert agent.attributes["lk.agent_name"] == "helper"
    (job,) = await _jobs(programs, "agents-api", dispatch.id)
    assert (job.id, job.state.status) == (said["job"], JobStatus.JS_RUNNING)
    assert job.state.participant_identity == agent.identity
    await programs.agent_dispatch.delete_dispatch(dispatch.id, "agents-api")
    assert await asyncio.wait_for(ada.gone.get(), 20) == agent.identity


async def test_an_agent_that_is_done_leaves(
    server: Server, connect: Connect, worker: Worker, programs: api.LiveKitAPI
) -> None:
    ada = Listener()
    await connect("ada", "agents-done", client=ada.room)
    dispatch = await programs.agent_dispatch.create_dispatch(
        api.CreateAgentDispatchRequest(room="agents-done", agent_name="helper")
    )
    agent, _ = await ada.greeted()
    await ada.room.local_participant.publish_data(b"go", reliable=True)
    assert await asyncio.wait_for(ada.gone.get(), 20) == agent.identity

    async def ended() -> bool:
        jobs = await _jobs(programs, "agents-done", dispatch.id)
        return [one.state.status for one in jobs] == [JobStatus.JS_SUCCESS]

    await until("the job is reported as done", ended)


@pytest.mark.parametrize("asked_by", ["token", "room"])
async def test_a_room_is_made_with_its_agent(
    server: Server, worker: Worker, programs: api.LiveKitAPI, asked_by: str
) -> None:
    room, ada = f"agents-{asked_by}", Listener()
    agents = [api.RoomAgentDispatch(agent_name="helper", metadata=asked_by)]
    token = (
        api.AccessToken("devkey", "secret").with_identity("ada").with_grants(api.VideoGrants(room_join=True, room=room))
    )
    if asked_by == "token":
        token = token.with_room_config(api.RoomConfiguration(agents=agents))
    else:
        await programs.room.create_room(api.CreateRoomRequest(name=room, agents=agents))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        await ada.room.connect(server.ws, token.to_jwt())
    try:
        _, said = await ada.greeted()
        assert (said["metadata"], said["room"]) == (asked_by, room)
    finally:
        await ada.room.disconnect()


async def test_a_lost_worker_fails_its_jobs_and_another_takes_the_next(
    server: Server, connect: Connect, worker: Worker, programs: api.LiveKitAPI
) -> None:
    ada = Listener()
    await connect("ada", "agents-lost", client=ada.room)
    wanted = api.CreateAgentDispatchRequest(room="agents-lost", agent_name="helper")
    first = await programs.agent_dispatch.create_dispatch(wanted)
    await ada.greeted()
    await worker.kill()

    async def failed() -> bool:
        jobs = await _jobs(programs, "agents-lost", first.id)
        return [one.state.status for one in jobs] == [JobStatus.JS_FAILED]

    await until("the job is known to have failed", failed)
    other = await _start(server, "helper")
    try:
        second = await programs.agent_dispatch.create_dispatch(wanted)
        assert second.id != first.id
        agent, _ = await ada.greeted()
        assert agent.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
    finally:
        await other.kill()
