"""All reads of approvals, grants and deadlocks. Each takes the actor first; an agent sees what it is asked."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from accounts.contracts import Actor, ActorKind
from accounts.models import Membership
from accounts.permissions import Permission
from agents.models import Agent
from aim.errors import NotFoundError
from aim.ids import IdKind, show_id
from verification.approvals.eligibility import RANKS, refusal_of
from verification.approvals.models import Approval, ApprovalVote, Deadlock, Grant
from verification.approvals.requirements import read_requirements
from verification.approvals.voters import asker_of, voter_of
from verification.documents import oldest_of
from verification.models import Verification

LATEST = 5_000
"""Of an agent's decisions so many are looked through for those that belong to a request."""
SHOWN = 20
_FIRST = UUID(int=0)
_ANYTHING_WAITS = """
SELECT EXISTS (
  SELECT FROM verification_approval WHERE organization_id = %s AND status = %s AND expires_at > statement_timestamp()
)
"""


def approvals_visible_to(actor: Actor) -> QuerySet[Approval]:
    """The one place that scopes requests for approval."""
    rows = Approval.objects.filter(organization_id=actor.scope)
    match actor.kind:
        case ActorKind.PERSON:
            return rows
        case ActorKind.AGENT:
            # What an agent has asked for itself it follows by its verification, which tells nothing of the rules.
            named = Q(requirements__contains=[{"agents": [show_id(IdKind.AGENT, actor.self_id)]}])
            return rows.filter(named).exclude(agent_id=actor.self_id)
        case _:
            return Approval.objects.none()


def approval_by_id(actor: Actor, approval_id: UUID) -> Approval:
    """Raises the same `NotFoundError` for an unknown request and for another organization's."""
    approval = approvals_visible_to(actor).filter(id=approval_id).first()
    if approval is None:
        raise NotFoundError
    return approval


def decidable_by(actor: Actor, rows: QuerySet[Approval]) -> QuerySet[Approval]:
    """Those that wait for the actor: somebody whom a requirement names and who has not said anything yet."""
    # An agent sees no others than those that name it.
    named = Q() if actor.kind is ActorKind.AGENT else _names_person(actor)
    voted = ApprovalVote.objects.filter(approval_id=OuterRef("id"), voter_kind=actor.kind.value, voter_id=actor.self_id)
    own = Verification.objects.filter(id=OuterRef("id"), user_id=show_id(IdKind.USER, actor.self_id))
    waiting = rows.filter(named, status=Approval.Status.PENDING, expires_at__gt=Now())
    return waiting.exclude(Exists(voted)).exclude(Exists(own))


def anything_waits(actor: Actor) -> bool:
    """Whether any request of the organization waits: asked at every page, and so without building a query anew."""
    with connection.cursor() as cursor:
        cursor.execute(_ANYTHING_WAITS, [actor.scope, Approval.Status.PENDING.value])
        found: bool = cursor.fetchone()[0]
    return found


def _names_person(actor: Actor) -> Q:
    named = Q(requirements__contains=[{"users": [show_id(IdKind.USER, actor.self_id)]}])
    # One row for each team, and one without where there is none.
    mine = Membership.objects.filter(organization_id=actor.scope, user_id=actor.self_id)
    places = list(mine.values_list("role", "teams"))
    if not places:
        return Q(pk__in=[])
    own_rank = RANKS.get(places[0][0], -1)  # type: ignore[call-overload]  # a stored role is text
    for role, rank in RANKS.items():
        if rank <= own_rank:
            named |= Q(requirements__contains=[{"roles": [role.value]}])
    for _role, team in places:
        if team is not None:
            named |= Q(requirements__contains=[{"teams": [show_id(IdKind.TEAM, team)]}])
    return named


def refusal_for(actor: Actor, approval: Approval, verification: Verification) -> str | None:
    """Why the actor's word would not count for the request, or None where it would."""
    if approval.status != Approval.Status.PENDING:
        return _("This request is %(status)s already.") % {"status": _(approval.status)}
    if not actor.may(Permission.APPROVALS_DECIDE) or (voter := voter_of(actor)) is None:
        return _("You may not decide requests.")
    if ApprovalVote.objects.filter(approval=approval, voter_kind=voter.kind, voter_id=voter.id).exists():
        return _("You have agreed to this request already.")
    requirements = read_requirements(approval.requirements)
    agent = Agent.objects.get(id=approval.agent_id)
    return refusal_of(requirements, voter, asker_of(agent, verification, requirements))


def approval_of(verification_id: UUID) -> Approval | None:
    """The request for approval behind a decision, if it was pending."""
    return Approval.objects.filter(id=verification_id).first()


def verifications_of(approvals: list[Approval]) -> dict[UUID, Verification]:
    """The decisions of a page of requests, in one query."""
    return Verification.objects.in_bulk([approval.id for approval in approvals])


def agents_of(approvals: list[Approval]) -> dict[UUID, Agent]:
    return Agent.objects.select_related("owner", "runtime").in_bulk({approval.agent_id for approval in approvals})


def names_of(approvals: list[Approval]) -> dict[UUID, Agent]:
    """Their agents, with nothing but the name: a list shows no more of them."""
    return Agent.objects.only("display_name").in_bulk({approval.agent_id for approval in approvals})


def votes_of(approvals: list[Approval]) -> dict[UUID, list[ApprovalVote]]:
    votes: dict[UUID, list[ApprovalVote]] = {approval.id: [] for approval in approvals}
    for vote in ApprovalVote.objects.filter(approval__in=approvals):
        votes[vote.approval_id].append(vote)
    return votes


# The latest are looked through once for both; which of them are shown is decided by the narrow rows that this leaves.
_EARLIER = """
WITH latest AS MATERIALIZED (
    SELECT id, session_id = %(session)s AND session_id <> '' AS in_session,
        action_type = %(action)s AND resource = %(resource)s AS in_history
    FROM verification_verification WHERE agent_id = %(agent)s AND id >= %(oldest)s AND id <> %(own)s
)
(SELECT 'session', id FROM latest WHERE in_session ORDER BY id DESC LIMIT %(most)s)
UNION ALL
(SELECT 'history', id FROM latest WHERE in_history ORDER BY id DESC LIMIT %(most)s)
"""


def earlier_of(verification: Verification) -> tuple[list[Verification], list[Verification]]:
    """What else the agent asked in the session that it names, and how its earlier requests for the same action on the
    same resource ended; each newest first.
    """
    parameters: dict[str, str | int | UUID] = {
        "session": verification.session_id,
        "action": verification.action_type,
        "resource": verification.resource,
        "agent": verification.agent_id,
        "oldest": oldest_of(Verification.objects.filter(agent_id=verification.agent_id), LATEST) or _FIRST,
        "own": verification.id,
        "most": SHOWN,
    }
    with connection.cursor() as cursor:
        cursor.execute(_EARLIER, parameters)
        found = cursor.fetchall()
    rows = Verification.objects.in_bulk({id_ for _part, id_ in found})

    def part(name: str) -> list[Verification]:
        ids = sorted((id_ for of, id_ in found if of == name and id_ in rows), reverse=True)
        return [rows[id_] for id_ in ids]

    return part("session"), part("history")


def grants_visible_to(actor: Actor) -> QuerySet[Grant]:
    if actor.kind is not ActorKind.PERSON:
        return Grant.objects.none()
    return Grant.objects.filter(organization_id=actor.scope).select_related("agent")


def grant_by_id(actor: Actor, grant_id: UUID) -> Grant:
    grant = grants_visible_to(actor).filter(id=grant_id).first()
    if grant is None:
        raise NotFoundError
    return grant


def deadlocks_visible_to(actor: Actor) -> QuerySet[Deadlock]:
    if actor.kind is not ActorKind.PERSON:
        return Deadlock.objects.none()
    return Deadlock.objects.filter(organization_id=actor.scope)


def deadlock_by_id(actor: Actor, deadlock_id: UUID) -> Deadlock:
    deadlock = deadlocks_visible_to(actor).filter(id=deadlock_id).first()
    if deadlock is None:
        raise NotFoundError
    return deadlock


def database_now() -> datetime:
    """This moment by the database's clock, to the millisecond, so that every writing of it agrees."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT date_trunc('milliseconds', clock_timestamp())")
        moment: datetime = cursor.fetchone()[0]
    return moment


def later(moment: datetime, seconds: int) -> datetime:
    return moment + timedelta(seconds=seconds)
