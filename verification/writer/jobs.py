"""One request on its way to the record, and what the database says an agent has left."""

import time
from collections.abc import Callable
from typing import NamedTuple

import msgspec
from msgspec import Struct

from verification.approvals.requirements import encode_requirement, only_agents
from verification.codes import Code
from verification.contracts import ActionRequest, ApprovalRequirement, Case, Decision, DecisionStatus, Failed, Origin
from verification.pipeline import overrule
from verification.records import Answer, Row, build_row, later
from verification.snapshot import AgentSnapshot

RATE_LIMIT = "rate_limit"
_encode = msgspec.json.Encoder().encode


class Job(Struct, eq=False):
    """A decision that waits to be recorded. `decision` may be made anew until it is.

    `final` says that the decision stands whatever the agent's snapshot says, because a queue was full.
    """

    request: ActionRequest
    origin: Origin
    agent: AgentSnapshot
    decision: Decision
    deliver: Callable[[Answer], None]
    deadline: float
    answered: bool = False
    final: bool = False
    verification_id: bytes = b""

    def case(self, now: float) -> Case:
        return Case(self.request, self.agent, self.origin, now)

    def refuse(self, refusal: Failed) -> None:
        """Turn an admission into the refusal that a limit demands."""
        self.decision = overrule(self.decision, RATE_LIMIT, refusal)

    def row(self, *, now: float, approval_seconds: int, pending_seconds: int) -> Row:
        """Everything to be written, timed from the request's arrival to this moment."""
        decision = self.decision
        expires: float | None = None
        if decision.status is DecisionStatus.APPROVED:
            expires = later(now, approval_seconds)
        elif decision.status is DecisionStatus.PENDING:
            asked = decision.requirement
            expires = later(now, pending_seconds if asked is None else asked.expires_seconds or pending_seconds)
        row = build_row(
            verification_id=self.verification_id,
            agent=self.agent,
            request=self.request,
            origin=self.origin,
            decision=decision,
            now=now,
            expires=expires,
            duration_us=(time.perf_counter_ns() - self.origin.arrived_ns) // 1000,
        )
        return row if decision.requirement is None else row._replace(approval=self._approval(row, decision.requirement))

    def _approval(self, row: Row, requirement: ApprovalRequirement) -> list[bytes | None]:
        """The columns of the request for approval, taken from those of the decision where they are the same."""
        verification_id, organization_id, agent_id, *_ = row.verification
        created_at, expires_at = row.verification[10:12]
        waiting = [line.name for line in self.decision.checks if line.result == "needs_approval"]
        return [
            verification_id,
            organization_id,
            agent_id,
            self.request.action_type.encode(),
            self.request.digest,
            encode_requirement(requirement),
            _encode(waiting),
            b"true" if only_agents(requirement) else b"false",
            created_at,
            expires_at,
        ]


class Allowance:
    """What one agent has used of its limits, by the row that this transaction has locked."""

    __slots__ = (
        "agent_id",
        "bytes_used",
        "calls",
        "calls_used",
        "day_seconds",
        "epoch",
        "hour_seconds",
        "trust",
        "volume",
    )

    def __init__(self, row: tuple[bytes | None, ...]) -> None:
        agent_id, epoch, trust, calls_used, bytes_used, hour_seconds, day_seconds = row
        self.agent_id = bytes.fromhex((agent_id or b"").decode())
        self.epoch = int(epoch or 0)
        self.trust = None if trust is None else trust.decode()
        self.calls_used = int(calls_used or 0)
        self.bytes_used = int(bytes_used or 0)
        self.hour_seconds = float(hour_seconds or 0)
        self.day_seconds = float(day_seconds or 0)
        self.calls = 0
        self.volume = 0

    def fits(self, agent: AgentSnapshot) -> bool:
        """Whether the snapshot is the truth of this very moment."""
        return agent.epoch == self.epoch and trust_text(agent) == self.trust

    def retry_after(self, code: str) -> int | None:
        """In how many seconds a request that met a limit may be made again."""
        match code:
            case Code.RATE_LIMITED:
                return int(self.hour_seconds) + 1
            case Code.DATA_LIMIT_EXCEEDED:
                return int(self.day_seconds) + 1
            case _:
                return None

    def admit(self, job: Job) -> Failed | None:
        """Count one admission, or answer why there is no room for it."""
        agent, volume = job.agent, job.request.volume
        if self.calls_used + self.calls + 1 > agent.calls_per_hour:
            return calls_exhausted(agent, self.hour_seconds)
        if self.bytes_used + self.volume + volume > agent.bytes_per_day:
            return Failed(
                Code.DATA_LIMIT_EXCEEDED,
                "Data limit exceeded",
                f"{self.bytes_used + self.volume} of {agent.bytes_per_day} bytes used today, {volume} more asked for",
                retry_after=int(self.day_seconds) + 1,
            )
        self.calls += 1
        self.volume += volume
        return None


def calls_exhausted(agent: AgentSnapshot, seconds: float) -> Failed:
    limit = agent.calls_per_hour
    return Failed(
        Code.RATE_LIMITED,
        "Rate limit exceeded",
        f"{limit} of {limit} calls used this hour",
        retry_after=int(seconds) + 1,
    )


def too_many_waiting(waiting: int) -> Failed:
    return Failed(
        Code.RATE_LIMITED, "Rate limit exceeded", f"{waiting} requests of this agent wait already", retry_after=1
    )


def trust_text(agent: AgentSnapshot) -> str | None:
    return None if agent.trust_score is None else str(agent.trust_score)


class Exhausted(NamedTuple):
    """An agent whose calls are used up: true until the hour ends or its configuration changes."""

    epoch: int
    until: float
    """By the loop's clock."""
