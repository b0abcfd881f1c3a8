"""The shapes of approvals, grants and deadlocks over HTTP."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from aim.api.serializers import IdField, MomentField, StrictSerializer, TextField, WholeNumberField
from aim.ids import IdKind, show_id
from aim.resources.patterns import MAX_PATTERN
from verification.api.serializers import CheckSerializer, VerificationSerializer, shown_checks
from verification.approvals.models import Approval, ApprovalVote, Deadlock, Grant
from verification.approvals.requirements import read_requirements
from verification.approvals.settling import LONGEST_NOTE
from verification.approvals.voters import shown_voter
from verification.models import Verification
from verification.services.approvals import LONGEST_GRANT, SHORTEST_GRANT


class ApproveSerializer(StrictSerializer):
    """This once, or for `seconds` (3600 if not given) for the same agent, action and resource."""

    mode = serializers.ChoiceField(choices=ApprovalVote.Mode.choices, default=ApprovalVote.Mode.ONCE)
    seconds = WholeNumberField(min_value=SHORTEST_GRANT, max_value=LONGEST_GRANT, required=False)
    resource = TextField(
        max_length=MAX_PATTERN, required=False, help_text="A pattern that the resource matches, instead of it alone."
    )
    note = TextField(max_length=LONGEST_NOTE, required=False, allow_blank=True)


class DenySerializer(StrictSerializer):
    """Why. The agent is told."""

    note = TextField(max_length=LONGEST_NOTE)


class RevokeGrantSerializer(StrictSerializer):
    """Why the grant ends."""

    reason = TextField(max_length=LONGEST_NOTE)


class ResolveSerializer(StrictSerializer):
    """How long the temporary approval holds, 900 seconds if not given."""

    seconds = WholeNumberField(min_value=SHORTEST_GRANT, max_value=LONGEST_GRANT, required=False)
    note = TextField(max_length=LONGEST_NOTE, required=False, allow_blank=True)


class VoteSerializer(serializers.Serializer[Any]):
    """What one approver said."""

    voter = serializers.SerializerMethodField()
    name = serializers.CharField(source="voter_label", help_text="An e-mail address, or the name of an agent.")
    agrees = serializers.BooleanField()
    mode = serializers.ChoiceField(choices=ApprovalVote.Mode.choices)
    seconds = serializers.IntegerField(allow_null=True)
    note = serializers.CharField()
    voted_at = MomentField()

    def get_voter(self, vote: ApprovalVote) -> str:
        """`usr_…` or `agt_…`."""
        return shown_voter(vote)


class RequirementSerializer(serializers.Serializer[Any]):
    """Who may approve, and how many of them must. Each requirement must be met."""

    roles = serializers.ListField(child=serializers.CharField(), help_text="Such a role or a higher one.")
    users = serializers.ListField(child=serializers.CharField())
    teams = serializers.ListField(child=serializers.CharField())
    agents = serializers.ListField(child=serializers.CharField())
    count = serializers.IntegerField()
    exclude_owner = serializers.BooleanField()
    policy_id = serializers.CharField(help_text="Empty for the agent's own require-approval list.")
    policy_version = serializers.IntegerField()


class ApprovalSerializer(serializers.Serializer[Any]):
    """A request for approval as it is listed."""

    id = IdField(kind=IdKind.APPROVAL)
    verification_id = IdField(kind=IdKind.VERIFICATION, source="id")
    status = serializers.ChoiceField(choices=Approval.Status.choices)
    agent = serializers.SerializerMethodField()
    action_type = serializers.CharField()
    resource = serializers.SerializerMethodField()
    user_id = serializers.SerializerMethodField()
    session_id = serializers.SerializerMethodField()
    reason = serializers.SerializerMethodField()
    request_digest = serializers.SerializerMethodField()
    requirements = serializers.SerializerMethodField()
    votes = serializers.SerializerMethodField()
    created_at = MomentField()
    expires_at = MomentField()
    settled_at = MomentField(allow_null=True)

    def _verification(self, approval: Approval) -> Verification:
        verification: Verification = self.context["verifications"][approval.id]
        return verification

    def get_agent(self, approval: Approval) -> dict[str, str]:
        agent = self.context["agents"][approval.agent_id]
        return {"id": agent.public_id, "name": agent.name, "display_name": agent.display_name, "status": agent.status}

    def get_resource(self, approval: Approval) -> str:
        return self._verification(approval).resource

    def get_user_id(self, approval: Approval) -> str:
        """Whom the agent says that it acts for."""
        return self._verification(approval).user_id

    def get_session_id(self, approval: Approval) -> str:
        return self._verification(approval).session_id

    def get_reason(self, approval: Approval) -> str:
        """What the agent is told at this moment; empty once it may act."""
        return self._verification(approval).reason

    def get_request_digest(self, approval: Approval) -> str:
        """SHA-256 of agent, action, resource and parameters in canonical JSON: what is agreed to, and nothing else."""
        return bytes(approval.request_digest).hex()

    @extend_schema_field(RequirementSerializer(many=True))
    def get_requirements(self, approval: Approval) -> Any:
        return RequirementSerializer(read_requirements(approval.requirements), many=True).data

    @extend_schema_field(VoteSerializer(many=True))
    def get_votes(self, approval: Approval) -> Any:
        return VoteSerializer(self.context["votes"][approval.id], many=True).data


class GrantSerializer(serializers.Serializer[Any]):
    """Leave for a time. It never allows what a check denies."""

    id = IdField(kind=IdKind.GRANT)
    agent_id = IdField(kind=IdKind.AGENT)
    approval_id = IdField(kind=IdKind.APPROVAL)
    action_type = serializers.CharField()
    resource = serializers.CharField()
    is_pattern = serializers.BooleanField()
    granted_by = serializers.CharField()
    created_at = MomentField()
    expires_at = MomentField()
    revoked_at = MomentField(allow_null=True)
    revoke_reason = serializers.CharField()


class ApprovalDetailSerializer(ApprovalSerializer):
    """A request with everything that whoever decides needs to see."""

    action = serializers.SerializerMethodField()
    data_claims = serializers.SerializerMethodField()
    context_claims = serializers.SerializerMethodField()
    waits_for = serializers.SerializerMethodField()
    requester = serializers.SerializerMethodField()
    may_decide = serializers.SerializerMethodField()
    session = serializers.SerializerMethodField()
    history = serializers.SerializerMethodField()
    grant = serializers.SerializerMethodField()

    def _recorded(self) -> dict[str, Any]:
        data: dict[str, Any] = self.context["record"]["data"]
        return data

    def get_action(self, _approval: Approval) -> dict[str, Any]:
        """The exact arguments, as they are on record: action, resource, parameters, MCP server and tool."""
        action: dict[str, Any] = self._recorded()["action"]
        return action

    def get_data_claims(self, _approval: Approval) -> dict[str, Any]:
        claims: dict[str, Any] = self._recorded()["claims"] or {}
        return claims

    def get_context_claims(self, _approval: Approval) -> dict[str, Any]:
        context: dict[str, Any] = self._recorded()["context"] or {}
        return context

    @extend_schema_field(CheckSerializer(many=True))
    def get_waits_for(self, _approval: Approval) -> list[dict[str, Any]]:
        """The checks that ask for approval, and why."""
        return [line for line in shown_checks(self._recorded()) if line["result"] == "needs_approval"]

    def get_requester(self, approval: Approval) -> dict[str, Any]:
        """The chain behind the request: agent, owner, whom it says that it acts for, and how it came."""
        agent, actor = self.context["agents"][approval.agent_id], self.context["record"]["actor"]
        owner = agent.owner
        trust = agent.runtime.trust_score
        return {
            "agent": {**self.get_agent(approval), "trust_score": None if trust is None else float(trust)},
            "owner": {"id": owner.public_id, "label": owner.email} if owner else None,
            "acts_for": self._verification(approval).user_id,
            "address": actor["address"],
            "credential": actor["credential"],
            "keyid": self._recorded()["keyid"],
        }

    def get_may_decide(self, _approval: Approval) -> dict[str, Any]:
        """Whether the caller's word counts now, and why not."""
        reason = self.context["refusal"]
        return {"approve": reason is None, "reason": reason or ""}

    @extend_schema_field(VerificationSerializer(many=True))
    def get_session(self, _approval: Approval) -> Any:
        """What else the agent asked in this session, newest first."""
        return VerificationSerializer(self.context["session"], many=True, context=self.context).data

    @extend_schema_field(VerificationSerializer(many=True))
    def get_history(self, _approval: Approval) -> Any:
        """The agent's earlier requests for this action on this resource, newest first."""
        return VerificationSerializer(self.context["history"], many=True, context=self.context).data

    @extend_schema_field(GrantSerializer(allow_null=True))
    def get_grant(self, approval: Approval) -> Any:
        grant: Grant | None = getattr(approval, "grant", None)
        return None if grant is None else GrantSerializer(grant).data


class DeadlockAgentSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    name = serializers.CharField()


class DeadlockSerializer(serializers.Serializer[Any]):
    """Agents that wait for each other in a circle; each waits for the next, the last for the first."""

    id = IdField(kind=IdKind.DEADLOCK)
    status = serializers.SerializerMethodField()
    agents = DeadlockAgentSerializer(many=True)
    approvals = serializers.ListField(child=serializers.CharField())
    suggestion = serializers.CharField()
    suggested_approval = serializers.SerializerMethodField()
    detected_at = MomentField()
    ended_at = MomentField(allow_null=True)

    @extend_schema_field({"type": "string", "enum": ["open", *Deadlock.Outcome.values]})
    def get_status(self, deadlock: Deadlock) -> str:
        return deadlock.outcome or "open"

    def get_suggested_approval(self, deadlock: Deadlock) -> str:
        return show_id(IdKind.APPROVAL, deadlock.suggested_approval_id)
