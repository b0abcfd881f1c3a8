"""Which requests wait for somebody, as SQL: those of which `eligibility.refusal_of` says nothing, and no vote is there.

It is what a list, a badge and a count ask; a test compares it with the rules themselves.
"""

from uuid import UUID

from accounts.contracts import ActorKind
from verification.approvals.claims import claimed_sql
from verification.approvals.eligibility import Voter, claims_of, roles_met_by

_OPEN = """
SELECT approval.id FROM verification_approval AS approval
JOIN verification_verification AS asked ON asked.id = approval.id
JOIN agents_agent AS agent ON agent.id = approval.agent_id
WHERE approval.organization_id = %s AND approval.status = 'pending' AND approval.expires_at > statement_timestamp()
    AND NOT EXISTS (
        SELECT FROM verification_approvalvote AS vote
        WHERE vote.approval_id = approval.id AND vote.voter_kind = %s AND vote.voter_id = %s
    )
    AND {own}
    AND EXISTS (SELECT FROM jsonb_array_elements(approval.requirements) AS one WHERE {meets} AND NOT {barred})
"""
_NOT_ITS_OWN = "approval.agent_id <> %s"
_EXCLUDES_OWNER = "coalesce((one->>'exclude_owner')::boolean, false)"
_OWNER = "(" + _EXCLUDES_OWNER + " AND coalesce(agent.owner_id = %s, false))"
_NAMES_PERSON = "(one->'users' ? %s OR one->'teams' ?| %s::text[] OR one->'roles' ?| %s::text[])"
_NAMES_AGENT = "one->'agents' ? %s"
_AUTHOR = """EXISTS (
    SELECT FROM verification_policyversion AS version
    JOIN verification_policy AS policy ON policy.id = version.policy_id
    WHERE version.author_id = %s AND policy.organization_id = agent.organization_id
        AND version.number = (one->>'policy_version')::int
        AND 'pol_' || replace(version.policy_id::text, '-', '') = one->>'policy_id'
)"""


def open_to(voter: Voter, organization_id: UUID) -> tuple[str, list[object]]:
    """A statement for the ids of the requests that the voter can do something for, and its parameters."""
    parameters: list[object] = [organization_id, voter.kind, voter.id]
    if voter.kind == ActorKind.AGENT.value:
        statement = _OPEN.format(own=_NOT_ITS_OWN, meets=_NAMES_AGENT, barred=_OWNER)
        return statement, [*parameters, voter.id, voter.public_id, voter.owner]
    claimed, claims = claimed_sql("asked.user_id", claims_of(voter))
    statement = _OPEN.format(own=f"NOT {claimed}", meets=_NAMES_PERSON, barred=f"({_OWNER} OR {_AUTHOR})")
    named = [voter.public_id, sorted(voter.teams), roles_met_by(voter.role)]
    return statement, [*parameters, *claims, *named, voter.id, voter.id]
