"""Group commit: requests that wait at the same time share one short transaction, and are answered once it is durable.

All of it runs on one event loop. Nothing here believes Valkey, another process, or this machine's clock.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

import structlog

from aim.ids import uuid7_bytes
from aim.metrics import Meter
from verification.contracts import Case, Decision
from verification.records import NOT_RECORDED, Answer, Row
from verification.snapshot import AgentSnapshot
from verification.writer import statements
from verification.writer.batch import Batch
from verification.writer.careful import record_carefully
from verification.writer.clock import DatabaseClock
from verification.writer.connection import Command, PipelineConnection
from verification.writer.errors import ConnectionLostError, StatementError, WriterError
from verification.writer.jobs import Allowance, Exhausted, Job, calls_exhausted, too_many_waiting
from verification.writer.keeper import keep_connected
from verification.writer.quick import quick_commands, quick_result
from verification.writer.settings import WriterSettings
from verification.writer.stuck import StuckLanes

log = structlog.get_logger("aim.writer")

MAX_BATCH = 64
EAGER_AT = 8
"""So many leave at once, while others of the same turn of the loop are still being decided."""
SECOND_AT = 16
"""A second connection sets out once so many wait: below that, waiting for the first costs less than another commit."""
DEADLINE_SECONDS = 1.8
BATCH_SECONDS = 2.0
RETRIES = 3
KNOWN_NONCES = 50_000
_TRANSIENT = frozenset({"40001", "40P01"})
_LOCK_NOT_AVAILABLE = "55P03"


class Writer:
    """Owns the connections that record decisions, and the queue before them."""

    def __init__(
        self,
        *,
        settings: WriterSettings,
        clock: DatabaseClock,
        reload: Callable[[bytes], Coroutine[Any, Any, AgentSnapshot | None]],
        is_current: Callable[[AgentSnapshot], bool],
        decide: Callable[[Case], Decision],
        settled: Callable[[Job, Answer], None],
        meter: Meter,
        committed: Callable[[], object],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._is_current = is_current
        self._decide = decide
        self._settled = settled
        self._meter = meter
        self._committed = committed
        self.reload = reload
        self._queue: deque[Job] = deque()
        self._idle: list[PipelineConnection] = []
        self._connected = 0
        self._waiting: dict[bytes, int] = {}
        self._exhausted: dict[bytes, Exhausted] = {}
        self._nonces: OrderedDict[bytes, None] = OrderedDict()
        self._under_way: list[Batch] = []
        self._held: set[bytes] = set()
        self._stuck = StuckLanes(
            conninfo=settings.patient_conninfo, record=self._record_stuck, answer=self._answer, spawn=self._spawn
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._pump_scheduled = False
        self._closing = False
        self._batch_failed = False

    def start(self) -> None:
        """Open the connections in the background, and keep them open."""
        for _ in range(self._settings.connections):
            self._spawn(keep_connected(self._settings, self._clock, self._connect, self._disconnect))
        self._spawn(self._reap())

    async def stop(self) -> None:
        """Finish what is under way, answer the rest with 503, and close."""
        self._closing = True
        for _ in range(100):
            if not self._queue and not self._stuck and len(self._idle) == self._connected:
                break
            await asyncio.sleep(0.02)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        while self._queue:
            self._answer(self._queue.popleft(), NOT_RECORDED)

    @property
    def waiting(self) -> int:
        """How many decisions are waiting to be recorded."""
        return len(self._queue)

    @property
    def ready(self) -> bool:
        """Whether a decision could be recorded now, as far as is known."""
        return self._connected > 0 and not self._batch_failed

    # What the careful way asks of its surroundings.

    def now(self) -> float:
        return self._clock.now()

    def redecide(self, job: Job) -> None:
        job.decision = self._decide(job.case(self._clock.now()))

    def row(self, job: Job, now: float) -> Row:
        settings = self._settings
        return job.row(now=now, approval_seconds=settings.approval_seconds, pending_seconds=settings.pending_seconds)

    # The queue.

    def submit(self, job: Job) -> None:
        """Have the job's decision recorded; the job delivers what to tell the agent, only after it is durable."""
        agent_id = job.agent.agent_id
        waiting = self._waiting.get(agent_id, 0)
        settings = self._settings
        self._waiting[agent_id] = waiting + 1
        if self._closing or len(self._queue) >= settings.queue_total or waiting >= 4 * settings.queue_per_agent:
            self._answer(job, NOT_RECORDED)
            return
        if waiting >= settings.queue_per_agent and job.decision.admits:
            job.refuse(too_many_waiting(waiting))
            job.final = True
        self._enqueue(job)

    def _answer(self, job: Job, answer: Answer) -> None:
        if job.answered:
            return
        agent_id = job.agent.agent_id
        left = self._waiting[agent_id] - 1
        if left:
            self._waiting[agent_id] = left
        else:
            del self._waiting[agent_id]
        # The first answer counts.
        job.answered = True
        try:
            self._settled(job, answer)
            job.deliver(answer)
        except Exception:
            # Whoever waits for this answer may be gone; the others of the batch must get theirs.
            log.exception("answer_not_delivered")

    def _enqueue(self, job: Job) -> None:
        if self._stuck.take(job):
            return
        self._queue.append(job)
        if self._idle and len(self._queue) >= EAGER_AT:
            # Not after this turn: PostgreSQL works while the rest of those who arrived together are still decided.
            self._pump()
        elif not self._pump_scheduled:
            # After this turn of the loop, so that requests which arrived together leave together.
            self._pump_scheduled = True
            self._loop.call_soon(self._pump_later)

    def _pump_later(self) -> None:
        self._pump_scheduled = False
        self._pump()

    def _pump(self) -> None:
        while self._queue and self._idle:
            if len(self._idle) < self._connected and len(self._queue) < SECOND_AT:
                return
            connection = self._idle.pop()
            batch = self._send(connection)
            if not batch.jobs:
                self._release(batch)
                self._idle.append(connection)
                return
            self._spawn(self._serve(connection, batch))

    def _send(self, connection: PipelineConnection) -> Batch:
        """Take the next jobs from the queue; those that may go quickly are on their way when this returns."""
        batch = Batch(*self._prepare(self._take()))
        self._under_way.append(batch)
        self._held |= batch.agents
        if batch.quick:
            now = self._clock.now()
            batch.rows = [self.row(job, now) for job in batch.quick]
            batch.sent = self._loop.time()
            try:
                connection.send(quick_commands(batch.quick, batch.rows, now))
            except ConnectionLostError as error:
                # The connection is closed now, as `_quickly_or_carefully` will find.
                log.warning("batch_not_sent", error=str(error), size=len(batch.quick))
        return batch

    def _release(self, batch: Batch) -> None:
        self._under_way.remove(batch)
        self._held -= batch.agents

    def _take(self) -> list[Job]:
        """The next jobs, but for those of an agent whose row our other connection holds: they would only wait for it,
        and all that share their transaction with them.
        """
        jobs: list[Job] = []
        left: list[Job] = []
        while self._queue and len(jobs) < MAX_BATCH:
            job = self._queue.popleft()
            if job.agent.agent_id in self._held:
                left.append(job)
            elif not job.answered:
                jobs.append(job)
        self._queue.extendleft(reversed(left))
        return jobs

    async def _serve(self, connection: PipelineConnection, batch: Batch) -> None:
        try:
            while True:
                await self._record_batch(connection, batch)
                if connection.closed or not self._queue:
                    return
                batch = self._send(connection)
                if not batch.jobs:
                    self._release(batch)
                    return
        finally:
            if not connection.closed:
                self._idle.append(connection)
                if self._queue:
                    self._pump()

    async def _record_batch(self, connection: PipelineConnection, batch: Batch) -> None:
        """Every job of the batch is answered, or queued again, when this returns."""
        try:
            async with asyncio.timeout(BATCH_SECONDS):
                await self._quickly_or_carefully(connection, batch)
            self._batch_failed = False
        except (WriterError, TimeoutError, OSError) as error:
            self._batch_failed = True
            reason = str(error) or type(error).__name__
            log.error("batch_not_recorded", error=reason, size=len(batch.jobs))  # noqa: TRY400 - the reason says it all
            connection.close()
        except Exception:
            log.exception("batch_broke", size=len(batch.jobs))
            connection.close()
        finally:
            self._release(batch)
            if connection.closed:
                # Nobody knows whether it was committed, so nobody is told that it was.
                for job in batch.jobs:
                    self._answer(job, NOT_RECORDED)

    async def _quickly_or_carefully(self, connection: PipelineConnection, batch: Batch) -> None:
        quick, careful = batch.quick, batch.careful
        if quick:
            if connection.closed:
                raise ConnectionLostError("closed")
            try:
                told = await quick_result(connection)
            except StatementError:
                self._meter.count_batch("careful", len(quick))
                careful = [*quick, *careful]
            else:
                self._meter.count_batch("quick", len(quick))
                self._committed()
                self._clock.learn(told, sent=batch.sent, received=self._loop.time())
                for job, row in zip(quick, batch.rows, strict=True):
                    self._remember(job)
                    self._answer(job, row.answer)
        if careful:
            await self._carefully(connection, careful)

    def _prepare(self, batch: Sequence[Job]) -> tuple[list[Job], list[Job]]:
        """Bring the jobs up to date; those of a nonce already seen take the careful way."""
        quick: list[Job] = []
        careful: list[Job] = []
        seen: set[bytes] = set()
        now = self._clock.now()
        for job in batch:
            job.verification_id = uuid7_bytes(now)
            if not job.final and not self._is_current(job.agent):
                careful.append(job)
                continue
            nonce = job.decision.nonce
            if nonce is not None:
                key = job.agent.agent_id + nonce
                if key in seen or key in self._nonces:
                    careful.append(job)
                    continue
                seen.add(key)
            if self._exhausted:
                self._refuse_if_exhausted(job)
            quick.append(job)
        return quick, careful

    def _refuse_if_exhausted(self, job: Job) -> None:
        spent = self._exhausted.get(job.agent.agent_id)
        if spent is None or not job.decision.admits:
            return
        left = spent.until - self._loop.time()
        if spent.epoch == job.agent.epoch and left > 0:
            job.refuse(calls_exhausted(job.agent, left))
        else:
            del self._exhausted[job.agent.agent_id]

    def _note_allowance(self, allowance: Allowance, agent: AgentSnapshot) -> None:
        if allowance.calls_used + allowance.calls >= agent.calls_per_hour:
            self._exhausted[agent.agent_id] = Exhausted(agent.epoch, self._loop.time() + allowance.hour_seconds)

    def _remember(self, job: Job) -> None:
        if job.decision.nonce is not None:
            self._nonces[job.agent.agent_id + job.decision.nonce] = None
            if len(self._nonces) > KNOWN_NONCES:
                self._nonces.popitem(last=False)

    async def _carefully(self, connection: PipelineConnection, jobs: list[Job], *, wait: bool = False) -> None:
        for attempt in range(RETRIES + 1):
            try:
                recorded = await record_carefully(connection, jobs, self, wait=wait, on_allowance=self._note_allowance)
            except StatementError as error:
                await connection.run([Command(statements.ROLLBACK, ())])
                if error.sqlstate in _TRANSIENT and attempt < RETRIES:
                    continue
                await self._one_by_one(connection, jobs, error, wait=wait)
                return
            self._committed()
            for job, answer in recorded.answers:
                self._remember(job)
                self._answer(job, answer)
            for job in recorded.locked:
                self._stuck.set_aside(job)
            for job in recorded.twins:
                self._enqueue(job)
            return

    async def _one_by_one(
        self, connection: PipelineConnection, jobs: list[Job], error: StatementError, *, wait: bool
    ) -> None:
        """Find out who spoils the batch: the others must not pay for it."""
        if len(jobs) == 1 or error.sqlstate == _LOCK_NOT_AVAILABLE:
            log.error("not_recorded", sqlstate=error.sqlstate, error=str(error), size=len(jobs))
            for job in jobs:
                self._answer(job, NOT_RECORDED)
            return
        for job in jobs:
            await self._carefully(connection, [job], wait=wait)

    async def _record_stuck(self, connection: PipelineConnection, jobs: list[Job]) -> None:
        """Record jobs of one agent, waiting for its row as long as their deadline allows."""
        batch = Batch([], jobs)
        self._under_way.append(batch)
        try:
            for job in jobs:
                job.verification_id = uuid7_bytes(self._clock.now())
            if jobs:
                await self._carefully(connection, jobs, wait=True)
        finally:
            self._under_way.remove(batch)

    def _connect(self, connection: PipelineConnection) -> None:
        self._connected += 1
        self._batch_failed = False
        self._idle.append(connection)
        self._pump()

    def _disconnect(self, connection: PipelineConnection) -> None:
        self._connected -= 1
        if connection in self._idle:
            self._idle.remove(connection)

    async def _reap(self) -> None:
        """Answer those who have waited too long: an agent must hear within two seconds that nothing was recorded."""
        while True:
            await asyncio.sleep(0.1)
            now = self._loop.time()
            if self._queue and (self._queue[0].deadline < now or not self._connected):
                self._refuse_late(self._queue, now)
                self._queue = deque(job for job in self._queue if job.deadline >= now)
            # What a batch under way may still commit is found by whoever asks again with the same signature.
            for jobs in (*(batch.jobs for batch in self._under_way), *self._stuck):
                self._refuse_late(jobs, now)

    def _refuse_late(self, jobs: Iterable[Job], now: float) -> None:
        for job in jobs:
            if job.deadline < now:
                self._answer(job, NOT_RECORDED)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
