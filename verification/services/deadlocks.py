"""Agents that wait for each other in a circle: found when the circle closes, and opened by a person in one step."""

from collections.abc import Sequence
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q
from django.utils.translation import gettext, gettext_noop

from accounts.actors import system_actor
from accounts.contracts import Actor
from accounts.permissions import Permission
from agents.models import Agent
from aim.errors import ConflictError
from aim.ids import IdKind, parse_id, show_id
from aim.ledger.append import append_entry
from aim.ledger.events import Event
from verification.approvals.eligibility import counts, missing
from verification.approvals.held import hold
from verification.approvals.models import Approval, ApprovalVote, Deadlock
from verification.approvals.requirements import is_for_agents, read_requirements
from verification.approvals.selectors import database_now, deadlock_by_id
from verification.approvals.settling import end_deadlock
from verification.approvals.voters import agents_who_may_decide, agreeing, asker_of
from verification.approvals.waits import Wait, find_circles
from verification.models import Verification
from verification.services.approvals import Terms, approve_outright

MESSAGE = "Verification deadlock detected"
USUAL_SECONDS = 900
# How a deadlock may have ended, for whoever translates the refusal.
_OUTCOMES = (gettext_noop("resolved"), gettext_noop("dissolved"))
_LOCK = 0x41_49_4D_44  # one namespace of advisory locks for this search


@transaction.atomic
def find_deadlocks(organization_id: UUID) -> list[Deadlock]:
    """Record the circles that are there and not on record yet. One search at a time in an organization: whichever
    comes later sees the requests of both.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_LOCK, organization_id.hex])
    rows = Approval.objects.filter(
        organization_id=organization_id,
        status=Approval.Status.PENDING,
        agents_only=True,
        expires_at__gt=database_now(),
    )
    found: list[Deadlock] = []
    for circle in find_circles([wait for approval in rows.order_by("id") for wait in _waits_of(approval)]):
        deadlock = _record(organization_id, circle)
        if deadlock is not None:
            found.append(deadlock)
    return found


def organizations_where_agents_wait() -> list[UUID]:
    rows = Approval.objects.filter(status=Approval.Status.PENDING, agents_only=True, expires_at__gt=database_now())
    return list(rows.order_by("organization_id").values_list("organization_id", flat=True).distinct())


@transaction.atomic
def resolve_deadlock(actor: Actor, deadlock_id: UUID, *, seconds: int = USUAL_SECONDS, note: str = "") -> Approval:
    """Do what was suggested: a temporary approval for the one agent, after which the others are not stuck any more.

    The checks that deny are asked as ever. Raises `ConflictError` when the circle is open already.
    """
    actor.require(Permission.APPROVALS_RESOLVE)
    deadlock = deadlock_by_id(actor, deadlock_id)
    held = hold(Approval.objects.get(id=deadlock.suggested_approval_id))
    locked = Deadlock.objects.select_for_update().get(id=deadlock.id)
    if locked.ended_at is not None:
        raise ConflictError(gettext("This deadlock is %(outcome)s already.") % {"outcome": gettext(locked.outcome)})
    # Ended before the request is settled, which would call it dissolved.
    end_deadlock(actor, locked, Deadlock.Outcome.RESOLVED, because=[held.approval])
    approve_outright(actor, held, terms=Terms(ApprovalVote.Mode.FOR, seconds), note=note or MESSAGE)
    return held.approval


def _waits_of(approval: Approval) -> list[Wait]:
    requirements = read_requirements(approval.requirements)
    agent = Agent.objects.get(id=approval.agent_id)
    asker = asker_of(agent, Verification.objects.get(id=approval.id), requirements)
    _, agreed = agreeing(approval)
    spoken = {voter.key for voter in agreed}
    waits = []
    for one in requirements:
        left = missing(one, agreed, asker)
        if not left or not is_for_agents(one):
            continue
        named = agents_who_may_decide(
            approval.organization_id, Q(id__in=[parse_id(IdKind.AGENT, name) for name in one.agents])
        )
        voters = frozenset(voter.id for voter in named if voter.key not in spoken and counts(one, voter, asker))
        waits.append(Wait(approval.id, agent.id, left, voters))
    return waits


def _record(organization_id: UUID, circle: Sequence[Wait]) -> Deadlock | None:
    ids = [wait.approval_id for wait in circle]
    # Whoever decides one of them comes before this, and it is no circle any more, or after, and dissolves it.
    rows = Approval.objects.select_for_update().filter(id__in=ids, status=Approval.Status.PENDING).order_by("id")
    approvals = [show_id(IdKind.APPROVAL, one) for one in ids]
    known = Deadlock.objects.filter(organization_id=organization_id, ended_at=None, approvals__contains=approvals)
    if len(list(rows)) != len(ids) or known.exists():
        return None
    agents = Agent.objects.in_bulk([wait.agent_id for wait in circle])
    first = min(circle, key=lambda wait: wait.approval_id)
    deadlock = Deadlock.objects.create(
        organization_id=organization_id,
        agents=[{"id": agents[wait.agent_id].public_id, "name": agents[wait.agent_id].name} for wait in circle],
        approvals=approvals,
        suggested_approval_id=first.approval_id,
        suggestion=f"Grant temporary approval to {agents[first.agent_id].display_name}",
        detected_at=database_now(),
    )
    append_entry(
        kind=Event.DEADLOCK_DETECTED.value,
        organization_id=organization_id,
        actor=system_actor(organization_id, label="approvals", permissions=frozenset()).entry(),
        subject={"kind": "deadlock", "id": deadlock.id.hex},
        subject_id=deadlock.id,
        data={
            "title": MESSAGE,
            "agents": deadlock.agents,
            "approvals": approvals,
            "suggestion": deadlock.suggestion,
            "suggested_approval": show_id(IdKind.APPROVAL, first.approval_id),
        },
    )
    return deadlock
