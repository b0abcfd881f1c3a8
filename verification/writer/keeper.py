"""Keeps a connection of the writer open for as long as the process serves."""

import asyncio
import time
from collections.abc import Callable

import structlog

from verification.writer import statements
from verification.writer.clock import DatabaseClock
from verification.writer.connection import Command, PipelineConnection
from verification.writer.errors import WriterError
from verification.writer.settings import WriterSettings

log = structlog.get_logger("aim.writer")
CONNECT_SECONDS = 2.0
SHORTEST_PAUSE, LONGEST_PAUSE = 0.05, 1.0


async def keep_connected(
    settings: WriterSettings,
    clock: DatabaseClock,
    opened: Callable[[PipelineConnection], None],
    lost: Callable[[PipelineConnection], None],
) -> None:
    """Open a connection, and another each time one is lost, with growing pauses; ends only by being cancelled."""
    pause = SHORTEST_PAUSE
    while True:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                connection = await PipelineConnection.open(settings.conninfo, statements.ALL)
                await _set_clock(connection, clock)
        except (WriterError, TimeoutError, OSError) as error:
            log.warning("writer_cannot_connect", error=str(error) or type(error).__name__)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
            continue
        pause = SHORTEST_PAUSE
        opened(connection)
        try:
            await connection.lost.wait()
        finally:
            lost(connection)
            connection.close()


async def _set_clock(connection: PipelineConnection, clock: DatabaseClock) -> None:
    sent = time.monotonic()
    results = await connection.run([Command(statements.TIME, ())])
    clock.learn(float(results[0].rows[0][0] or 0), sent=sent, received=time.monotonic())
