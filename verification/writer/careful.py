"""The careful way to record a batch: lock first, then decide again from what is locked.

It is taken when the quick way finds that something has changed, that a limit is near, or that a nonce is known.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from aim.crypto.message_signatures import NONCE_LIFETIME
from verification.codes import Code
from verification.contracts import Failed
from verification.pipeline import overrule
from verification.records import UNAUTHENTICATED, Answer, Row, pg_time, show_seconds, stored_answer
from verification.snapshot import AgentSnapshot
from verification.writer import statements
from verification.writer.arrays import binary_columns
from verification.writer.connection import Command, PipelineConnection
from verification.writer.jobs import Allowance, Job
from verification.writer.servers import Generations, Rooms, lock_rooms, read_generations, refuse_for_server

REPLAYED = Failed(Code.REPLAYED, "Nonce was used before", "the same nonce came with another request")


class Desk(Protocol):
    """What the careful way needs from its surroundings."""

    async def reload(self, agent_id: bytes) -> AgentSnapshot | None: ...

    def redecide(self, job: Job) -> None: ...

    def now(self) -> float: ...

    def row(self, job: Job, now: float) -> Row: ...


Outcome = list[tuple[Job, Answer]]


class Recorded(NamedTuple):
    """`answers` may be given now. The agents of `locked` are held by somebody else; each of `twins` came with the
    nonce of another job of the batch, and must be asked again now that its decision exists.
    """

    answers: Outcome
    locked: list[Job]
    twins: list[Job]


async def record_carefully(
    connection: PipelineConnection,
    jobs: Sequence[Job],
    desk: Desk,
    *,
    wait: bool,
    on_allowance: Callable[[Allowance, AgentSnapshot], None],
) -> Recorded:
    """Record the jobs in one transaction.

    Raises `StatementError` with everything rolled back, or `ConnectionLostError`.
    """
    lock = statements.LOCK_WAITING if wait else statements.LOCK_FREE
    ids = "{" + ",".join(sorted({job.agent.hex_id for job in jobs})) + "}"
    locked = await connection.run([Command(statements.BEGIN, ()), Command(lock, (ids.encode(),))])
    allowances = {allowance.agent_id: allowance for allowance in map(Allowance, locked[1].rows)}
    outcome: Outcome = []
    mine = [job for job in jobs if job.agent.agent_id in allowances]
    elsewhere = [job for job in jobs if job.agent.agent_id not in allowances]
    generations = await read_generations(connection, mine)
    current = await _current_snapshots(allowances, generations, mine, desk)
    admitted: list[Job] = []
    for job in mine:
        agent = current.get(job.agent.agent_id)
        if agent is None or not agent.authenticates(job.origin.key_digest, desk.now()):
            outcome.append((job, UNAUTHENTICATED))
            continue
        if agent is not job.agent and not job.final:
            job.agent = agent
            desk.redecide(job)
        admitted.append(job)
    fresh, twins = await _claim_nonces(connection, admitted, allowances, desk, outcome)
    rooms = await lock_rooms(connection, fresh)
    _allocate(fresh, allowances, rooms, on_allowance)
    await _write(connection, fresh, allowances, rooms, desk, outcome)
    return Recorded(outcome, elsewhere, twins)


async def _current_snapshots(
    allowances: dict[bytes, Allowance], generations: Generations, jobs: Sequence[Job], desk: Desk
) -> dict[bytes, AgentSnapshot | None]:
    """The snapshots that agree with the locked rows. Nobody can change an agent while we hold its row."""
    outdated = {job.agent.agent_id for job in jobs if not generations.fits(job)}
    current: dict[bytes, AgentSnapshot | None] = {}
    for job in jobs:
        agent_id = job.agent.agent_id
        if agent_id in current:
            continue
        fits = agent_id not in outdated and allowances[agent_id].fits(job.agent)
        current[agent_id] = job.agent if fits else await desk.reload(agent_id)
    return current


async def _claim_nonces(
    connection: PipelineConnection,
    jobs: Sequence[Job],
    allowances: dict[bytes, Allowance],
    desk: Desk,
    outcome: Outcome,
) -> tuple[list[Job], list[Job]]:
    """The jobs that are to be recorded, and the twins: those of a known nonce are answered as before, or refused."""
    signed = [job for job in jobs if job.decision.nonce is not None]
    if not signed:
        return list(jobs), []
    claims = await connection.run([Command(statements.CLAIM_NONCE, nonce_row(job, desk.now())) for job in signed])
    claimed = {_nonce_of(job) for job, claim in zip(signed, claims, strict=True) if claim.touched}
    known = [job for job, claim in zip(signed, claims, strict=True) if not claim.touched]
    if not known:
        return list(jobs), []
    twins = [job for job in known if _nonce_of(job) in claimed]
    known = [job for job in known if _nonce_of(job) not in claimed]
    found = await connection.run(
        [Command(statements.FIND_NONCE, (job.agent.agent_id, job.decision.nonce)) for job in known]
    )
    answered = {id(job) for job in twins}
    for job, result in zip(known, found, strict=True):
        allowance = allowances[job.agent.agent_id]
        if result.rows and (answer := _as_before(job, result.rows[0], allowance)) is not None:
            outcome.append((job, answer))
            answered.add(id(job))
        else:
            job.decision = overrule(job.decision, "signature", REPLAYED)
    return [job for job in jobs if id(job) not in answered], twins


def _nonce_of(job: Job) -> tuple[bytes, bytes | None]:
    return job.agent.agent_id, job.decision.nonce


def _as_before(job: Job, row: tuple[bytes | None, ...], allowance: Allowance) -> Answer | None:
    digest, hex_id, status, code, reason, expires = ("" if value is None else value.decode() for value in row)
    if digest != job.request.digest.hex():
        return None
    expires_at = show_seconds(float(expires)) if expires else None
    retry_after = allowance.retry_after(code)
    return stored_answer(
        hex_id, status=status, code=code, reason=reason, expires_at=expires_at, retry_after=retry_after
    )


def _allocate(
    jobs: Sequence[Job],
    allowances: dict[bytes, Allowance],
    rooms: Rooms,
    on_allowance: Callable[[Allowance, AgentSnapshot], None],
) -> None:
    for job in jobs:
        allowance = allowances[job.agent.agent_id]
        if (full := rooms.refusal(job)) is not None:
            refuse_for_server(job, full)
        if job.decision.admits and (refusal := allowance.admit(job)) is not None:
            job.refuse(refusal)
        rooms.count(job)
        on_allowance(allowance, job.agent)


async def _write(
    connection: PipelineConnection,
    jobs: Sequence[Job],
    allowances: dict[bytes, Allowance],
    rooms: Rooms,
    desk: Desk,
    outcome: Outcome,
) -> None:
    now = desk.now()
    rows = [desk.row(job, now) for job in jobs]
    outcome += [(job, row.answer) for job, row in zip(jobs, rows, strict=True)]
    commands = insertions(rows) if rows else []
    for allowance in allowances.values():
        if allowance.calls:
            values = (allowance.agent_id.hex().encode(), b"%d" % allowance.calls, b"%d" % allowance.volume)
            commands.append(Command(statements.COUNT, values))
    commands += rooms.commands()
    commands.append(Command(statements.COMMIT, ()))
    await connection.run(commands)


def insertions(rows: Sequence[Row]) -> list[Command]:
    """Two statements for all rows, the decisions as they are listed and their records; and one for what must wait."""
    verifications = binary_columns(statements.VERIFICATION_COLUMNS, [row.verification for row in rows])
    entries = binary_columns(statements.ENTRY_COLUMNS, [row.entry for row in rows])
    commands = [Command(statements.INSERT_VERIFICATIONS, verifications), Command(statements.INSERT_ENTRIES, entries)]
    approvals = [row.approval for row in rows if row.approval is not None]
    if approvals:
        commands.append(Command(statements.INSERT_APPROVALS, binary_columns(statements.APPROVAL_COLUMNS, approvals)))
    return commands


def nonce_row(job: Job, now: float) -> list[bytes | None]:
    """The columns of a used nonce in binary format."""
    return [
        job.agent.agent_id,
        job.decision.nonce,
        job.request.digest,
        job.verification_id,
        pg_time(now + NONCE_LIFETIME),
    ]
