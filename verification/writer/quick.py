"""The quick way to record a batch: one round trip that holds, or nothing of it happened."""

from collections.abc import Iterable, Sequence

from verification.records import Row
from verification.snapshot import AgentSnapshot
from verification.writer import statements
from verification.writer.arrays import binary_columns
from verification.writer.careful import insertions, nonce_row
from verification.writer.connection import Command, PipelineConnection
from verification.writer.jobs import Job
from verification.writer.servers import server_admission


def quick_commands(jobs: Sequence[Job], rows: Sequence[Row], now: float) -> list[Command]:
    """Admission first, so that a batch that cannot hold fails before anything is inserted."""
    commands = [_admission(jobs)]
    if (of_servers := server_admission(jobs)) is not None:
        commands.append(of_servers)
    nonces = [nonce_row(job, now) for job in jobs if job.decision.nonce is not None]
    if nonces:
        commands.append(Command(statements.INSERT_NONCES, binary_columns(statements.NONCE_COLUMNS, nonces)))
    return commands + insertions(rows)


async def quick_result(connection: PipelineConnection) -> float:
    """Wait for what `quick_commands` came to; answers the database's time, in seconds since 1970.

    The commands are one implicit transaction. Raises `StatementError` when an agent has changed, a limit would be
    passed, or a nonce is known: nothing is recorded then.
    """
    results = await connection.results()
    return float(results[0].rows[0][0] or 0)


def _admission(jobs: Sequence[Job]) -> Command:
    agents: dict[bytes, AgentSnapshot] = {}
    counts: dict[bytes, list[int]] = {}
    for job in jobs:
        key = job.agent.agent_id
        count = counts.get(key)
        if count is None:
            agents[key] = job.agent
            count = counts[key] = [0, 0]
        if job.decision.admits:
            count[0] += 1
            count[1] += job.request.volume
    # Sorted, so that two batches lock the rows they share in the same order.
    columns = zip(*(agents[key].admission + tuple(map(str, counts[key])) for key in sorted(agents)), strict=True)
    return Command(statements.ADMIT, tuple(map(_array, columns)))


def _array(items: Iterable[str]) -> bytes:
    return ("{" + ",".join(items) + "}").encode()
