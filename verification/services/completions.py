"""What agents report of the actions they were allowed, and of those they were not."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext_noop

from accounts.contracts import Actor
from accounts.permissions import Permission
from agents.models import Agent, AgentStatus
from agents.services.runtime import add_bytes_used
from aim.ledger.append import append_entry
from aim.ledger.events import Event
from verification.models import Completion, Verification
from verification.selectors import claimed_bytes, own_verification
from verification.services.approval_use import denied_since


class Refusal(StrEnum):
    """Why a report is not accepted; the report itself is on record all the same."""

    NOT_APPROVED = "not_approved"
    EXPIRED = "expired"
    ALREADY_COMPLETED = "already_completed"
    DIGEST_MISMATCH = "digest_mismatch"
    AGENT_NOT_ACTIVE = "agent_not_active"
    DENIED_SINCE = "denied_since"


SENTENCES = {
    Refusal.NOT_APPROVED: gettext_noop("This verification was not approved."),
    Refusal.EXPIRED: gettext_noop("The approval has expired."),
    Refusal.ALREADY_COMPLETED: gettext_noop("This verification is completed already."),
    Refusal.DIGEST_MISMATCH: gettext_noop("The digest is not that of the approved request."),
    Refusal.AGENT_NOT_ACTIVE: gettext_noop("The agent is no longer allowed to act."),
    Refusal.DENIED_SINCE: gettext_noop("The approval no longer holds."),
}


@dataclass(frozen=True, slots=True)
class Report:
    """What the agent says of its action; `volume` (bytes) and `records` are what it really moved, if it knows."""

    status: str
    duration_ms: int
    volume: int | None = None
    records: int | None = None
    error: str = ""
    request_digest: bytes | None = None

    def entry(self) -> dict[str, object]:
        return {
            "status": self.status,
            "duration_ms": self.duration_ms,
            "bytes": self.volume,
            "records": self.records,
        }

    def personal(self) -> dict[str, object]:
        """What of the report may tell of a person: a digest can be guessed from the action it was made of."""
        return {
            "error": self.error,
            "request_digest": self.request_digest.hex() if self.request_digest else None,
        }


# The row appears only while all conditions hold, by the database's clock, and once: the primary key sees to that.
_COMPLETE = """
INSERT INTO verification_completion
    (verification_id, agent_id, status, duration_ms, bytes, records, error, completed_at)
SELECT v.id, v.agent_id, %(status)s, %(duration_ms)s, %(bytes)s, %(records)s, %(error)s, clock_timestamp()
FROM verification_verification v
WHERE v.id = %(id)s AND v.agent_id = %(agent_id)s AND v.status = 'approved' AND v.expires_at >= clock_timestamp()
ON CONFLICT (verification_id) DO NOTHING
"""


@transaction.atomic
def complete_verification(actor: Actor, verification_id: UUID, *, report: Report) -> Refusal | None:
    """Accept the report of an approved action, or put on record that it was made without one.

    Answers why the report was refused, or None. Raises `NotFoundError` for a verification that is not the agent's own.
    """
    actor.require(Permission.VERIFY_ACTIONS)
    assert actor.id is not None
    verification = own_verification(actor, verification_id)
    # Shared with other completions, exclusive against a suspension: whichever commits first is seen by the other.
    agent = Agent.objects.select_for_update(of=("self",), no_key=True).get(id=actor.id)
    refusal = _refusal(verification, agent, report) or _insert(verification, report)
    data: dict[str, object] = {
        "report": report.entry(),
        "decision": verification.status,
        # Reports are not signed: whoever holds the API key of an agent that signs has not proved to be that agent.
        "proved": not agent.require_signature,
    }
    if refusal is not None:
        data["refusal"] = refusal.value
        _append(actor, verification, Event.VERIFICATION_COMPLETION_REFUSED, data, report)
        return refusal
    extra = (report.volume or 0) - claimed_bytes(verification)
    if extra > 0:
        add_bytes_used(agent, extra)
    data["beyond_claim_bytes"] = max(extra, 0)
    _append(actor, verification, Event.VERIFICATION_COMPLETED, data, report)
    return None


def _refusal(verification: Verification, agent: Agent, report: Report) -> Refusal | None:
    if verification.status != Verification.Status.APPROVED:
        return Refusal.NOT_APPROVED
    if agent.status != AgentStatus.VERIFIED:
        return Refusal.AGENT_NOT_ACTIVE
    if report.request_digest is not None and report.request_digest != bytes(verification.request_digest):
        return Refusal.DIGEST_MISMATCH
    return Refusal.DENIED_SINCE if denied_since(verification, agent) else None


def _insert(verification: Verification, report: Report) -> Refusal | None:
    values: dict[str, Any] = {
        "id": verification.id,
        "agent_id": verification.agent_id,
        "status": report.status,
        "duration_ms": report.duration_ms,
        "bytes": report.volume,
        "records": report.records,
        "error": report.error,
    }
    with connection.cursor() as cursor:
        cursor.execute(_COMPLETE, values)
        if cursor.rowcount == 1:
            return None
    completed = Completion.objects.filter(verification_id=verification.id).exists()
    return Refusal.ALREADY_COMPLETED if completed else Refusal.EXPIRED


def _append(actor: Actor, verification: Verification, event: Event, data: dict[str, object], report: Report) -> None:
    append_entry(
        kind=event.value,
        organization_id=verification.organization_id,
        actor=actor.entry(),
        subject={"kind": "verification", "id": verification.id.hex},
        subject_id=verification.id,
        data=data,
        personal=report.personal(),
    )
