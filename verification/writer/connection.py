"""A PostgreSQL connection driven in pipeline mode from the event loop: many statements, one round trip.

psycopg's own pipeline serves its cursors; here the commands are already encoded, and the cost of each counts.
"""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import psycopg
from psycopg import pq

from verification.writer.errors import ConnectionLostError, StatementError

PLAIN, BINARY = pq.Format.TEXT, pq.Format.BINARY


class Statement(NamedTuple):
    """A statement prepared once a connection. `formats` are those of the parameters; results come as text."""

    name: bytes
    sql: bytes
    formats: tuple[int, ...]


class Command(NamedTuple):
    statement: Statement
    parameters: Sequence[bytes | None]


class Result(NamedTuple):
    """`rows` in text format; `touched` is how many rows the command returned or changed."""

    rows: list[tuple[bytes | None, ...]]
    touched: int


class PipelineConnection:
    """One session. `run` may not be called again before the last call has ended."""

    def __init__(self, connection: psycopg.AsyncConnection[tuple[object, ...]]) -> None:
        self._connection = connection
        self._pgconn = connection.pgconn
        self._loop = asyncio.get_running_loop()
        self._fd = self._pgconn.socket
        self._waiter: asyncio.Future[None] | None = None
        self._results: list[Result | StatementError] = []
        self._reading = False
        self._flushing = False
        self.lost = asyncio.Event()

    @classmethod
    async def open(cls, conninfo: str, statements: Sequence[Statement]) -> "PipelineConnection":
        """Connect, prepare the statements, and enter pipeline mode; raises `ConnectionLostError`."""
        try:
            connection = await psycopg.AsyncConnection.connect(conninfo, autocommit=True)
        except psycopg.Error as error:
            raise ConnectionLostError(str(error)) from error
        try:
            return await cls._prepared(connection, statements)
        except BaseException:
            await connection.close()
            raise

    @classmethod
    async def _prepared(
        cls, connection: psycopg.AsyncConnection[tuple[object, ...]], statements: Sequence[Statement]
    ) -> "PipelineConnection":
        connection.pgconn.nonblocking = 1
        connection.pgconn.enter_pipeline_mode()
        self = cls(connection)
        # Watched while idle too, so that a session which ends is replaced before anybody needs it.
        self._loop.add_reader(self._fd, self._on_readable)
        self._reading = True
        for statement in statements:
            self._pgconn.send_prepare(statement.name, statement.sql)
        self._sync()
        for result in await self._finish():
            if isinstance(result, StatementError):
                self.close()
                raise result
        return self

    async def run(self, commands: Sequence[Command]) -> list[Result]:
        """Run the commands as one transaction of their own, unless one is open already.

        Raises `StatementError` of the first that failed, and nothing of the batch is then stored; or
        `ConnectionLostError`, when nobody knows.
        """
        self.send(commands)
        return await self.results()

    def send(self, commands: Sequence[Command]) -> None:
        """The first half of `run`: the commands are on their way when this returns. `results` must be awaited next."""
        send = self._pgconn.send_query_prepared
        try:
            for statement, parameters in commands:
                send(statement.name, parameters, statement.formats)
            self._sync()
        except psycopg.Error as error:
            self.close()
            raise ConnectionLostError(str(error)) from error

    async def results(self) -> list[Result]:
        """The second half of `run`."""
        results = await self._finish()
        for result in results:
            if isinstance(result, StatementError):
                raise result
        return results  # type: ignore[return-value]  # the errors have been raised

    @property
    def closed(self) -> bool:
        return self.lost.is_set()

    def close(self) -> None:
        """Cut the connection; whoever waits on it learns that it is lost."""
        if self.closed:
            return
        self.lost.set()
        self._stop_watching()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(ConnectionLostError("closed"))
        self._pgconn.finish()

    def _sync(self) -> None:
        """Send what is queued with a sync behind it: its result will close those of the commands."""
        self._results = []
        self._waiter = self._loop.create_future()
        self._pgconn.pipeline_sync()
        self._flush()

    async def _finish(self) -> list[Result | StatementError]:
        """One result for each command since the last sync."""
        assert self._waiter is not None
        try:
            await self._waiter
        except asyncio.CancelledError:
            # The answer would arrive in the middle of the next command: the session is of no more use.
            self.close()
            raise
        return self._results

    def _flush(self) -> None:
        unsent = self._pgconn.flush()
        if unsent and not self._flushing:
            self._loop.add_writer(self._fd, self._on_writable)
            self._flushing = True
        elif not unsent and self._flushing:
            self._loop.remove_writer(self._fd)
            self._flushing = False

    def _on_writable(self) -> None:
        try:
            self._flush()
        except psycopg.Error as error:
            self._lose(error)

    def _on_readable(self) -> None:
        try:
            self._pgconn.consume_input()
            if self._waiter is not None and not self._waiter.done():
                self._read_results()
        except psycopg.Error as error:
            self._lose(error)

    def _read_results(self) -> None:
        pgconn = self._pgconn
        while not pgconn.is_busy():
            result = pgconn.get_result()
            if result is None:
                # The end of one command; the results of the next follow, for the sync has not come yet.
                continue
            status = result.status
            if status == pq.ExecStatus.PIPELINE_SYNC:
                if self._waiter is not None and not self._waiter.done():
                    self._waiter.set_result(None)
                return
            self._results.append(_read(result, status))

    def _lose(self, error: Exception) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(ConnectionLostError(str(error)))
        self.close()

    def _stop_watching(self) -> None:
        if self._reading:
            self._loop.remove_reader(self._fd)
            self._reading = False
        if self._flushing:
            self._loop.remove_writer(self._fd)
            self._flushing = False


_ABORTED = StatementError("", "an earlier statement of the batch failed")


def _read(result: pq.abc.PGresult, status: int) -> Result | StatementError:
    if status == pq.ExecStatus.COMMAND_OK:
        return Result([], result.command_tuples or 0)
    if status == pq.ExecStatus.TUPLES_OK:
        columns = range(result.nfields)
        rows = [tuple(result.get_value(row, column) for column in columns) for row in range(result.ntuples)]
        return Result(rows, result.ntuples)
    if status == pq.ExecStatus.PIPELINE_ABORTED:
        return _ABORTED
    sqlstate = result.error_field(pq.DiagnosticField.SQLSTATE) or b""
    message = result.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or b""
    return StatementError(sqlstate.decode(), message.decode(errors="replace"))
