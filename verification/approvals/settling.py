"""The one place that ends a request for approval: its state, its decision, and the entry, together."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from accounts.contracts import Actor
from aim import clock
from aim.ids import IdKind, show_id
from aim.ledger.append import append_entry
from aim.ledger.events import Event
from verification.approvals.held import Held
from verification.approvals.models import Approval, ApprovalVote, Deadlock
from verification.approvals.selectors import database_now, later
from verification.approvals.voters import shown_voter
from verification.codes import Code
from verification.contracts import Failed
from verification.models import Verification

LONGEST_NOTE = 2000
_Status = Approval.Status
EVENTS = {
    _Status.APPROVED: Event.APPROVAL_APPROVED,
    _Status.DENIED: Event.APPROVAL_DENIED,
    _Status.EXPIRED: Event.APPROVAL_EXPIRED,
    _Status.WITHDRAWN: Event.APPROVAL_WITHDRAWN,
    _Status.REVOKED: Event.APPROVAL_REVOKED,
}
EXPIRED = Failed(Code.APPROVAL_EXPIRED, "Approval expired")


class Settlement(NamedTuple):
    """How it ends. `refusal` is what the agent is told, None where it may act for `seconds`."""

    status: Approval.Status
    refusal: Failed | None
    seconds: int = 0
    note: str = ""
    grant: Mapping[str, object] | None = None


def settle(actor: Actor, held: Held, settlement: Settlement) -> None:
    """The caller holds the request, and has seen that this end may follow from its state."""
    approval, verification = held.approval, held.verification
    approval.status, approval.settled_at = settlement.status, held.now
    approval.save(update_fields=["status", "settled_at", "requirements"])
    refusal = settlement.refusal
    if refusal is None:
        verification.status, verification.code, verification.reason = Verification.Status.APPROVED, "", ""
        verification.expires_at = later(held.now, settlement.seconds)
    else:
        verification.status = Verification.Status.DENIED
        verification.code, verification.reason = str(refusal.code), refusal.reason
    verification.save(update_fields=["status", "code", "reason", "expires_at"])
    record(actor, EVENTS[settlement.status], held, note=settlement.note, grant=settlement.grant)
    if approval.agents_only:
        _dissolve_deadlocks(actor, approval)


def record(
    actor: Actor, event: Event, held: Held, *, note: str = "", grant: Mapping[str, object] | None = None
) -> None:
    """The entry of a change of a request: everything that an examiner needs to see who agreed to what, by which rule.

    `decision` is what the columns of the verification say from now on.
    """
    approval, verification = held.approval, held.verification
    votes = list(ApprovalVote.objects.filter(approval=approval))
    data: dict[str, object] = {
        "status": approval.status,
        "agent": {"id": approval.agent_id.hex, "label": held.agent.name},
        "action_type": approval.action_type,
        "requirements": approval.requirements,
        "decision": {
            "status": verification.status,
            "code": verification.code,
            "expires_at": clock.show_time(verification.expires_at) if verification.expires_at else None,
        },
        "votes": [_entry_of(vote) for vote in votes],
    }
    if grant is not None:
        data["grant"] = grant
    append_entry(
        kind=event.value,
        organization_id=approval.organization_id,
        actor=actor.entry(),
        subject={"kind": "approval", "id": approval.id.hex},
        subject_id=approval.id,
        data=data,
        personal={
            "note": note or None,
            "reason": verification.reason or None,
            "request_digest": bytes(approval.request_digest).hex(),
            "voters": [vote.voter_label for vote in votes],
        },
    )


def _entry_of(vote: ApprovalVote) -> dict[str, object]:
    return {
        "voter": shown_voter(vote),
        "agrees": vote.agrees,
        "mode": vote.mode,
        "seconds": vote.seconds,
        "at": clock.show_time(vote.voted_at),
    }


def _dissolve_deadlocks(actor: Actor, approval: Approval) -> None:
    """A circle of which one request is settled is none any more."""
    open_ones = Deadlock.objects.select_for_update().filter(
        organization_id=approval.organization_id, ended_at=None, approvals__contains=[approval.public_id]
    )
    for deadlock in open_ones.order_by("id"):
        end_deadlock(actor, deadlock, Deadlock.Outcome.DISSOLVED, because=[approval])


def end_deadlock(actor: Actor, deadlock: Deadlock, outcome: Deadlock.Outcome, *, because: Iterable[Approval]) -> None:
    deadlock.ended_at, deadlock.outcome = database_now(), outcome
    deadlock.save(update_fields=["ended_at", "outcome"])
    resolved = outcome == Deadlock.Outcome.RESOLVED
    append_entry(
        kind=(Event.DEADLOCK_RESOLVED if resolved else Event.DEADLOCK_DISSOLVED).value,
        organization_id=deadlock.organization_id,
        actor=actor.entry(),
        subject={"kind": "deadlock", "id": deadlock.id.hex},
        subject_id=deadlock.id,
        data={
            "agents": deadlock.agents,
            "approvals": deadlock.approvals,
            "settled": [show_id(IdKind.APPROVAL, approval.id) for approval in because],
        },
    )
