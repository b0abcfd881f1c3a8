"""The shapes that the decision is made of. Frozen, free of Django, and the same in every lane."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID

from aim.crypto.signature_base import SignedMessage
from aim.resources.resource import Resource
from verification.snapshot import AgentSnapshot


class DecisionStatus(StrEnum):
    APPROVED = "approved"
    PENDING = "pending"
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class ActionRequest:
    """What an agent wants to do. `action_json` is its canonical form, `digest` the SHA-256 of that.

    `place` is the resource in its normal form, or None where it has none, for the reason in `hostile`. `context` and
    `data` are the agent's claims: recorded, compared with lists, never believed.
    """

    agent_id: UUID
    action_type: str
    resource: str
    place: Resource | None
    hostile: str
    parameters: Mapping[str, Any]
    mcp_server: str | None
    tool: str | None
    context_json: bytes
    data_json: bytes
    user_id: str
    session_id: str
    volume: int
    """How many bytes the agent says it will move."""
    destination: str | None
    action_json: bytes
    digest: bytes


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from and how: the message as received, the caller's address, the key that was used."""

    message: SignedMessage
    address: str
    key_digest: bytes
    correlation_id: str
    arrived_ns: int
    """`time.perf_counter_ns()` at arrival."""


@dataclass(frozen=True, slots=True)
class Passed:
    detail: str = ""


@dataclass(frozen=True, slots=True)
class SignedPassed:
    """The signature is good: `nonce` must not have been used before."""

    detail: str
    nonce: str
    keyid: str


@dataclass(frozen=True, slots=True)
class Failed:
    """`reason` is told to the agent, `detail` only to operators."""

    code: str
    reason: str
    detail: str = ""
    retry_after: int | None = None


@dataclass(frozen=True, slots=True)
class NeedsApproval:
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Errored:
    """The check could not be carried out, which denies."""

    detail: str


Outcome = Passed | SignedPassed | Failed | NeedsApproval | Errored


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One line of the record; `result` is passed, failed, needs_approval, errored or not_run."""

    name: str
    result: str
    code: str
    detail: str
    us: float


@dataclass(frozen=True, slots=True)
class Case:
    """All that a check may look at."""

    request: ActionRequest
    agent: AgentSnapshot
    origin: Origin
    now: float
    """Seconds since 1970 by the database's clock."""


@dataclass(frozen=True, slots=True)
class Decision:
    status: DecisionStatus
    code: str
    reason: str
    checks: tuple[CheckResult, ...]
    nonce: bytes | None = field(default=None)
    """The first 16 bytes of the SHA-256 of the nonce, once the signature has been found good."""
    keyid: str | None = None
    retry_after: int | None = None

    @property
    def admits(self) -> bool:
        """Whether the decision counts against the agent's limits."""
        return self.status is not DecisionStatus.DENIED
