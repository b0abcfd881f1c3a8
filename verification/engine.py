"""The decision, whole: who asks, what is true of them, what the checks say, and the record before the answer.

One engine a process, on one event loop. In a web process that is the server's own; elsewhere a thread runs one.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from functools import partial
from typing import Any

import structlog

from aim.ledger.hints import APPENDED
from aim.metrics import QUEUE, REFUSALS, Meter
from verification.approvals.requirements import only_agents
from verification.approvals.watching import watch_for_deadlocks
from verification.codes import Code
from verification.contracts import ActionRequest, Case, Origin
from verification.pipeline import Pipeline
from verification.records import NOT_RECORDED, UNAUTHENTICATED, Answer
from verification.snapshot import AgentSnapshot
from verification.snapshots import SnapshotStore
from verification.writer.clock import DatabaseClock
from verification.writer.errors import ConnectionLostError, WriterError
from verification.writer.jobs import Job
from verification.writer.settings import writer_settings
from verification.writer.writer import DEADLINE_SECONDS, Writer

log = structlog.get_logger("aim.verification")
_CALL_SECONDS = 5
METRICS_SECONDS = 1
BEHAVIOUR_SECONDS = 3
_LOOKUP_SECONDS = 1.7


class Engine:
    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        settings = writer_settings()
        self.clock = DatabaseClock()
        self.meter = Meter()
        self.store = SnapshotStore(settings.reader_conninfo)
        self.pipeline = Pipeline()
        self._lookups: set[asyncio.Task[AgentSnapshot | None]] = set()
        self.writer = Writer(
            settings=settings,
            clock=self.clock,
            reload=self.store.reload,
            is_current=self.store.is_current,
            decide=self.pipeline.decide,
            settled=self._settled,
            meter=self.meter,
            committed=APPENDED.touch,
        )
        self.writer.start()
        self._flusher = self.loop.create_task(self._flush_metrics())
        self._learner = self.loop.create_task(self._refresh_behaviour())

    async def stop(self) -> None:
        await self.writer.stop()
        self._flusher.cancel()
        self._learner.cancel()
        self.meter.flush()
        await self.store.close()

    async def authenticate(self, key_digest: bytes) -> AgentSnapshot | None:
        """The agent whose API key this is; raises `WriterError` when the database does not say."""
        agent = self.store.known(key_digest)
        now = self.clock.now()
        if agent is not None and agent.authenticates(key_digest, now):
            return agent
        # What is held may be out of date in the caller's favour too, so a refusal is never given from memory alone.
        agent = await self._in_time(self.store.find(key_digest) if agent is None else self.store.reload(agent.agent_id))
        return agent if agent is not None and agent.authenticates(key_digest, now) else None

    async def _in_time(self, lookup: Coroutine[Any, Any, AgentSnapshot | None]) -> AgentSnapshot | None:
        """The lookup's result. Raises `ConnectionLostError` when PostgreSQL says nothing, without waiting for the
        lookup to give up: cancelling a query asks the same silent server.
        """
        task = self.loop.create_task(lookup)
        self._lookups.add(task)
        task.add_done_callback(self._forget_lookup)
        done, _ = await asyncio.wait({task}, timeout=_LOOKUP_SECONDS)
        if not done:
            raise ConnectionLostError("No answer in time")
        return task.result()

    def _forget_lookup(self, task: "asyncio.Task[AgentSnapshot | None]") -> None:
        self._lookups.discard(task)
        if not task.cancelled():
            # Looked at, lest asyncio complain of an error that nobody waits for any more.
            task.exception()

    async def verify(self, request: ActionRequest, origin: Origin) -> Answer:
        """Decide and record; the answer is given only once the record is durable, and 503 when it cannot be."""
        deadline = self.loop.time() + DEADLINE_SECONDS
        try:
            agent = await self.authenticate(origin.key_digest)
        except WriterError:
            return self._refused(NOT_RECORDED)
        if agent is None or agent.public_id != request.agent_id:
            return self._refused(UNAUTHENTICATED)
        future: asyncio.Future[Answer] = self.loop.create_future()
        self.begin(request, origin, agent, deliver=partial(_resolve, future), deadline=deadline)
        return await future

    def known(self, request: ActionRequest, key_digest: bytes) -> AgentSnapshot | None:
        """The agent that asks, if this process holds it and its key is good; None says nothing about either."""
        agent = self.store.known(key_digest)
        if agent is None or agent.public_id != request.agent_id:
            return None
        return agent if agent.authenticates(key_digest, self.clock.now()) else None

    def begin(
        self,
        request: ActionRequest,
        origin: Origin,
        agent: AgentSnapshot,
        *,
        deliver: Callable[[Answer], None],
        deadline: float | None = None,
    ) -> None:
        """Decide for an authenticated agent and have it recorded; `deliver` is called once, with the answer to give."""
        decision = self.pipeline.decide(Case(request, agent, origin, self.clock.now()))
        self.writer.submit(
            Job(request, origin, agent, decision, deliver, deadline or self.loop.time() + DEADLINE_SECONDS)
        )

    def _settled(self, job: Job, answer: Answer) -> None:
        """Count what a job came to."""
        if answer is NOT_RECORDED or answer is UNAUTHENTICATED:
            self._refused(answer)
        else:
            seconds = (time.perf_counter_ns() - job.origin.arrived_ns) / 1e9
            self.meter.count(job.decision.status.value, job.decision.code, seconds)
            if job.decision.requirement is not None and only_agents(job.decision.requirement):
                self.loop.run_in_executor(None, watch_for_deadlocks, job.agent.organization_hex)

    async def _refresh_behaviour(self) -> None:
        while True:
            await asyncio.sleep(BEHAVIOUR_SECONDS)
            try:
                await self.store.refresh_behaviour()
            except ConnectionLostError as error:
                log.warning("behaviour_not_refreshed", error=str(error))
            except Exception:
                # A profile that cannot be read stays as it was; the next may be one that can.
                log.exception("behaviour_not_refreshed")

    async def _flush_metrics(self) -> None:
        while True:
            await asyncio.sleep(METRICS_SECONDS)
            self.meter.flush()
            QUEUE.set(self.writer.waiting)

    def _refused(self, answer: Answer) -> Answer:
        REFUSALS.labels(Code.NOT_RECORDED if answer.status == NOT_RECORDED.status else Code.UNAUTHENTICATED).inc()
        return answer


def _resolve(future: "asyncio.Future[Answer]", answer: Answer) -> None:
    if not future.done():
        future.set_result(answer)


class _Holder:
    """The engine of this process, started once."""

    def __init__(self) -> None:
        self.engine: Engine | None = None
        self.thread: threading.Thread | None = None
        self.lock = threading.Lock()


_holder = _Holder()


async def start_engine() -> Engine:
    """Start the engine on the running loop; a web process does so before it serves."""
    if _holder.engine is None:
        _holder.engine = Engine()
    return _holder.engine


async def stop_engine() -> None:
    engine, _holder.engine = _holder.engine, None
    if engine is not None:
        await engine.stop()


def running_engine() -> Engine | None:
    return _holder.engine


def call_engine(request: ActionRequest, origin: Origin) -> Answer:
    """`Engine.verify` for code outside the loop; starts an engine in a thread where there is none."""
    engine = engine_for_threads()
    future: Future[Answer] = asyncio.run_coroutine_threadsafe(engine.verify(request, origin), engine.loop)
    try:
        return future.result(timeout=_CALL_SECONDS)
    except TimeoutError:
        future.cancel()
        return NOT_RECORDED


def engine_for_threads() -> Engine:
    with _holder.lock:
        if _holder.engine is None:
            started = threading.Event()

            async def begin() -> None:
                await start_engine()
                started.set()

            loop = asyncio.new_event_loop()
            _holder.thread = threading.Thread(target=_run_loop, args=(loop,), name="aim-engine", daemon=True)
            _holder.thread.start()
            asyncio.run_coroutine_threadsafe(begin(), loop).result(timeout=_CALL_SECONDS)
    assert _holder.engine is not None
    return _holder.engine


def _run_loop(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    loop.run_forever()
    loop.close()


def shut_down_engine_thread() -> None:
    """Stop an engine that `call_engine` has started, at the end of a program or of the tests."""
    engine, thread = _holder.engine, _holder.thread
    if engine is None or thread is None:
        return
    asyncio.run_coroutine_threadsafe(stop_engine(), engine.loop).result(timeout=_CALL_SECONDS)
    engine.loop.call_soon_threadsafe(engine.loop.stop)
    thread.join(timeout=_CALL_SECONDS)
    _holder.thread = None


def engine_state() -> dict[str, Any]:
    """What `/readyz` tells of the writer of this process."""
    engine = _holder.engine
    return {"started": engine is not None, "ready": engine is not None and engine.writer.ready}
