"""The quick way to record a batch: one round trip that holds, or nothing of it happened."""

from collections.abc import Iterable, Sequence

from verification.records import Row
from verification.writer import statements
from verification.writer.arrays import binary_columns
from verification.writer.careful import insertions, nonce_row
from verification.writer.connection import Command, PipelineConnection
from verification.writer.jobs import Job, trust_text


def quick_commands(jobs: Sequence[Job], rows: Sequence[Row], now: float) -> list[Command]:
    """Admission first, so that a batch that cannot hold fails before anything is inserted."""
    commands = [_admission(jobs)]
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
    agents = {}
    counts: dict[bytes, list[int]] = {}
    for job in jobs:
        key = job.agent.agent_id
        agents[key] = job.agent
        count = counts.setdefault(key, [0, 0])
        if job.decision.admits:
            count[0] += 1
            count[1] += job.request.volume
    # Sorted, so that two batches lock the rows they share in the same order.
    ordered = [(key, agents[key], counts[key]) for key in sorted(agents)]
    return Command(
        statements.ADMIT,
        (
            _array(key.hex() for key, _, _ in ordered),
            _array(str(agent.epoch) for _, agent, _ in ordered),
            _array(trust_text(agent) or "NULL" for _, agent, _ in ordered),
            _array(str(count[0]) for _, _, count in ordered),
            _array(str(agent.calls_per_hour) for _, agent, _ in ordered),
            _array(str(count[1]) for _, _, count in ordered),
            _array(str(agent.bytes_per_day) for _, agent, _ in ordered),
        ),
    )


def _array(items: Iterable[str]) -> bytes:
    return ("{" + ",".join(items) + "}").encode()
