"""Who may agree to what. Pure: the people and agents are given, as they are at this moment."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.utils.translation import gettext as _

from accounts.models import Role
from verification.policies.results import ApprovalRequirement

RANKS = {role: rank for rank, role in enumerate((Role.VIEWER, Role.MEMBER, Role.MANAGER, Role.ADMIN))}


@dataclass(frozen=True, slots=True)
class Voter:
    """A person or an agent that could agree. `owner` is an agent's; `role` and `teams` are a person's."""

    kind: str
    id: UUID
    public_id: str
    label: str
    role: str = ""
    teams: frozenset[str] = frozenset()
    owner: UUID | None = None

    @property
    def key(self) -> tuple[str, UUID]:
        return self.kind, self.id


@dataclass(frozen=True, slots=True)
class Asker:
    """Whom the request is of: the agent, its owner, the person it says that it acts for, who wrote each policy."""

    agent_id: UUID
    owner: UUID | None
    acts_for: str
    authors: Mapping[str, UUID]


def roles_met_by(role: str) -> list[str]:
    """The roles that a person of this one has: it and those below."""
    rank = RANKS.get(Role(role), -1) if role in Role.values else -1
    return [one.value for one, other in RANKS.items() if other <= rank]


def may_meet(requirement: ApprovalRequirement, voter: Voter) -> bool:
    """Whether the voter is one of those the requirement names: a role means that role or a higher one."""
    if voter.kind == "agent":
        return voter.public_id in requirement.agents
    return (
        voter.public_id in requirement.users
        or not voter.teams.isdisjoint(requirement.teams)
        or not set(roles_met_by(voter.role)).isdisjoint(requirement.roles)
    )


def bar(requirement: ApprovalRequirement, voter: Voter, asker: Asker) -> str | None:
    """Why this voter, of all people, may not agree by this requirement; None where nothing stands against it."""
    if voter.kind == "agent":
        if voter.id == asker.agent_id:
            return _("An agent cannot approve its own request.")
        if requirement.exclude_owner and voter.owner is not None and voter.owner == asker.owner:
            return _("The agent's owner cannot approve by another agent of theirs.")
        return None
    if asker.acts_for.strip().casefold() in claims_of(voter):
        return _("Whom the agent acts for cannot approve the request.")
    if requirement.exclude_owner and voter.id == asker.owner:
        return _("The agent's owner cannot approve this request.")
    if asker.authors.get(_version(requirement)) == voter.id:
        return _("Whoever wrote the policy cannot approve by it.")
    return None


def claims_of(voter: Voter) -> frozenset[str]:
    """All that an agent may call a person it acts for, stripped and folded."""
    return frozenset(text for text in (voter.public_id, voter.id.hex, str(voter.id), voter.label.casefold()) if text)


def counts(requirement: ApprovalRequirement, voter: Voter, asker: Asker) -> bool:
    return may_meet(requirement, voter) and bar(requirement, voter, asker) is None


def missing(requirement: ApprovalRequirement, voters: Iterable[Voter], asker: Asker) -> int:
    """How many more must agree, when these have."""
    agreed = len({voter.key for voter in voters if counts(requirement, voter, asker)})
    return max(requirement.count - agreed, 0)


def are_met(requirements: Iterable[ApprovalRequirement], voters: Iterable[Voter], asker: Asker) -> bool:
    """Whether each requirement has its number. Nothing asked for is nothing agreed to."""
    asked, agreed = tuple(requirements), tuple(voters)
    return bool(asked) and all(one.count > 0 and not missing(one, agreed, asker) for one in asked)


def refusal_of(requirements: Iterable[ApprovalRequirement], voter: Voter, asker: Asker) -> str | None:
    """Why the voter can do nothing for any of the requirements, or None where it can."""
    reasons: list[str] = []
    for one in requirements:
        if not may_meet(one, voter):
            continue
        reason = bar(one, voter, asker)
        if reason is None:
            return None
        reasons.append(reason)
    return reasons[0] if reasons else _("You are not among those who may approve this request.")


def _version(requirement: ApprovalRequirement) -> str:
    return version_key(requirement.policy_id, requirement.policy_version)


def version_key(policy_id: str, number: int) -> str:
    return f"{policy_id}@{number}"
