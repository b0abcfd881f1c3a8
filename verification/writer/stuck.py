"""Agents whose row somebody holds: each waits in a lane of its own, so that no other agent waits with it."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import structlog

from verification.records import NOT_RECORDED, Answer
from verification.writer import statements
from verification.writer.connection import PipelineConnection
from verification.writer.errors import WriterError
from verification.writer.jobs import Job

log = structlog.get_logger("aim.writer")
MAX_LANES = 4
LANE_SECONDS = 2.0
MAX_BATCH = 64


class StuckLanes:
    """`record` waits for the row and records the jobs, by a connection that the lane opens for itself."""

    def __init__(
        self,
        *,
        conninfo: str,
        record: Callable[[PipelineConnection, list[Job]], Coroutine[Any, Any, None]],
        answer: Callable[[Job, Answer], None],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._conninfo = conninfo
        self._record = record
        self._answer = answer
        self._spawn = spawn
        self._lanes: dict[bytes, deque[Job]] = {}
        self._turns = asyncio.Semaphore(MAX_LANES)

    def __bool__(self) -> bool:
        return bool(self._lanes)

    def __iter__(self) -> Iterator[deque[Job]]:
        return iter(self._lanes.values())

    def take(self, job: Job) -> bool:
        """Take the job in if its agent waits already; answers whether it does."""
        lane = self._lanes.get(job.agent.agent_id)
        if lane is None:
            return False
        lane.append(job)
        return True

    def set_aside(self, job: Job) -> None:
        """Let the job, and all of its agent that come meanwhile, wait for the row."""
        if not self.take(job):
            agent_id = job.agent.agent_id
            lane = self._lanes[agent_id] = deque([job])
            self._spawn(self._serve(agent_id, lane))

    async def _serve(self, agent_id: bytes, lane: deque[Job]) -> None:
        connection: PipelineConnection | None = None
        try:
            async with asyncio.timeout(LANE_SECONDS), self._turns:
                connection = await PipelineConnection.open(self._conninfo, statements.ALL)
                while lane:
                    jobs = [lane.popleft() for _ in range(min(MAX_BATCH, len(lane)))]
                    jobs = [job for job in jobs if not job.answered]
                    try:
                        await self._record(connection, jobs)
                    finally:
                        lane.extend(job for job in jobs if not job.answered)
        except (WriterError, TimeoutError, OSError) as error:
            log.warning("agent_row_locked", agent=agent_id.hex(), error=str(error) or type(error).__name__)
        finally:
            del self._lanes[agent_id]
            for job in lane:
                self._answer(job, NOT_RECORDED)
            if connection is not None:
                connection.close()
