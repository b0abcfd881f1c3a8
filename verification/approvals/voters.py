"""The people and agents behind votes, as they are now: who has left, lost the role or was suspended has no voice."""

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Q

from accounts.contracts import Actor, ActorKind
from accounts.models import Membership
from accounts.permissions import Permission, permissions_of
from agents.models import Agent, AgentStatus
from aim.ids import IdKind, parse_id, show_id
from verification.approvals.eligibility import Asker, Voter, version_key
from verification.approvals.models import Approval, ApprovalVote
from verification.models import PolicyVersion, Verification
from verification.policies.results import ApprovalRequirement

PERSON, AGENT = ActorKind.PERSON.value, ActorKind.AGENT.value


def voters_by_key(organization_id: UUID, keys: Iterable[tuple[str, UUID]]) -> dict[tuple[str, UUID], Voter]:
    """Those of the keys that may decide today."""
    wanted = set(keys)
    people = [voter for kind, voter in wanted if kind == PERSON]
    agents = [voter for kind, voter in wanted if kind == AGENT]
    found: list[Voter] = []
    if people:
        found += people_who_may_decide(organization_id, Q(user_id__in=people))
    if agents:
        found += agents_who_may_decide(organization_id, Q(id__in=agents))
    return {voter.key: voter for voter in found}


def people_who_may_decide(organization_id: UUID, condition: Q) -> list[Voter]:
    rows = Membership.objects.filter(
        condition, organization_id=organization_id, user__is_active=True, organization__status="active"
    )
    return [
        Voter(
            kind=PERSON,
            id=row.user_id,
            public_id=row.user.public_id,
            label=row.user.email,
            role=row.role,
            teams=frozenset(team.public_id for team in row.teams.all()),
        )
        for row in rows.select_related("user").prefetch_related("teams")
        if Permission.APPROVALS_DECIDE in permissions_of(row.role)
    ]


def everybody_who_may_decide(organization_id: UUID) -> list[Voter]:
    """All people of the organization who may decide requests at all."""
    return people_who_may_decide(organization_id, Q())


def agents_who_may_decide(organization_id: UUID, condition: Q) -> list[Voter]:
    rows = Agent.objects.filter(condition, organization_id=organization_id, status=AgentStatus.VERIFIED)
    return [
        Voter(kind=AGENT, id=row.id, public_id=row.public_id, label=row.name, owner=row.owner_id)
        for row in rows.only("id", "name", "owner_id")
    ]


def voter_of(actor: Actor) -> Voter | None:
    """The actor as a voter, or None where it is none any more."""
    if actor.organization_id is None or actor.id is None:
        return None
    key = (actor.kind.value, actor.id)
    return voters_by_key(actor.organization_id, [key]).get(key)


def agreeing(approval: Approval) -> tuple[list[ApprovalVote], list[Voter]]:
    """The votes for the request that still count for somebody, and those who gave them."""
    votes = list(ApprovalVote.objects.filter(approval=approval, agrees=True))
    voters = voters_by_key(approval.organization_id, [(vote.voter_kind, vote.voter_id) for vote in votes])
    kept = [vote for vote in votes if (vote.voter_kind, vote.voter_id) in voters]
    return kept, [voters[vote.voter_kind, vote.voter_id] for vote in kept]


def asker_of(agent: Agent, verification: Verification, requirements: Iterable[ApprovalRequirement]) -> Asker:
    return Asker(agent.id, agent.owner_id, verification.user_id, authors_of(agent.organization_id, requirements))


def authors_of(organization_id: UUID, requirements: Iterable[ApprovalRequirement]) -> dict[str, UUID]:
    """Who wrote each of the policy versions that ask."""
    authors: dict[str, UUID] = {}
    for one in requirements:
        if not one.policy_id:
            continue
        version = PolicyVersion.objects.filter(
            policy__organization_id=organization_id,
            policy_id=parse_id(IdKind.POLICY, one.policy_id),
            number=one.policy_version,
        ).first()
        if version is not None and version.author_id is not None:
            authors[version_key(one.policy_id, one.policy_version)] = version.author_id
    return authors


def shown_voter(vote: ApprovalVote) -> str:
    return show_id(IdKind.USER if vote.voter_kind == PERSON else IdKind.AGENT, vote.voter_id)
