"""Makes a web process kill itself at the point of a decision that a test has armed.

The product knows nothing of this: its methods are wrapped here, in the processes that the suite starts.
"""

import os
import signal
from pathlib import Path
from typing import Any

from tests.chaos.points import Point
from verification import lane, protocol
from verification.engine import Engine
from verification.pipeline import Pipeline
from verification.writer import statements
from verification.writer.connection import PipelineConnection


class KillPoints:
    """`arm` is the file whose text names the point; whoever reaches that point first removes the file and dies."""

    def __init__(self, arm: Path) -> None:
        self._arm = arm

    def reached(self, point: Point) -> None:
        try:
            if self._arm.read_text() != point:
                return
            self._arm.unlink()
        except FileNotFoundError:
            return
        os.kill(os.getpid(), signal.SIGKILL)

    def install(self) -> None:
        self._wrap_engine()
        self._wrap_connection()
        answer_headers = lane.answer_headers

        def answering(answer: Any, correlation_id: str) -> Any:
            self.reached(Point.ANSWERING)
            return answer_headers(answer, correlation_id)

        lane.answer_headers = answering
        respond = protocol.DecisionProtocol._respond

        def responding(connection: Any, pending: Any, answer: Any) -> None:
            self.reached(Point.ANSWERING)
            respond(connection, pending, answer)

        protocol.DecisionProtocol._respond = responding

    def _wrap_engine(self) -> None:
        authenticate, decide = Engine.authenticate, Pipeline.decide

        async def authenticated(engine: Engine, key_digest: bytes) -> Any:
            agent = await authenticate(engine, key_digest)
            self.reached(Point.AUTHENTICATED)
            return agent

        def decided(pipeline: Pipeline, case: Any) -> Any:
            decision = decide(pipeline, case)
            self.reached(Point.DECIDED)
            return decision

        known = Engine.known

        def found(engine: Engine, request: Any, key_digest: bytes) -> Any:
            agent = known(engine, request, key_digest)
            self.reached(Point.AUTHENTICATED)
            return agent

        Engine.authenticate, Engine.known = authenticated, found
        Pipeline.decide = decided

    def _wrap_connection(self) -> None:
        send, results, flush = PipelineConnection.send, PipelineConnection.results, PipelineConnection._flush
        sent: dict[int, set[Any]] = {}

        def sending(connection: PipelineConnection, commands: Any) -> None:
            used = {command.statement for command in commands}
            if statements.INSERT_VERIFICATIONS in used:
                self.reached(Point.SENDING)
            sent[id(connection)] = used
            send(connection, commands)

        async def finished(connection: PipelineConnection) -> Any:
            try:
                found = await results(connection)
            finally:
                used = sent.pop(id(connection), set())
            if statements.INSERT_VERIFICATIONS in used:
                self.reached(Point.COMMITTED)
            if used & {statements.LOCK_FREE, statements.LOCK_WAITING}:
                self.reached(Point.LOCKED)
            return found

        def flushed(connection: PipelineConnection) -> None:
            flush(connection)
            if statements.INSERT_VERIFICATIONS in sent.get(id(connection), ()):
                self.reached(Point.SENT)

        PipelineConnection.send = sending
        PipelineConnection.results = finished
        PipelineConnection._flush = flushed
