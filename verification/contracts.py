"""The shapes that the decision is made of. Frozen, free of Django, and the same in every lane.

They are msgspec structs because a decision makes some thirty of them: they cost a tenth of a frozen dataclass.
"""

from enum import StrEnum
from typing import Any

from msgspec import Struct

from aim.crypto.signature_base import SignedMessage
from aim.resources.resource import Resource
from verification.policies.results import BY_MANAGERS
from verification.policies.results import ApprovalRequirement as ApprovalRequirement
from verification.policies.results import PolicyMatch as PolicyMatch
from verification.snapshot import AgentSnapshot


class DecisionStatus(StrEnum):
    APPROVED = "approved"
    PENDING = "pending"
    DENIED = "denied"


class ActionRequest(Struct, frozen=True, gc=False):
    """What an agent wants to do. `action_json` is its canonical form, `digest` the SHA-256 of that.

    `agent_id` is the shown id. `place` is the resource in its normal form, or None where it has none, for the reason
    in `hostile`. `context_json` and `data_json` are the agent's claims: recorded, compared with lists, never believed.
    `volume` is how many bytes the agent says it will move.
    """

    agent_id: str
    action_type: str
    resource: str
    place: Resource | None
    hostile: str
    parameters: dict[str, Any]
    mcp_server: str | None
    tool: str | None
    context_json: bytes
    data_json: bytes
    user_id: str
    session_id: str
    volume: int
    destination: str | None
    action_json: bytes
    digest: bytes


class Origin(Struct, frozen=True, gc=False):
    """Where a request came from and how: the message as received, the caller's address, the key that was used.

    `arrived_ns` is `time.perf_counter_ns()` at arrival.
    """

    message: SignedMessage
    address: str
    key_digest: bytes
    correlation_id: str
    arrived_ns: int


class Passed(Struct, frozen=True, gc=False):
    """`policies` of this and other outcomes are those that applied, for the record."""

    detail: str = ""
    policies: tuple[PolicyMatch, ...] = ()


class SignedPassed(Struct, frozen=True, gc=False):
    """The signature is good: `nonce` must not have been used before."""

    detail: str
    nonce: str
    keyid: str


class Failed(Struct, frozen=True, gc=False):
    """`reason` is told to the agent, `detail` only to operators."""

    code: str
    reason: str
    detail: str = ""
    retry_after: int | None = None
    policies: tuple[PolicyMatch, ...] = ()


class NeedsApproval(Struct, frozen=True, gc=False):
    """`requirement` says who must approve."""

    reason: str
    detail: str = ""
    requirement: ApprovalRequirement = BY_MANAGERS
    policies: tuple[PolicyMatch, ...] = ()


class Errored(Struct, frozen=True, gc=False):
    """The check could not be carried out, which denies."""

    detail: str


Outcome = Passed | SignedPassed | Failed | NeedsApproval | Errored


class CheckResult(Struct, frozen=True, gc=False, omit_defaults=True):
    """One line of the record, as it is encoded there; `ns` is how long the check took, in nanoseconds.

    `result` is passed, failed, needs_approval, errored or not_run. The members stand in the order of RFC 8785, so that
    encoding need not sort them.
    """

    code: str = ""
    name: str = ""
    ns: int = 0
    result: str = ""


class Case(Struct, frozen=True, gc=False):
    """All that a check may look at. `now` is in seconds since 1970 by the database's clock."""

    request: ActionRequest
    agent: AgentSnapshot
    origin: Origin
    now: float


class Decision(Struct, frozen=True, gc=False):
    """`nonce` is the first 16 bytes of the SHA-256 of the nonce, once the signature has been found good.

    `requirement` is set where the decision is pending. `policies` are those that applied, shadows among them.
    `details` holds a text for each of the checks. They stand apart because they may quote what an agent has sent, and
    must be erasable.
    """

    status: DecisionStatus
    code: str
    reason: str
    checks: tuple[CheckResult, ...]
    nonce: bytes | None = None
    keyid: str | None = None
    retry_after: int | None = None
    requirement: ApprovalRequirement | None = None
    policies: tuple[PolicyMatch, ...] = ()
    details: tuple[str, ...] = ()

    @property
    def admits(self) -> bool:
        """Whether the decision counts against the agent's limits."""
        return self.status is not DecisionStatus.DENIED
