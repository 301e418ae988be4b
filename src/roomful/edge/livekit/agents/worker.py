"""One registered worker: what it said of itself, its load, its jobs. Sans-IO: messages in, messages out through `send`.

Made by `agents.endpoint`, given jobs by `agents.agents`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from livekit.protocol.agent import (
    AvailabilityRequest,
    AvailabilityResponse,
    Job,
    JobAssignment,
    JobStatus,
    JobTermination,
    RegisterWorkerRequest,
    RegisterWorkerResponse,
    ServerMessage,
    UpdateJobStatus,
    WorkerMessage,
    WorkerPong,
    WorkerStatus,
)
from livekit.protocol.models import ServerInfo

from roomful.core.errors import Invalid
from roomful.core.permission import Permission
from roomful.edge.livekit.snapshots import permission_of

ENDED = frozenset({JobStatus.JS_SUCCESS, JobStatus.JS_FAILED})
MAX_NAME = 256
WORKER_RIGHTS = Permission(can_update_metadata=True)
"""Of a worker that asks for none in particular, as in LiveKit."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Which jobs a worker takes."""

    type: int
    """LiveKit's JobType."""
    agent_name: str = ""
    namespace: str = ""
    deployment: str = ""


@dataclass(slots=True)
class Worker:
    """`send` must not block; `api_key` signs the tokens of its jobs."""

    id: str
    api_key: str
    send: Callable[[ServerMessage], None]
    kind: Kind | None = None
    """None until it has registered."""
    permission: Permission = WORKER_RIGHTS
    load: float = 0.0
    available: bool = True
    jobs: dict[str, Job] = field(default_factory=dict[str, Job])
    asked: dict[str, asyncio.Future[AvailabilityResponse]] = field(
        default_factory=dict[str, "asyncio.Future[AvailabilityResponse]"]
    )

    def handle(self, message: WorkerMessage, now_ms: int, server: ServerInfo) -> None:
        """Raises Invalid: then the connection ends."""
        which = message.WhichOneof("message")
        if which == "ping":
            self.send(ServerMessage(pong=WorkerPong(last_timestamp=message.ping.timestamp, timestamp=now_ms)))
        elif which == "register":
            self._register(message.register, server)
        elif self.kind is None:
            raise Invalid("a worker registers first")
        elif which == "availability":
            waiting = self.asked.pop(message.availability.job_id, None)
            if waiting is not None and not waiting.done():
                waiting.set_result(message.availability)
        elif which == "update_job":
            self.update(message.update_job, now_ms)
        elif which == "update_worker":
            update = message.update_worker
            self.load = min(max(update.load, 0.0), 1.0) if update.load == update.load else 1.0
            if update.HasField("status"):
                self.available = update.status == WorkerStatus.WS_AVAILABLE
        # What else there is (simulated and migrated jobs) is for LiveKit's own cloud.

    def _register(self, request: RegisterWorkerRequest, server: ServerInfo) -> None:
        if self.kind is not None:
            raise Invalid("a worker registers once")
        names = (request.agent_name, request.namespace, request.deployment)
        if any(len(one) > MAX_NAME for one in names):
            raise Invalid(f"a worker's names have at most {MAX_NAME} characters")
        self.kind = Kind(request.type, *names)
        if request.HasField("allowed_permissions"):
            self.permission = permission_of(request.allowed_permissions)
        self.send(ServerMessage(register=RegisterWorkerResponse(worker_id=self.id, server_info=server)))

    def ask(self, job: Job) -> asyncio.Future[AvailabilityResponse]:
        """Whether it takes a job; the caller sets the deadline."""
        waiting: asyncio.Future[AvailabilityResponse] = asyncio.get_running_loop().create_future()
        self.asked[job.id] = waiting
        self.send(ServerMessage(availability=AvailabilityRequest(job=job)))
        return waiting

    def assign(self, job: Job, token: str) -> None:
        self.jobs[job.id] = job
        self.send(ServerMessage(assignment=JobAssignment(job=job, token=token)))

    def update(self, update: UpdateJobStatus, now_ms: int) -> None:
        """A job that is not its own is passed over."""
        job = self.jobs.get(update.job_id)
        if job is None:
            return
        job.state.status = update.status
        job.state.error = update.error[:1_000]
        job.state.updated_at = now_ms * 1_000_000
        if update.status in ENDED:
            job.state.ended_at = now_ms * 1_000_000
            del self.jobs[update.job_id]

    def terminate(self, job_id: str, now_ms: int) -> None:
        """The job is over, and the worker is told."""
        if job_id in self.jobs:
            self.send(ServerMessage(termination=JobTermination(job_id=job_id)))
            self.update(UpdateJobStatus(job_id=job_id, status=JobStatus.JS_SUCCESS), now_ms)

    def left_room(self, job_id: str, now_ms: int) -> None:
        """The job's agent is gone: it has failed, unless the worker itself reports that it was done."""
        job = self.jobs.get(job_id)
        if job is None or job.state.status in ENDED:
            return
        self.send(ServerMessage(termination=JobTermination(job_id=job_id)))
        _end(job, now_ms, "agent worker left the room")

    def gone(self, now_ms: int) -> None:
        """Its connection ended: its jobs have no worker to report them."""
        for waiting in self.asked.values():
            waiting.cancel()
        self.asked.clear()
        for job in self.jobs.values():
            if job.state.status not in ENDED:
                _end(job, now_ms, "the worker is gone")
        self.jobs.clear()


def _end(job: Job, now_ms: int, error: str) -> None:
    job.state.status = JobStatus.JS_FAILED
    job.state.error = error
    job.state.updated_at = job.state.ended_at = now_ms * 1_000_000
