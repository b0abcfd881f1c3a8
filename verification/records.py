"""The record of a decision and the answer to the agent, each encoded once.

The bytes of the record are what the ledger stores, and what everything that follows the ledger reads.
"""

import struct
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from aim.ids import IdKind
from aim.ledger.append import ENTRY_VERSION
from aim.ledger.events import Event
from verification.codes import MEANINGS, Code
from verification.contracts import ActionRequest, Decision, DecisionStatus, Origin
from verification.snapshot import AgentSnapshot

_encode = msgspec.json.Encoder(order="sorted").encode
_PG_EPOCH = 946_684_800
_VERSION = ENTRY_VERSION
JSON = "application/json"
PROBLEM = "application/problem+json"


class Answer(NamedTuple):
    """An HTTP answer, ready to send by any lane."""

    status: int
    body: bytes
    content_type: str = JSON
    retry_after: int | None = None


class Row(NamedTuple):
    """The columns of a decision in PostgreSQL's binary format, its ledger entry, and the answer once committed."""

    verification: list[bytes | None]
    entry: list[bytes | None]
    answer: Answer


def show_seconds(moment: float) -> str:
    """Seconds since 1970 as the API writes times: ISO 8601, UTC, milliseconds."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def build_row(
    *,
    verification_id: bytes,
    agent: AgentSnapshot,
    request: ActionRequest,
    origin: Origin,
    decision: Decision,
    now: float,
    expires: float | None,
    duration_us: int,
) -> Row:
    """Everything that is written of one decision, and what is told the agent afterwards."""
    hex_id = verification_id.hex()
    expires_at = None if expires is None else show_seconds(expires)
    organization = agent.organization_id
    record = {
        "v": _VERSION,
        "id": hex_id,
        "kind": Event.VERIFICATION_DECIDED,
        "organization": organization.hex,
        "at": show_seconds(now),
        "actor": {
            "kind": "agent",
            "id": agent.agent_id.hex,
            "label": agent.name,
            "address": origin.address,
            "credential": agent.api_keys[origin.key_digest][0] if origin.key_digest in agent.api_keys else "",
        },
        "subject": {"kind": "verification", "id": hex_id},
        "data": {
            "action": msgspec.Raw(request.action_json),
            "context": msgspec.Raw(request.context_json),
            "claims": msgspec.Raw(request.data_json),
            "request_digest": request.digest.hex(),
            "agent": {
                "version": agent.version,
                "config_version": agent.config_version,
                "epoch": agent.epoch,
                "status": agent.status,
                "trust_score": shown_trust(agent),
                "min_trust": agent.min_trust,
            },
            "decision": {
                "status": decision.status.value,
                "code": str(decision.code),
                "reason": decision.reason,
                "expires_at": expires_at,
                "duration_us": duration_us,
            },
            "checks": [
                {
                    "name": line.name,
                    "result": line.result,
                    "code": str(line.code),
                    "detail": line.detail,
                    # Nanoseconds, because canonical JSON is simplest without fractions.
                    "ns": int(line.us * 1000),
                }
                for line in decision.checks
            ],
            "keyid": decision.keyid,
            "correlation_id": origin.correlation_id,
        },
    }
    verification: list[bytes | None] = [
        verification_id,
        organization.bytes,
        agent.agent_id.bytes,
        decision.status.value.encode(),
        decision.code.encode(),
        decision.reason.encode(),
        request.action_type.encode(),
        request.resource.encode(),
        request.user_id.encode(),
        request.session_id.encode(),
        pg_time(now),
        None if expires is None else pg_time(expires),
        struct.pack("!i", duration_us),
        request.digest,
    ]
    entry: list[bytes | None] = [verification_id, organization.bytes, agent.agent_id.bytes, _encode(record)]
    return Row(verification, entry, decision_answer(hex_id, decision, expires_at))


def decision_answer(hex_id: str, decision: Decision, expires_at: str | None) -> Answer:
    """What the agent is told: the decision, its reason and what to do about it, and nothing of the policy behind."""
    return stored_answer(
        hex_id,
        status=decision.status,
        code=decision.code,
        reason=decision.reason,
        expires_at=expires_at,
        retry_after=decision.retry_after,
    )


def stored_answer(
    hex_id: str, *, status: str, code: str, reason: str, expires_at: str | None, retry_after: int | None = None
) -> Answer:
    """The answer to a decision as it is stored, so that asking again for the same one gives the same bytes."""
    verification_id = f"{IdKind.VERIFICATION}_{hex_id}"
    if status == DecisionStatus.APPROVED:
        body: dict[str, Any] = {
            "approved": True,
            "status": "approved",
            "verification_id": verification_id,
            "expires_at": expires_at,
        }
        return Answer(200, msgspec.json.encode(body))
    meaning = MEANINGS[code]
    body = {
        "approved": False,
        "status": str(status),
        "verification_id": verification_id,
        "reason": reason,
        "code": str(code),
        "retryable": meaning.retryable,
    }
    if expires_at is not None:
        body["expires_at"] = expires_at
    return Answer(meaning.http_status, msgspec.json.encode(body), JSON, retry_after)


def refusal_answer(
    code: Code, reason: str, *, errors: list[dict[str, str]] | None = None, retry_after: int | None = None
) -> Answer:
    """The answer where no decision is recorded: malformed, unauthenticated, or not recordable. Never an approval."""
    meaning = MEANINGS[code]
    body: dict[str, Any] = {
        "type": f"urn:aim:problem:{code}",
        "title": reason,
        "detail": reason,
        "approved": False,
        "status": "denied",
        "reason": reason,
        "code": str(code),
        "retryable": meaning.retryable,
    }
    if errors is not None:
        body["errors"] = errors
    return Answer(meaning.http_status, msgspec.json.encode(body), PROBLEM, retry_after)


UNAUTHENTICATED = refusal_answer(Code.UNAUTHENTICATED, "Invalid credentials")
NOT_RECORDED = refusal_answer(Code.NOT_RECORDED, "The decision could not be recorded", retry_after=2)


def shown_trust(agent: AgentSnapshot) -> int | float | None:
    """The trust score as a JSON number: whole where it is whole, as RFC 8785 would write it."""
    trust = agent.trust_score
    if trust is None:
        return None
    return int(trust) if trust == trust.to_integral_value() else float(trust)


def pg_time(moment: float) -> bytes:
    """Seconds since 1970 as a binary timestamptz: microseconds since 2000."""
    return struct.pack("!q", round((moment - _PG_EPOCH) * 1_000_000))


def later(moment: float, seconds: int) -> float:
    """A moment so many seconds later, on a whole millisecond so that every writing of it agrees."""
    return round(moment + timedelta(seconds=seconds).total_seconds(), 3)
