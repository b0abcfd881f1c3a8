"""All reads of approvals, grants and deadlocks. Each takes the actor first; an agent sees what it is asked."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet
from django.db.models.expressions import RawSQL
from django.utils.translation import gettext as _

from accounts.contracts import Actor, ActorKind
from accounts.permissions import Permission, permissions_of
from agents.models import Agent
from aim import clock
from aim.errors import NotFoundError
from aim.ids import IdKind, show_id
from verification.approvals.eligibility import Voter, refusal_of
from verification.approvals.models import Approval, ApprovalVote, Deadlock, Grant
from verification.approvals.open_to import open_to
from verification.approvals.requirements import read_requirements
from verification.approvals.voters import asker_of, voter_of
from verification.documents import oldest_of
from verification.models import Verification

LATEST = 5_000
"""Of an agent's decisions so many are looked through for those that belong to a request."""
SHOWN = 20
_FIRST = UUID(int=0)
_ANY_WAITS = """EXISTS (
    SELECT FROM verification_approval
    WHERE organization_id = %(organization)s AND status = 'pending' AND expires_at > statement_timestamp()
)"""
_PERSON = f"""
SELECT person.email, mine.role, ARRAY(
    SELECT team_id FROM accounts_team_members WHERE membership_id = mine.id
)
FROM accounts_membership AS mine
JOIN accounts_user AS person ON person.id = mine.user_id AND person.is_active
JOIN accounts_organization AS home ON home.id = mine.organization_id AND home.status = 'active'
WHERE mine.organization_id = %(organization)s AND mine.user_id = %(me)s AND {_ANY_WAITS}
"""  # noqa: S608 - a statement of this file's own
_AGENT = f"""
SELECT name, owner_id FROM agents_agent
WHERE organization_id = %(organization)s AND id = %(me)s AND status = 'verified' AND {_ANY_WAITS}
"""  # noqa: S608 - a statement of this file's own


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
    """Those that wait for the actor: of which `refusal_for` says nothing, before they have expired.

    One look at who the actor is, which tells as well where nothing waits for anybody.
    """
    if not actor.may(Permission.APPROVALS_DECIDE) or (voter := _voter_where_any_waits(actor)) is None:
        return rows.none()
    statement, parameters = open_to(voter, actor.scope)
    return rows.filter(id__in=RawSQL(statement, parameters))  # noqa: S611 - values are parameters


def _voter_where_any_waits(actor: Actor) -> Voter | None:
    """The actor as `voter_of` makes it; None too where no request of the organization waits."""
    of_person = actor.kind is ActorKind.PERSON
    with connection.cursor() as cursor:
        cursor.execute(_PERSON if of_person else _AGENT, {"organization": actor.scope, "me": actor.self_id})
        found = cursor.fetchone()
    if found is None:
        return None
    if not of_person:
        name, owner = found
        return Voter(actor.kind.value, actor.self_id, show_id(IdKind.AGENT, actor.self_id), name, owner=owner)
    email, role, teams = found
    if Permission.APPROVALS_DECIDE not in permissions_of(role):
        return None
    return Voter(
        kind=actor.kind.value,
        id=actor.self_id,
        public_id=show_id(IdKind.USER, actor.self_id),
        label=email,
        role=role,
        teams=frozenset(show_id(IdKind.TEAM, team) for team in teams),
    )


def refusal_for(actor: Actor, approval: Approval, verification: Verification) -> str | None:
    """Why the actor's word would not count for the request, or None where it would."""
    if approval.status != Approval.Status.PENDING:
        return _("This request is %(status)s already.") % {"status": _(approval.status)}
    if approval.expires_at <= clock.now():
        return _("This request is %(status)s already.") % {"status": _(Approval.Status.EXPIRED.value)}
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
