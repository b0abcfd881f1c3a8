"""What becomes of an approval when the agent comes for it: the checks that deny are asked again, by what is true."""

from uuid import UUID

from django.db import transaction

from accounts.actors import system_actor
from accounts.contracts import Actor
from accounts.permissions import Permission
from agents.models import Agent
from verification.approvals.held import Held, held, hold
from verification.approvals.models import Approval
from verification.approvals.rechecking import ask_again
from verification.approvals.selectors import approval_of, database_now
from verification.approvals.settling import EXPIRED, Settlement, settle
from verification.models import Verification
from verification.selectors import own_verification

_Status = Approval.Status


@transaction.atomic
def follow_request(actor: Actor, verification_id: UUID) -> Verification:
    """The agent's own decision as it stands now. Raises `NotFoundError` for one that is not its own."""
    actor.require(Permission.VERIFY_ACTIONS)
    verification = own_verification(actor, verification_id)
    approval = approval_of(verification_id)
    if approval is None or not _may_have_ended(approval):
        return verification
    row = hold(approval)
    if row.is_late:
        settle(_itself(row), row, Settlement(_Status.EXPIRED, EXPIRED))
    elif row.is_usable:
        _revoke_if_denied(row)
    return row.verification


def denied_since(verification: Verification, agent: Agent) -> bool:
    """Whether a check denies now what was approved; that is on record then. The caller has locked the agent."""
    approval = approval_of(verification.id)
    if approval is None:
        return False
    row = held(approval, agent)
    return row.is_usable and _revoke_if_denied(row)


def expire_requests(limit: int) -> int:
    """Settle so many of those that nobody has decided in time, by the database's clock; answers how many there were.

    Rows that somebody else holds are being decided right now, and left to the next time.
    """
    with transaction.atomic():
        late = Approval.objects.filter(status=_Status.PENDING, expires_at__lte=database_now()).order_by("expires_at")
        approvals = list(late.select_for_update(skip_locked=True)[:limit])
        agents = Agent.objects.in_bulk({approval.agent_id for approval in approvals})
        verifications = Verification.objects.in_bulk([approval.id for approval in approvals])
        now = database_now()
        for approval in approvals:
            row = Held(approval, verifications[approval.id], agents[approval.agent_id], now)
            settle(_itself(row), row, Settlement(_Status.EXPIRED, EXPIRED))
    return len(approvals)


def _may_have_ended(approval: Approval) -> bool:
    return approval.status == _Status.APPROVED or (
        approval.status == _Status.PENDING and approval.expires_at <= database_now()
    )


def _revoke_if_denied(row: Held) -> bool:
    ruling = ask_again(row.approval, row.verification)
    if ruling.refusal is None:
        return False
    settle(_itself(row), row, Settlement(_Status.REVOKED, ruling.refusal))
    return True


def _itself(row: Held) -> Actor:
    return system_actor(row.approval.organization_id, label="approvals", permissions=frozenset())
