"""What a policy says of a request: the part of the decision's contract that policies and approvals share.

They stand apart from `verification.contracts`, which gives them on, because the snapshot holds some of them ready.
"""

from __future__ import annotations

from msgspec import Struct


class ApprovalRequirement(Struct, frozen=True, gc=False, omit_defaults=True):
    """Who must approve a pending request: `count` different approvers of those that any of the lists names.

    Roles are those of `accounts.models.Role`; users, agents and teams are shown ids. `exclude_owner` keeps the agent's
    own owner out. `expires_seconds` is None for the installation's usual time. `policy_id` and `policy_version` are
    empty and 0 where the agent's own require-approval list asks. Each requirement in `also` must be met too: several
    policies may ask for different people, and none of them may be passed over.
    """

    roles: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    count: int = 1
    exclude_owner: bool = False
    expires_seconds: int | None = None
    policy_id: str = ""
    policy_version: int = 0
    also: tuple[ApprovalRequirement, ...] = ()

    def every(self) -> tuple[ApprovalRequirement, ...]:
        """This one and those in `also`: a request is approved once all of them are met."""
        return (self, *self.also)


class PolicyMatch(Struct, frozen=True, gc=False, omit_defaults=True):
    """One policy that applied, as the record names it. With `shadow` it is what the policy would have said.

    `effect` is deny, require_approval or allow, or auto_approve where a condition lifted the approval.
    """

    policy_id: str
    version_id: str
    version: int
    effect: str
    shadow: bool = False


def strictest(requirements: list[ApprovalRequirement]) -> ApprovalRequirement:
    """One requirement that asks for all of these, and lives no longer than the shortest of them."""
    first, *others = requirements
    if not others:
        return first
    limits = [one.expires_seconds for one in requirements if one.expires_seconds is not None]
    return ApprovalRequirement(
        roles=first.roles,
        users=first.users,
        agents=first.agents,
        teams=first.teams,
        count=first.count,
        exclude_owner=first.exclude_owner,
        expires_seconds=min(limits, default=None),
        policy_id=first.policy_id,
        policy_version=first.policy_version,
        also=tuple(others),
    )


BY_MANAGERS = ApprovalRequirement(roles=("manager", "admin"))
"""What the agent's own require-approval list asks for."""
