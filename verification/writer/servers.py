"""What of MCP servers the database sees to in the transaction of the decision: that they are still as the decision was
made by, and their calls per minute.
"""

from collections.abc import Sequence

from verification.codes import Code
from verification.contracts import Failed
from verification.mcp_servers import ServerRules
from verification.pipeline import overrule
from verification.writer import statements
from verification.writer.connection import Command, PipelineConnection
from verification.writer.errors import StatementError
from verification.writer.jobs import Job

_CHECK = "mcp_server"
_SERIALIZATION_FAILURE = "40001"


def server_of(job: Job) -> ServerRules | None:
    """The server whose minute the job counts in, if it is admitted to one."""
    if job.request.mcp_server is None or not job.decision.admits:
        return None
    return job.agent.servers.find(job.request.mcp_server)


def server_admission(jobs: Sequence[Job]) -> Command | None:
    """Count the calls of a batch, or fail where a server has no room for them, or was changed since they were decided.
    None where no server is named.
    """
    counts: dict[str, list[int]] = {}
    books: set[tuple[str, str]] = set()
    for job in jobs:
        if job.request.mcp_server is None:
            continue
        books.add((job.agent.organization_hex, str(job.agent.servers.generation)))
        if (server := server_of(job)) is not None:
            count = counts.setdefault(server.hex_id, [0, server.rate_per_minute])
            count[0] += 1
            count[1] = min(count[1], server.rate_per_minute)
    if not books:
        return None
    # Sorted, so that two batches lock the rows they share in the same order.
    servers = sorted(counts)
    columns = (
        *(servers, [str(counts[name][0]) for name in servers], [str(counts[name][1]) for name in servers]),
        *zip(*books, strict=True),
    )
    return Command(statements.ADMIT_SERVERS, tuple(("{" + ",".join(column) + "}").encode() for column in columns))


class Generations:
    """The state of their servers that organizations are at, by what is committed."""

    def __init__(self, rows: Sequence[tuple[bytes | None, ...]]) -> None:
        self._by_organization = {(row[0] or b"").decode(): int(row[1] or 0) for row in rows}

    def fits(self, job: Job) -> bool:
        """Whether the job does not depend on servers, or is decided by what is true of them."""
        if job.request.mcp_server is None:
            return True
        return job.agent.servers.generation == self._by_organization.get(job.agent.organization_hex, 0)


async def read_generations(connection: PipelineConnection, jobs: Sequence[Job]) -> Generations:
    """Of the organizations whose servers the jobs name."""
    if (command := _reading(jobs)) is None:
        return Generations([])
    return Generations((await connection.run([command]))[0].rows)


def _reading(jobs: Sequence[Job]) -> Command | None:
    names = {job.agent.organization_hex for job in jobs if job.request.mcp_server is not None}
    return Command(statements.GENERATIONS, (("{" + ",".join(names) + "}").encode(),)) if names else None


class Rooms:
    """What is left of the minute of each server, by the rows that this transaction has locked."""

    def __init__(self, rows: Sequence[tuple[bytes | None, ...]]) -> None:
        self._used = {(row[0] or b"").decode(): int(row[1] or 0) for row in rows}
        self._seconds = float(rows[0][2] or 0) if rows else 0.0
        self._counted: dict[str, int] = {}

    def refusal(self, job: Job) -> Failed | None:
        """Why the job's server has no room for it."""
        server = server_of(job)
        if server is None:
            return None
        used = self._used.get(server.hex_id, 0) + self._counted.get(server.hex_id, 0)
        if used < server.rate_per_minute:
            return None
        detail = f"{used} of {server.rate_per_minute} calls of {server.name} used this minute"
        return Failed(Code.RATE_LIMITED, "Rate limit exceeded", detail, retry_after=int(self._seconds) + 1)

    def count(self, job: Job) -> None:
        if (server := server_of(job)) is not None:
            self._counted[server.hex_id] = self._counted.get(server.hex_id, 0) + 1

    def commands(self) -> list[Command]:
        return [
            Command(statements.COUNT_SERVER, (name.encode(), b"%d" % count)) for name, count in self._counted.items()
        ]


async def lock_rooms(connection: PipelineConnection, jobs: Sequence[Job]) -> Rooms:
    """Lock the minutes of the servers that the jobs call, after the rows of their agents.

    Raises `StatementError` of a transaction that must begin again, where a server was changed before its row could be
    locked. Nobody changes it afterwards.
    """
    names = sorted({server.hex_id for job in jobs if (server := server_of(job)) is not None})
    reading = _reading(jobs)
    if not names or reading is None:
        return Rooms([])
    ids = ("{" + ",".join(names) + "}").encode()
    results = await connection.run(
        [Command(statements.OPEN_SERVERS, (ids,)), Command(statements.LOCK_SERVERS, (ids,)), reading]
    )
    generations = Generations(results[2].rows)
    if not all(generations.fits(job) for job in jobs if server_of(job) is not None):
        raise StatementError(_SERIALIZATION_FAILURE, "the MCP servers have changed")
    return Rooms(results[1].rows)


def refuse_for_server(job: Job, refusal: Failed) -> None:
    """Turn an admission into the refusal that the server's limit demands."""
    job.decision = overrule(job.decision, _CHECK, refusal)
