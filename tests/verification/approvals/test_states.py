"""Whatever happens in whatever order: nothing is used twice, and nothing is approved after it was ended."""

from contextlib import suppress

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from agents.services.configuration import update_agent
from agents.services.lifecycle import resume_agent, suspend_agent
from aim.errors import ServiceError
from tests.verification.approvals.inbox import agent_actor, make_inbox, verification
from tests.verification.approvals.test_approving import let_expire
from verification.approvals.models import Approval
from verification.models import Completion
from verification.services.approvals import approve_request, deny_request, withdraw_approval, withdraw_own_request
from verification.tasks import expire_approvals

pytestmark = [pytest.mark.requirement("W4.6"), pytest.mark.slow]
ENDED = {"denied", "expired", "withdrawn", "revoked"}


class ApprovalStates(RuleBasedStateMachine):
    """One request that needs two managers, and everything that can happen to it."""

    def __init__(self) -> None:
        super().__init__()
        self.ended = False
        self.reports = 0
        self.scope_is_lost = False

    @initialize(agreed=st.booleans())
    def ask(self, agreed):
        self.inbox = make_inbox(require_approval=[])
        self.second = self.inbox.person()
        self.approval = self.inbox.ask_by_rule(roles=["manager"], count=2)
        if agreed:
            self.agree(["first", "second"])

    def status(self):
        return Approval.objects.get(id=self.approval.id).status

    def attempt(self, action):
        """Services refuse by their own errors only; anything else is a fault."""
        with suppress(ServiceError):
            action()
        if self.status() in ENDED:
            self.ended = True

    @rule(who=st.sampled_from([["first"], ["second"], ["second", "first"]]))
    def agree(self, who):
        people = {"first": self.inbox.manager, "second": self.second}
        for name in who:
            self.attempt(lambda: approve_request(people[name].actor, self.approval.id))  # noqa: B023 - called at once

    @rule(how=st.sampled_from(["denied", "withdrawn by agent", "withdrawn", "late", "suspended"]))
    def end(self, how):
        agent = self.inbox.asker.agent
        match how:
            case "denied":
                self.attempt(lambda: deny_request(self.second.actor, self.approval.id, note="no"))
            case "withdrawn by agent":
                self.attempt(lambda: withdraw_own_request(agent_actor(self.inbox.asker), self.approval.id))
            case "withdrawn":
                self.attempt(lambda: withdraw_approval(self.inbox.manager.actor, self.approval.id))
            case "late" if self.status() == "pending":
                let_expire(self.approval)
                self.attempt(expire_approvals)
            case "suspended":
                self.attempt(lambda: suspend_agent(self.inbox.admin, agent.id, reason="test"))
                # What was promised is gone at once, whether anybody asks for it or not.
                assert self.reports or self.status() in ENDED

    @rule()
    def agent_is_resumed(self):
        self.attempt(lambda: resume_agent(self.inbox.admin, self.inbox.asker.agent.id, reason="test"))

    @rule()
    def scope_is_taken(self):
        self.scope_is_lost = True
        update_agent(self.inbox.admin, self.inbox.asker.agent.id, changes={"resource_scope": ["/other/**"]})

    @rule()
    def agent_follows(self):
        approved = self.inbox.state(self.approval)["approved"]
        if approved:
            assert self.status() == "approved"
            assert not self.ended
            assert not self.scope_is_lost or self.reports
        self.attempt(lambda: None)

    @rule()
    def agent_reports(self):
        before = self.ended or self.status() != "approved" or self.scope_is_lost
        if self.inbox.report(self.approval).status_code == 200:
            self.reports += 1
            assert not before
        self.attempt(lambda: None)

    @invariant()
    def it_is_used_once_and_never_after_its_end(self):
        if not hasattr(self, "approval"):
            return
        status = self.status()
        assert self.reports <= 1
        assert Completion.objects.filter(verification_id=self.approval.id).count() == self.reports
        assert not (self.ended and status not in ENDED)
        assert not (status in ENDED and self.reports)
        decided = verification(self.approval).status
        assert decided == {"pending": "pending", "approved": "approved"}.get(status, "denied")


ApprovalStates.TestCase.settings = settings(
    max_examples=40, stateful_step_count=8, deadline=None, suppress_health_check=list(HealthCheck), database=None
)
TestApprovalStates = ApprovalStates.TestCase
