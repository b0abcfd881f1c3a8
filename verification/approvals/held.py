"""A request for approval with everything that belongs to it locked, in the one order that all changes keep:
the agent, its runtime row, the request. Decisions, suspensions and other votes come before it or after it.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from agents.models import Agent, AgentRuntime
from verification.approvals.eligibility import Asker
from verification.approvals.models import Approval
from verification.approvals.requirements import read_requirements
from verification.approvals.selectors import database_now
from verification.approvals.voters import asker_of
from verification.models import Completion, Verification
from verification.policies.results import ApprovalRequirement


@dataclass(slots=True)
class Held:
    approval: Approval
    verification: Verification
    agent: Agent
    now: datetime

    @property
    def requirements(self) -> tuple[ApprovalRequirement, ...]:
        return read_requirements(self.approval.requirements)

    @property
    def is_pending(self) -> bool:
        return self.approval.status == Approval.Status.PENDING

    @property
    def is_late(self) -> bool:
        return self.is_pending and self.approval.expires_at <= self.now

    @property
    def is_usable(self) -> bool:
        """Whether the approval was given, is not used, and may still be."""
        expires = self.verification.expires_at
        return (
            self.approval.status == Approval.Status.APPROVED
            and expires is not None
            and expires > self.now
            and not Completion.objects.filter(verification_id=self.approval.id).exists()
        )

    def asker(self, requirements: tuple[ApprovalRequirement, ...]) -> Asker:
        return asker_of(self.agent, self.verification, requirements)


def hold(approval: Approval) -> Held:
    assert connection.in_atomic_block
    agent = Agent.objects.select_for_update(of=("self",), no_key=True).get(id=approval.agent_id)
    AgentRuntime.objects.select_for_update(no_key=True).get(agent_id=agent.id)
    return held(approval, agent)


def held(approval: Approval, agent: Agent) -> Held:
    """As `hold`, for whoever has locked the agent."""
    locked = Approval.objects.select_for_update().get(id=approval.id)
    return Held(locked, Verification.objects.get(id=approval.id), agent, database_now())
