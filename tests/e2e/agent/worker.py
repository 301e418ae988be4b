"""An agent worker made with the unmodified `livekit-agents` package: joins, greets with what it was dispatched with.

Called by test_livekit_agents.py: python worker.py URL AGENT_NAME. Its jobs run in threads, so that ending it ends them.
"""

from __future__ import annotations

import asyncio
import json
import sys

from livekit import rtc
from livekit.agents import AgentServer, JobContext, JobExecutorType

url, name = sys.argv[1:]
server = AgentServer(
    job_executor_type=JobExecutorType.THREAD,
    ws_url=url,
    api_key="devkey",
    api_secret="secret",
    host="127.0.0.1",
    port=0,
    load_fnc=lambda: 0.0,
)


@server.rtc_session(agent_name=name)
async def agent(job: JobContext) -> None:
    await job.connect()
    greeting = json.dumps({"metadata": job.job.metadata, "job": job.job.id, "room": job.room.name})

    async def greet() -> None:
        await job.room.local_participant.publish_data(greeting, reliable=True, topic="greeting")

    def hear(packet: rtc.DataPacket) -> None:
        if packet.data == b"go":
            job.shutdown("asked to")
        else:
            asyncio.create_task(greet())  # noqa: RUF006 - the job outlives it

    job.room.on("data_received", hear)
    job.room.on("participant_connected", lambda who: asyncio.create_task(greet()))
    await greet()


asyncio.run(server.run(devmode=True))
