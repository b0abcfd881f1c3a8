"""Leave for a time: made by approving for a time, ended by its expiry, by a person, or with the right to give it."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.contracts import Actor
from accounts.permissions import Permission
from agents.models import Agent
from agents.services.lifecycle import check_reason
from agents.services.runtime import raise_epoch
from aim import clock
from aim.errors import ConflictError
from aim.ledger.append import append_entry
from aim.ledger.events import Event
from verification.approvals.held import Held
from verification.approvals.models import ApprovalVote, Grant
from verification.approvals.rechecking import request_of
from verification.approvals.selectors import database_now, grant_by_id, later
from verification.selectors import record_of


def create_grant(held: Held, votes: Sequence[ApprovalVote]) -> Mapping[str, object]:
    """As far as all who agreed went: the shortest time, and the pattern only where it is everybody's.

    Answers how the entry of the approval tells of it.
    """
    request = request_of(record_of(held.verification))
    patterns = {vote.pattern for vote in votes}
    pattern = patterns.pop() if len(patterns) == 1 else ""
    seconds = min(vote.seconds or 0 for vote in votes)
    grant = Grant.objects.create(
        organization_id=held.approval.organization_id,
        agent=held.agent,
        approval=held.approval,
        action_type=request.action_type,
        resource=pattern or request.resource,
        is_pattern=bool(pattern),
        mcp_server=request.mcp_server or "",
        tool=request.tool or "",
        checks=held.approval.checks,
        covers=[[one.policy_id, one.policy_version] for one in held.requirements],
        granted_by=", ".join(vote.voter_label for vote in votes),
        created_at=held.now,
        expires_at=later(held.now, seconds),
    )
    raise_epoch(held.agent)
    return {"id": grant.public_id, "seconds": seconds, "expires_at": clock.show_time(grant.expires_at)}


@transaction.atomic
def revoke_grant(actor: Actor, grant_id: UUID, *, reason: str) -> Grant:
    """In force for every decision that is committed later. Raises `ConflictError` when it has ended already."""
    actor.require(Permission.GRANTS_WRITE)
    grant = grant_by_id(actor, grant_id)
    check_reason(reason)
    agent = Agent.objects.select_for_update(of=("self",), no_key=True).get(id=grant.agent_id)
    locked = Grant.objects.select_for_update().get(id=grant.id)
    if locked.revoked_at is not None or locked.expires_at <= database_now():
        raise ConflictError(_("This grant has ended already."))
    end_grant(actor, locked, reason=reason)
    raise_epoch(agent)
    return grant_by_id(actor, grant_id)


def end_grant(actor: Actor, grant: Grant, *, reason: str) -> None:
    """The caller raises the agent's epoch."""
    grant.revoked_at, grant.revoke_reason = database_now(), reason
    grant.save(update_fields=["revoked_at", "revoke_reason"])
    append_entry(
        kind=Event.GRANT_REVOKED.value,
        organization_id=grant.organization_id,
        actor=actor.entry(),
        subject={"kind": "grant", "id": grant.id.hex},
        subject_id=grant.id,
        data={"agent": {"id": grant.agent_id.hex}, "action_type": grant.action_type, "reason": reason},
    )
