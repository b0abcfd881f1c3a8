"""The stable codes of a decision: what each means over HTTP and whether asking again may help."""

from dataclasses import dataclass
from enum import StrEnum


class Code(StrEnum):
    AGENT_NOT_VERIFIED = "agent_not_verified"
    AGENT_SUSPENDED = "agent_suspended"
    AGENT_REVOKED = "agent_revoked"
    IP_NOT_ALLOWED = "ip_not_allowed"
    SIGNATURE_MISSING = "signature_missing"
    SIGNATURE_INVALID = "signature_invalid"
    SIGNATURE_EXPIRED = "signature_expired"
    REPLAYED = "replayed"
    BLOCKED = "blocked"
    QUARANTINED = "quarantined"
    CAPABILITY_MISSING = "capability_missing"
    OUT_OF_SCOPE = "out_of_scope"
    POLICY_DENIED = "policy_denied"
    APPROVAL_REQUIRED = "approval_required"
    APPROVAL_DENIED = "approval_denied"
    APPROVAL_EXPIRED = "approval_expired"
    TRUST_TOO_LOW = "trust_too_low"
    ANOMALY = "anomaly"
    RATE_LIMITED = "rate_limited"
    DATA_LIMIT_EXCEEDED = "data_limit_exceeded"
    MCP_SERVER_NOT_VERIFIED = "mcp_server_not_verified"
    MCP_CAPABILITY_DISABLED = "mcp_capability_disabled"
    CHECK_FAILED = "check_failed"
    """A check itself broke: the action is denied, and the operator finds the cause in the log."""
    MALFORMED = "malformed"
    UNAUTHENTICATED = "unauthenticated"
    NOT_RECORDED = "not_recorded"


@dataclass(frozen=True, slots=True)
class Meaning:
    http_status: int
    retryable: bool


_DENIED = Meaning(403, retryable=False)
_LATER = Meaning(429, retryable=True)

MEANINGS: dict[str, Meaning] = {
    **dict.fromkeys(Code, _DENIED),
    Code.APPROVAL_REQUIRED: Meaning(202, retryable=False),
    Code.SIGNATURE_EXPIRED: Meaning(403, retryable=True),
    Code.RATE_LIMITED: _LATER,
    Code.DATA_LIMIT_EXCEEDED: _LATER,
    Code.CHECK_FAILED: Meaning(403, retryable=True),
    Code.MALFORMED: Meaning(400, retryable=False),
    Code.UNAUTHENTICATED: Meaning(401, retryable=False),
    Code.NOT_RECORDED: Meaning(503, retryable=True),
}
