"""What people are told of decisions: that one waits for them, how it ended, that agents wait in a circle."""

from collections.abc import Collection
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.alerts import AlertGroup, AlertKind, Body, register_alert
from accounts.models import Role
from accounts.permissions import Permission
from agents.models import Agent
from aim.ids import IdKind, show_id
from aim.ledger.events import Event
from verification.approvals.eligibility import refusal_of
from verification.approvals.models import Approval
from verification.approvals.requirements import read_requirements
from verification.approvals.selectors import database_now
from verification.approvals.voters import asker_of, everybody_who_may_decide
from verification.models import Verification

_KEEPERS = (Role.ADMIN, Role.MANAGER)
_ENDED = frozenset(
    {
        Event.APPROVAL_APPROVED,
        Event.APPROVAL_DENIED,
        Event.APPROVAL_EXPIRED,
        Event.APPROVAL_WITHDRAWN,
        Event.APPROVAL_REVOKED,
    }
)
_WORDS = {
    Event.APPROVAL_APPROVED: "was approved",
    Event.APPROVAL_DENIED: "was denied",
    Event.APPROVAL_EXPIRED: "was denied, for nobody answered in time",
}


def _inbox(_entry: Body) -> str:
    return reverse("verification:approval-inbox")


def _voters(entry: Body) -> Collection[UUID]:
    """The people who could agree to it now; nobody once it is settled."""
    waiting = Approval.objects.filter(id=UUID(entry["subject"]["id"]), status=Approval.Status.PENDING).first()
    if waiting is None:
        return ()
    agent = Agent.objects.filter(id=waiting.agent_id).first()
    verification = Verification.objects.filter(id=waiting.id).first()
    if agent is None or verification is None:
        return ()
    requirements = read_requirements(waiting.requirements)
    asker = asker_of(agent, verification, requirements)
    people = everybody_who_may_decide(waiting.organization_id)
    return [voter.id for voter in people if refusal_of(requirements, voter, asker) is None]


def _asking(entry: Body) -> str:
    actor, action = entry["actor"], entry["data"]["action"]
    return f"{actor.get('label')} asks for approval: {action.get('action_type')}"


def _nothing_left(entry: Body) -> str | None:
    """The topic of the agent's requests, once none of them waits any more."""
    agent: str = entry["data"]["agent"]["id"]
    waiting = Approval.objects.filter(
        agent_id=UUID(agent), status=Approval.Status.PENDING, expires_at__gt=database_now()
    )
    return None if waiting.exists() else agent


def _owner(entry: Body) -> Collection[UUID]:
    owner = Agent.objects.filter(id=UUID(entry["data"]["agent"]["id"])).values_list("owner_id", flat=True).first()
    return () if owner is None else (owner,)


def _decided(entry: Body) -> str:
    agent, action = entry["data"]["agent"].get("label"), entry["data"].get("action_type")
    return f"{action} of {agent} {_WORDS.get(entry['kind'], 'was settled')}"


register_alert(
    AlertKind(
        "approval_requested",
        _("An action waits for your approval"),
        frozenset({Event.VERIFICATION_DECIDED}),
        _asking,
        (),
        people=_voters,
        personal=True,
        group=AlertGroup.APPROVALS,
        permission=Permission.APPROVALS_DECIDE,
        icon="clock-check",
        tone="pending",
        url=_inbox,
        applies=lambda entry: entry["data"]["decision"]["status"] == Verification.Status.PENDING,
        topic=lambda entry: str(entry["actor"]["id"]),
        settled_by=_ENDED,
        settled=_nothing_left,
    )
)
register_alert(
    AlertKind(
        "approval_decided",
        _("An action of an agent you own was approved or denied"),
        frozenset(_WORDS),
        _decided,
        (),
        people=_owner,
        personal=True,
        group=AlertGroup.APPROVALS,
        permission=Permission.APPROVALS_READ,
        icon="gavel",
        url=lambda entry: reverse(
            "verification:verification-detail", args=[show_id(IdKind.VERIFICATION, UUID(entry["subject"]["id"]))]
        ),
        topic=lambda entry: str(entry["data"]["agent"]["id"]),
    )
)
register_alert(
    AlertKind(
        "deadlock_detected",
        _("Agents wait for each other's approval"),
        frozenset({Event.DEADLOCK_DETECTED}),
        lambda entry: (
            "Verification deadlock detected: "
            + " and ".join(str(agent.get("name")) for agent in entry["data"].get("agents", ()))
        ),
        (Role.ADMIN,),
        notified=_KEEPERS,
        group=AlertGroup.APPROVALS,
        permission=Permission.APPROVALS_READ,
        icon="refresh-cw-off",
        tone="critical",
        url=_inbox,
        settled_by=frozenset({Event.DEADLOCK_RESOLVED, Event.DEADLOCK_DISSOLVED}),
        settled=lambda entry: str(entry["subject"]["id"]),
    )
)
