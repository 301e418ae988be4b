"""Workers register, are asked, given jobs and told of their end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from livekit.protocol import agent
from livekit.protocol.agent_dispatch import RoomAgentDispatch
from service_fakes import World
from signal_fakes import FakeSocket
from test_twirp import Api

from roomful.auth.grant import Grant, VideoGrant
from roomful.core.commands import Activate, Bind, Join, Leave, Publish
from roomful.core.track import AddTrack
from roomful.edge.livekit.agents import agents as agents_module
from roomful.edge.livekit.agents import endpoint as endpoint_module

pytestmark = pytest.mark.asyncio


class Watched(Api):
    """A server whose edge hears what happens in its rooms."""

    def __init__(self) -> None:
        super().__init__(World())
        self.directory._observers = (self.edge.observe,)

    @asynccontextmanager
    async def worker(
        self, kind: int = agent.JobType.JT_ROOM, name: str = "", **register: object
    ) -> AsyncIterator[Program]:
        token = self.edge.tokens.sign(Grant(video=VideoGrant(agent=True)), 600)
        program = Program({"access_token": token})
        task = asyncio.create_task(self.edge.workers.serve(program))
        program.tell(register=agent.RegisterWorkerRequest(type=kind, agent_name=name, **register))  # type: ignore[arg-type]
        registered = await program.told()
        assert registered.register.worker_id.startswith("AW_")
        assert registered.register.server_info.agent_protocol == 1
        try:
            yield program
        finally:
            program.hang_up()
            await asyncio.wait_for(task, 5)

    async def join(self, identity: str = "ada", kind: str = "standard") -> None:
        entry = Join(f"PA_{identity}", identity, kind=kind)
        actor, joined = await self.directory.enter("tea", entry, self.directory.new_mailbox())
        await actor.ask(Activate(joined.participant.sid))


class Program(FakeSocket):
    """A worker's side of its connection."""

    def tell(self, **message: object) -> None:
        self.inbox.put_nowait(agent.WorkerMessage(**message).SerializeToString())  # type: ignore[arg-type]

    async def told(self) -> agent.ServerMessage:
        async with asyncio.timeout(5):
            frame = await self.outbox.get()
        assert isinstance(frame, bytes)
        return agent.ServerMessage.FromString(frame)

    async def take(self, **answer: object) -> agent.JobAssignment:
        job = (await self.told()).availability.job
        self.tell(
            availability=agent.AvailabilityResponse(
                job_id=job.id,
                available=True,
                participant_identity="bot",
                participant_name="Bot",
                **answer,  # type: ignore[arg-type]
            )
        )
        return (await self.told()).assignment


async def test_a_worker_without_a_name_has_a_job_in_every_room() -> None:
    server = Watched()
    async with server.worker() as worker:
        await server.join()
        assignment = await worker.take(participant_attributes={"k": "v"})
        assert (assignment.job.room.name, assignment.job.type) == ("tea", agent.JobType.JT_ROOM)
        grant = server.edge.tokens.verify(assignment.token)
        assert (grant.identity, grant.name, grant.kind, grant.video.room) == ("bot", "Bot", "agent", "tea")
        assert (grant.video.agent, grant.video.room_join, grant.attributes["k"]) == (True, True, "v")
        dispatch = server.edge.agents.list("tea")[0]
        assert dispatch.state.jobs[0].state.status == agent.JobStatus.JS_RUNNING
        done = agent.UpdateJobStatus(job_id=assignment.job.id, status=agent.JobStatus.JS_SUCCESS)
        worker.tell(update_job=done)
        worker.tell(ping=agent.WorkerPing(timestamp=5))
        assert (await worker.told()).pong.last_timestamp == 5
        assert dispatch.state.jobs[0].state.status == agent.JobStatus.JS_SUCCESS


async def test_jobs_for_participants_and_publishers_but_not_for_agents() -> None:
    server = Watched()
    async with (
        server.worker(agent.JobType.JT_PARTICIPANT) as participants,
        server.worker(agent.JobType.JT_PUBLISHER) as publishers,
    ):
        await server.join()
        assert (await participants.take()).job.participant.identity == "ada"
        actor = server.directory.require("tea")
        for track in ("TR_1", "TR_2"):
            await actor.ask(Publish("PA_ada", track, AddTrack(track, "audio", source="microphone")))
            await actor.ask(Bind(track, "0", "opus"))
        assert (await publishers.take()).job.participant.identity == "ada"
        await server.join("bot", kind="agent")
        await asyncio.sleep(0.01)
        assert participants.outbox.empty() and publishers.outbox.empty()


async def test_dispatches_by_name_are_made_listed_and_deleted_over_twirp() -> None:
    server = Watched()
    async with server.worker(name="helper") as worker:
        await server.join()
        await asyncio.sleep(0.01)
        assert worker.outbox.empty()
        made = await dispatch(server, "CreateDispatch", room="tea", agent_name="helper", metadata="m")
        assignment = await worker.take()
        assert (assignment.job.metadata, assignment.job.dispatch_id) == ("m", made["id"])
        listed = await dispatch(server, "ListDispatch", room="tea", dispatch_id=made["id"])
        assert listed["agent_dispatches"][0]["state"]["jobs"][0]["state"]["participant_identity"] == "bot"
        await dispatch(server, "DeleteDispatch", room="tea", dispatch_id=made["id"])
        assert (await worker.told()).termination.job_id == assignment.job.id
        gone = await server.post("../livekit.AgentDispatchService/DeleteDispatch", json.dumps({"room": "tea"}))
        assert gone.status_code == 404


async def dispatch(server: Api, method: str, **fields: object) -> Any:
    return await server.json(f"../livekit.AgentDispatchService/{method}", **fields)


async def test_a_room_made_with_dispatches_has_those_only() -> None:
    server = Watched()
    async with server.worker() as nameless, server.worker(name="helper") as helper:
        await server.json("CreateRoom", name="tea", agents=[{"agent_name": "helper"}])
        assert (await helper.take()).job.agent_name == "helper"
        assert nameless.outbox.empty()


async def test_a_job_goes_to_the_next_worker_when_one_declines() -> None:
    server = Watched()
    async with server.worker(name="helper") as one, server.worker(name="helper") as two:
        await server.json("CreateRoom", name="tea", agents=[{"agent_name": "helper"}])
        for _ in range(100):
            await asyncio.sleep(0.001)
            if not (one.outbox.empty() and two.outbox.empty()):
                break
        first, second = (one, two) if two.outbox.empty() else (two, one)
        asked = (await first.told()).availability.job.id
        first.tell(availability=agent.AvailabilityResponse(job_id=asked, available=False))
        assert (await second.take()).job.id == asked


async def test_full_and_silent_workers_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agents_module, "ANSWER_S", 0.01)
    server = Watched()
    async with server.worker(name="helper") as full, server.worker(name="helper") as silent:
        full.tell(update_worker=agent.UpdateWorkerStatus(status=agent.WorkerStatus.WS_FULL))
        full.tell(ping=agent.WorkerPing())
        await full.told()
        await server.json("CreateRoom", name="tea", agents=[{"agent_name": "helper"}])
        assert (await silent.told()).availability.job.agent_name == "helper"
        await asyncio.sleep(0.05)
        assert full.outbox.empty()
        assert len(server.edge.agents.list("tea")[0].state.jobs) == 0


async def test_an_agent_that_leaves_and_a_worker_that_vanishes_end_their_jobs() -> None:
    server = Watched()
    async with server.worker() as worker:
        await server.join()
        assignment = await worker.take()
        await server.join("bot", kind="agent")
        await server.directory.require("tea").ask(Leave("PA_bot", "client_initiated"))
        assert (await worker.told()).termination.job_id == assignment.job.id
    job = server.edge.agents.list("tea")[0].state.jobs[0]
    assert (job.state.status, job.state.error) == (agent.JobStatus.JS_FAILED, "agent worker left the room")
    await server.directory.delete("tea")
    assert server.edge.agents.list("tea") == []


async def test_the_worker_s_own_word_on_a_job_whose_agent_left_counts() -> None:
    server = Watched()
    async with server.worker() as worker:
        await server.join()
        assignment = await worker.take()
        await server.join("bot", kind="agent")
        await server.directory.require("tea").ask(Leave("PA_bot", "client_initiated"))
        await worker.told()
        worker.tell(update_job=agent.UpdateJobStatus(job_id=assignment.job.id, status=agent.JobStatus.JS_SUCCESS))
        worker.tell(ping=agent.WorkerPing())
        await worker.told()
    job = server.edge.agents.list("tea")[0].state.jobs[0]
    assert (job.state.status, job.state.error) == (agent.JobStatus.JS_SUCCESS, "")


@pytest.mark.parametrize(
    "frame", [b"\xff\xff", "{", agent.WorkerMessage(availability=agent.AvailabilityResponse()).SerializeToString()]
)
async def test_a_worker_that_talks_nonsense_is_let_go(frame: bytes | str) -> None:
    server = Watched()
    token = server.edge.tokens.sign(Grant(video=VideoGrant(agent=True)), 600)
    program = Program({"access_token": token})
    program.inbox.put_nowait(frame)
    await asyncio.wait_for(server.edge.workers.serve(program), 5)
    assert program.closed


async def test_who_is_no_worker_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Watched()
    token = server.edge.tokens.sign(Grant(identity="a", video=VideoGrant(room_join=True)), 600)
    for query in ({}, {"access_token": token}):
        program = Program(query)
        await server.edge.workers.serve(program)
        assert program.refused is not None and program.refused[0] == 401
    monkeypatch.setattr(endpoint_module, "REGISTER_S", 0.01)
    silent = Program({"access_token": server.edge.tokens.sign(Grant(video=VideoGrant(agent=True)), 600)})
    await asyncio.wait_for(server.edge.workers.serve(silent), 5)
    assert silent.closed


async def test_a_plan_is_gone_when_no_room_was_made() -> None:
    server = Watched()
    with server.edge.agents.planned("tea", [RoomAgentDispatch(agent_name="x")]):
        pass
    await server.join()
    assert [one.agent_name for one in server.edge.agents.list("tea")] == [""]
