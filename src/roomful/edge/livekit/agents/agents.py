"""Which agents a room shall have, and who of the workers gets the job. Fed by happenings, Twirp and workers' connections.

A dispatch asks for an agent by name; one without a name is for every worker without one, and each room has it unless
it was made with dispatches of its own (LiveKit's rules).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Generator, Iterable
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from uuid import uuid4

from livekit.protocol.agent import Job, JobState, JobStatus, JobType
from livekit.protocol.agent_dispatch import AgentDispatch, AgentDispatchState, RoomAgentDispatch

from roomful.auth.grant import Grant, VideoGrant
from roomful.core.effects import (
    Happening,
    ParticipantAborted,
    ParticipantJoined,
    ParticipantLeft,
    RoomFinished,
    RoomStarted,
    TrackPublished,
)
from roomful.core.errors import LimitExceeded, NotFound
from roomful.core.participant import Participant
from roomful.core.room_info import RoomInfo
from roomful.edge.livekit.agents.worker import Worker
from roomful.edge.livekit.snapshots import participant_info, room_message
from roomful.edge.livekit.tokens import Tokens
from roomful.ports import Clock

log = logging.getLogger("roomful.agents")

MAX_DISPATCHES = 64
"""Of one room."""
MAX_JOBS = 1_000
"""Kept of one dispatch; the oldest that ended go first."""
MAX_WORKERS = 1_000
MAX_LAUNCHING = 1_000
ANSWER_S = 10.0
"""How long a worker may think about a job."""
TOKEN_TTL_S = 3_600


class Agents:
    """One for a server. `chance` gives 0.0–1.0 for the choice between workers."""

    def __init__(self, tokens: Tokens, clock: Clock, chance: Callable[[], float]) -> None:
        self._tokens = tokens
        self._clock = clock
        self._chance = chance
        self._workers: dict[str, Worker] = {}
        self._dispatches: dict[str, dict[str, AgentDispatch]] = {}
        """Room name → dispatch id → dispatch."""
        self._planned: dict[str, tuple[RoomAgentDispatch, ...]] = {}
        self._published: dict[str, set[str]] = {}
        """Room name → participants that have published."""
        self._tasks: set[asyncio.Task[None]] = set()

    # Workers

    def add(self, worker: Worker) -> None:
        """Raises LimitExceeded."""
        if len(self._workers) >= MAX_WORKERS:
            raise LimitExceeded(f"at most {MAX_WORKERS} workers")
        self._workers[worker.id] = worker

    def remove(self, worker: Worker) -> None:
        self._workers.pop(worker.id, None)
        worker.gone(self._clock.now_ms())

    # Dispatches

    @contextmanager
    def planned(self, room: str, dispatches: Iterable[RoomAgentDispatch]) -> Generator[None]:
        """What a room shall have that may be made within; a room that is there keeps what it has."""
        if planned := tuple(dispatches)[:MAX_DISPATCHES]:
            self._planned[room] = planned
        try:
            yield
        finally:
            self._planned.pop(room, None)

    def create(self, room: RoomInfo, wanted: AgentDispatch, people: Iterable[Participant]) -> AgentDispatch:
        """Also for those who are there already. Raises LimitExceeded."""
        held = self._dispatches.setdefault(room.name, {})
        if len(held) >= MAX_DISPATCHES:
            raise LimitExceeded(f"at most {MAX_DISPATCHES} agent dispatches in a room")
        wanted.id = f"AD_{uuid4().hex[:12]}"
        wanted.state.CopyFrom(AgentDispatchState(created_at=self._clock.now_ms() * 1_000_000))
        held[wanted.id] = wanted
        self._launch(wanted, JobType.JT_ROOM, room)
        for one in people:
            if not _dependent(one):
                self._launch(wanted, JobType.JT_PARTICIPANT, room, one)
                if one.tracks:
                    self._launch(wanted, JobType.JT_PUBLISHER, room, one)
        return wanted

    def delete(self, room: str, dispatch: str) -> AgentDispatch:
        """Its jobs end. Raises NotFound."""
        found = self._dispatches.get(room, {}).pop(dispatch, None)
        if found is None:
            raise NotFound("no such dispatch")
        found.state.deleted_at = self._clock.now_ms() * 1_000_000
        self._terminate(found)
        return found

    def list(self, room: str, dispatch: str = "") -> list[AgentDispatch]:
        return [one for one in self._dispatches.get(room, {}).values() if dispatch in ("", one.id)]

    # What happens in rooms

    def observe(self, happening: Happening) -> None:
        room = happening.room
        match happening:
            case RoomStarted():
                for one in self._planned.pop(room.name, (RoomAgentDispatch(),)):
                    dispatch = AgentDispatch(
                        agent_name=one.agent_name,
                        room=room.name,
                        metadata=one.metadata,
                        restart_policy=one.restart_policy,
                        deployment=one.deployment,
                        attributes=one.attributes,
                    )
                    self.create(room, dispatch, ())
            case RoomFinished():
                for dispatch in self._dispatches.pop(room.name, {}).values():
                    self._terminate(dispatch)
                self._published.pop(room.name, None)
            case ParticipantJoined() if not _dependent(happening.participant):
                self._launch_all(JobType.JT_PARTICIPANT, room, happening.participant)
            case TrackPublished() if not _dependent(happening.participant):
                published = self._published.setdefault(room.name, set())
                if happening.participant.sid not in published:
                    published.add(happening.participant.sid)
                    self._launch_all(JobType.JT_PUBLISHER, room, happening.participant)
            case ParticipantLeft() | ParticipantAborted():
                self._published.get(room.name, set()).discard(happening.participant.sid)
                if happening.participant.kind == "agent":
                    self._agent_left(room.name, happening.participant.identity)
            case _:
                pass

    def _agent_left(self, room: str, identity: str) -> None:
        for dispatch in self._dispatches.get(room, {}).values():
            for job in dispatch.state.jobs:
                worker = self._workers.get(job.state.worker_id)
                if worker is not None and job.state.participant_identity == identity:
                    worker.left_room(job.id, self._clock.now_ms())

    def _terminate(self, dispatch: AgentDispatch) -> None:
        for job in dispatch.state.jobs:
            if (worker := self._workers.get(job.state.worker_id)) is not None:
                worker.terminate(job.id, self._clock.now_ms())

    # Jobs

    def _launch_all(self, kind: JobType, room: RoomInfo, participant: Participant) -> None:
        for dispatch in list(self._dispatches.get(room.name, {}).values()):
            self._launch(dispatch, kind, room, participant)

    def _launch(
        self, dispatch: AgentDispatch, kind: JobType, room: RoomInfo, participant: Participant | None = None
    ) -> None:
        """One job for each namespace that has such workers (an old way to have several agents without names)."""
        spaces = {
            one.kind.namespace for one in self._workers.values() if one.kind is not None and _fits(one, dispatch, kind)
        }
        for space in sorted(spaces):
            job = Job(
                id=f"AJ_{uuid4().hex[:12]}",
                dispatch_id=dispatch.id,
                type=kind,
                room=room_message(room),
                participant=participant_info(participant) if participant else None,
                namespace=space,
                metadata=dispatch.metadata,
                agent_name=dispatch.agent_name,
                deployment=dispatch.deployment,
                attributes=dispatch.attributes,
            )
            if len(self._tasks) >= MAX_LAUNCHING:
                log.error("room %s: too many agent jobs are being given out", room.name)
                return
            self._start(self._give(dispatch, job))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="agent job")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _give(self, dispatch: AgentDispatch, job: Job) -> None:
        """To one worker after the other until one takes it."""
        tried: set[str] = set()
        while (worker := self._choose(dispatch, job, tried)) is not None:
            tried.add(worker.id)
            now_ns = self._clock.now_ms() * 1_000_000
            state = JobState(status=JobStatus.JS_RUNNING, worker_id=worker.id, started_at=now_ns, updated_at=now_ns)
            job.state.CopyFrom(state)
            try:
                async with asyncio.timeout(ANSWER_S):
                    answer = await worker.ask(job)
            except (TimeoutError, asyncio.CancelledError):
                if (task := asyncio.current_task()) is not None and task.cancelling():
                    raise
                worker.asked.pop(job.id, None)
                continue
            if answer.terminate:
                job.state.status = JobStatus.JS_SUCCESS
                job.state.ended_at = now_ns
                self._keep(dispatch, job)
                return
            if not answer.available:
                continue
            if dispatch.id not in self._dispatches.get(dispatch.room, {}):
                return
            job.state.participant_identity = answer.participant_identity
            kept = self._keep(dispatch, job)
            grant = Grant(
                identity=answer.participant_identity,
                name=answer.participant_name,
                kind="agent",
                metadata=answer.participant_metadata,
                attributes={**answer.participant_attributes, "lk.agent_name": job.agent_name},
                video=VideoGrant(room_join=True, room=dispatch.room).with_permission(worker.permission),
            )
            worker.assign(kept, self._tokens.sign(_as_agent(grant), TOKEN_TTL_S, api_key=worker.api_key))
            return
        log.info("room %s: no worker takes the job of agent %r", dispatch.room, dispatch.agent_name)

    def _keep(self, dispatch: AgentDispatch, job: Job) -> Job:
        """The dispatch's own copy, which the worker's reports change."""
        jobs = dispatch.state.jobs
        if len(jobs) >= MAX_JOBS:
            del jobs[next((at for at, one in enumerate(jobs) if one.state.ended_at), 0)]
        jobs.append(job)
        return jobs[-1]

    def _choose(self, dispatch: AgentDispatch, job: Job, tried: set[str]) -> Worker | None:
        """At random, the less loaded the likelier."""
        free = [
            (one, 1.0 - one.load)
            for one in self._workers.values()
            if one.kind is not None
            and one.kind.namespace == job.namespace
            and one.id not in tried
            and one.available
            and one.load < 1.0
            and _fits(one, dispatch, job.type)
        ]
        left = self._chance() * sum(weight for _, weight in free)
        for one, weight in free:
            left -= weight
            if left <= 0:
                return one
        return free[-1][0] if free else None

    async def stop(self) -> None:
        """No more jobs are given out."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _fits(worker: Worker, dispatch: AgentDispatch, kind: int) -> bool:
    held = worker.kind
    return (
        held is not None
        and held.type == kind
        and held.agent_name == dispatch.agent_name
        and held.deployment == dispatch.deployment
    )


def _dependent(participant: Participant) -> bool:
    permission = participant.permission
    return participant.kind in ("agent", "egress") or permission.agent or permission.recorder


def _as_agent(grant: Grant) -> Grant:
    return replace(grant, video=replace(grant.video, agent=True))
