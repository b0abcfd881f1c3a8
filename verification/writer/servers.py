"""The calls per minute of MCP servers, counted by the database in the transaction of the decision."""

from collections.abc import Sequence

from verification.codes import Code
from verification.contracts import Failed
from verification.mcp_servers import ServerRules
from verification.pipeline import overrule
from verification.writer import statements
from verification.writer.connection import Command, PipelineConnection
from verification.writer.jobs import Job

_CHECK = "mcp_server"


def server_of(job: Job) -> ServerRules | None:
    """The server whose minute the job counts in, if it is admitted to one."""
    if job.request.mcp_server is None or not job.decision.admits:
        return None
    return job.agent.servers.find(job.request.mcp_server)


def server_admission(jobs: Sequence[Job]) -> Command | None:
    """Count the calls of a batch, or fail where a server has no room for them. None where no server is called."""
    counts: dict[str, list[int]] = {}
    for job in jobs:
        if job.request.mcp_server is not None and (server := server_of(job)) is not None:
            count = counts.setdefault(server.hex_id, [0, server.rate_per_minute])
            count[0] += 1
            count[1] = min(count[1], server.rate_per_minute)
    if not counts:
        return None
    servers = sorted(counts)
    columns = (servers, [str(counts[name][0]) for name in servers], [str(counts[name][1]) for name in servers])
    return Command(statements.ADMIT_SERVERS, tuple(("{" + ",".join(column) + "}").encode() for column in columns))


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
    """Lock the minutes of the servers that the jobs call, after the rows of their agents."""
    names = sorted({server.hex_id for job in jobs if (server := server_of(job)) is not None})
    if not names:
        return Rooms([])
    ids = ("{" + ",".join(names) + "}").encode()
    results = await connection.run([Command(statements.OPEN_SERVERS, (ids,)), Command(statements.LOCK_SERVERS, (ids,))])
    return Rooms(results[1].rows)


def refuse_for_server(job: Job, refusal: Failed) -> None:
    """Turn an admission into the refusal that the server's limit demands."""
    job.decision = overrule(job.decision, _CHECK, refusal)
