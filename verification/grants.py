"""Leave that approvers have given in advance, compiled for the decision. It answers what needs approval, and nothing
else: a check that refuses has refused before a grant is looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from aim.ids import IdKind, show_id
from aim.resources.patterns import Scope, compile_scope
from aim.resources.resource import Resource, normalize_resource

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from verification.contracts import ActionRequest
    from verification.policies.results import ApprovalRequirement


@dataclass(frozen=True, slots=True)
class StandingGrant:
    """`covers` names the policies that are answered, each in one version: a new version asks anew."""

    public_id: str
    place: Resource | None
    scope: Scope | None
    mcp_server: str | None
    tool: str | None
    checks: frozenset[str]
    covers: frozenset[tuple[str, int]]
    until: float
    granted_by: str

    def allows(self, request: ActionRequest) -> bool:
        """Whether the request is for the thing that the grant names, by the same server and tool."""
        if request.place is None or request.mcp_server != self.mcp_server or request.tool != self.tool:
            return False
        return request.place == self.place if self.scope is None else self.scope.allows(request.place)


class Grants:
    """The grants of one agent, by the action they allow."""

    __slots__ = ("_by_action",)

    def __init__(self, grants: Iterable[tuple[str, StandingGrant]]) -> None:
        self._by_action: dict[str, list[StandingGrant]] = {}
        for action, grant in grants:
            self._by_action.setdefault(action, []).append(grant)

    def find(
        self, request: ActionRequest, *, checks: frozenset[str], requirement: ApprovalRequirement, now: float
    ) -> StandingGrant | None:
        """A grant that answers everything these checks ask for at this moment, or None."""
        grants = self._by_action.get(request.action_type)
        if grants is None:
            return None
        asked = {(one.policy_id, one.policy_version) for one in requirement.every()}
        for grant in grants:
            if now < grant.until and checks <= grant.checks and asked <= grant.covers and grant.allows(request):
                return grant
        return None


NO_GRANTS = Grants(())


def compile_grants(rows: Sequence[Sequence[Any]]) -> Grants:
    """The grants of the rows that `verification.snapshot` reads; raises where one of them cannot be understood."""
    return Grants(map(_compiled, rows)) if rows else NO_GRANTS


def _compiled(row: Sequence[Any]) -> tuple[str, StandingGrant]:
    grant_id, action, resource, is_pattern, mcp_server, tool, checks, covers, until, granted_by = row
    return action, StandingGrant(
        public_id=show_id(IdKind.GRANT, UUID(grant_id)),
        place=None if is_pattern else normalize_resource(resource),
        scope=compile_scope([resource]) if is_pattern else None,
        mcp_server=mcp_server or None,
        tool=tool or None,
        checks=frozenset(checks),
        covers=frozenset((policy, version) for policy, version in covers),
        until=float(until),
        granted_by=granted_by,
    )
