"""Approvals and grants end with what they rest on: the agent's standing, and the approvers' right to decide."""

from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Q, QuerySet

from accounts.actors import system_actor
from accounts.contracts import Actor
from accounts.permissions import Permission, permissions_of
from agents.models import Agent, AgentStatus
from agents.services.runtime import raise_epoch
from verification.approvals.eligibility import are_met
from verification.approvals.held import Held, held
from verification.approvals.models import Approval, ApprovalVote, Deadlock, Grant
from verification.approvals.selectors import database_now, later
from verification.approvals.settling import Settlement, settle
from verification.approvals.voters import AGENT, agreeing
from verification.codes import Code
from verification.contracts import Failed
from verification.services.grants import end_grant

_Status = Approval.Status
_SUSPENDED = Failed(Code.AGENT_SUSPENDED, "Agent is suspended")
_REVOKED = Failed(Code.AGENT_REVOKED, "Agent is revoked")
_NO_VOICE = Failed(Code.APPROVAL_DENIED, "Approval no longer holds: who approved may not do so any more")
_BATCH = 100


def end_approvals_of(actor: Actor, agent: Agent) -> None:
    """An agent was suspended or revoked: nothing that it was promised holds, and neither does its own word.

    Called in that transaction, with the epoch raised: no decision from before it is still under way.
    """
    assert connection.in_atomic_block
    refusal = _REVOKED if agent.status == AgentStatus.REVOKED else _SUSPENDED
    rows = Approval.objects.filter(_open(database_now()), agent_id=agent.id)
    for approval in rows.order_by("id"):
        row = held(approval, agent)
        if row.is_pending or row.is_usable:
            settle(actor, row, Settlement(_Status.REVOKED, refusal))
    for grant in _standing(Q(agent=agent)):
        end_grant(actor, grant, reason=refusal.reason)
    voted = ApprovalVote.objects.filter(voter_kind=AGENT, voter_id=agent.id, agrees=True).values("approval_id")
    _end_those_without_voices(actor, agent.organization_id, Q(id__in=voted))


def end_approvals_without_voices(organization_id: UUID) -> None:
    """People's rights have changed: what was approved and is not used, and what stands granted, needs its voices today.

    Called in that transaction, with the epochs raised and the organization locked.
    """
    actor = system_actor(organization_id, label="approvals", permissions=frozenset())
    _end_those_without_voices(actor, organization_id, Q())


def _end_those_without_voices(actor: Actor, organization_id: UUID, condition: Q) -> None:
    now = database_now()
    recent = Q(status=_Status.APPROVED, settled_at__gt=later(now, -settings.APPROVAL_SECONDS))
    standing = Q(id__in=_standing(Q(organization_id=organization_id)).values("approval_id"))
    rows = Approval.objects.filter(condition, recent | standing, organization_id=organization_id)
    for approval in rows.order_by("id"):
        row = held(approval, Agent.objects.get(id=approval.agent_id))
        if _has_voices(row):
            continue
        if row.is_usable:
            settle(actor, row, Settlement(_Status.REVOKED, _NO_VOICE))
        for grant in _standing(Q(approval=approval)):
            end_grant(actor, grant, reason=_NO_VOICE.reason)
            raise_epoch(row.agent)


def _has_voices(row: Held) -> bool:
    """Whether those who agreed still may: by the rule, or as the one who opened a circle of waiting agents."""
    _, voters = agreeing(row.approval)
    if are_met(row.requirements, voters, row.asker(row.requirements)):
        return True
    opened = Deadlock.objects.filter(suggested_approval_id=row.approval.id, outcome=Deadlock.Outcome.RESOLVED)
    return opened.exists() and any(Permission.APPROVALS_RESOLVE in permissions_of(voter.role) for voter in voters)


def _open(now: object) -> Q:
    return Q(status=_Status.PENDING) | Q(
        status=_Status.APPROVED,
        settled_at__gt=later(now, -settings.APPROVAL_SECONDS),  # type: ignore[arg-type]
    )


def _standing(condition: Q) -> QuerySet[Grant]:
    return Grant.objects.filter(condition, revoked_at=None, expires_at__gt=database_now()).order_by("id")
