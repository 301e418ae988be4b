"""AgentDispatchService: agents for a room, asked for by a program. Called by `twirp.endpoint` with a verified grant."""

from __future__ import annotations

from livekit.protocol.agent_dispatch import (
    AgentDispatch,
    CreateAgentDispatchRequest,
    DeleteAgentDispatchRequest,
    ListAgentDispatchRequest,
    ListAgentDispatchResponse,
)

from roomful.auth.grant import Grant
from roomful.core.errors import LimitExceeded
from roomful.edge.livekit.agents.agents import Agents
from roomful.edge.livekit.twirp.rooms import require_admin
from roomful.service.directory import Directory


class AgentDispatchService:
    """One coroutine for each method, of LiveKit's name."""

    def __init__(self, directory: Directory, agents: Agents) -> None:
        self._directory = directory
        self._agents = agents

    async def CreateDispatch(self, grant: Grant, request: CreateAgentDispatchRequest) -> AgentDispatch:
        """Makes the room, too, where rooms are made by joining."""
        require_admin(grant, request.room)
        policy = self._directory.policy
        if len(request.metadata.encode()) > policy.max_metadata:
            raise LimitExceeded("metadata size exceeds limits", code="metadata_size")
        if sum(len(key) + len(value) for key, value in request.attributes.items()) > policy.max_attributes:
            raise LimitExceeded("attribute size exceeds limits", code="attributes_size")
        actor = await self._directory.get_or_create(request.room, by_join=True)
        wanted = AgentDispatch(
            agent_name=request.agent_name,
            room=request.room,
            metadata=request.metadata,
            restart_policy=request.restart_policy,
            deployment=request.deployment,
            attributes=request.attributes,
        )
        return self._agents.create(actor.info, wanted, actor.participants())

    async def DeleteDispatch(self, grant: Grant, request: DeleteAgentDispatchRequest) -> AgentDispatch:
        require_admin(grant, request.room)
        return self._agents.delete(request.room, request.dispatch_id)

    async def ListDispatch(self, grant: Grant, request: ListAgentDispatchRequest) -> ListAgentDispatchResponse:
        require_admin(grant, request.room)
        self._directory.require(request.room)
        return ListAgentDispatchResponse(agent_dispatches=self._agents.list(request.room, request.dispatch_id))
