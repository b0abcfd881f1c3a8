"""Many at the same moment: one effect, whatever the order."""

import random
from collections.abc import Callable

import pytest

from accounts.models import Role
from agents.services.lifecycle import resume_agent, suspend_agent
from aim.ledger.events import Event
from aim.ledger.models import Entry
from tests.factories.threads import at_once
from tests.verification.approvals.inbox import make_inbox, verification
from tests.verification.approvals.test_approving import let_expire
from verification.approvals.errors import AlreadySettledError
from verification.approvals.models import Approval, ApprovalVote, Grant
from verification.services.approvals import Terms, approve_request, deny_request
from verification.tasks import expire_approvals

pytestmark = pytest.mark.requirement("W4.6")
ENDS = [
    Event.APPROVAL_APPROVED,
    Event.APPROVAL_DENIED,
    Event.APPROVAL_EXPIRED,
    Event.APPROVAL_REVOKED,
    Event.APPROVAL_WITHDRAWN,
]


@pytest.fixture(scope="module")
def inbox():
    return make_inbox()


def ends(approval):
    return sorted(Entry.objects.filter(subject_id=approval.id, kind__in=ENDS).values_list("kind", flat=True))


@pytest.mark.slow
@pytest.mark.parametrize("needed", [1, 3])
def test_of_fifty_approvers_just_enough_count(inbox, needed):
    approval = inbox.ask_by_rule(roles=["manager"], count=needed)
    people = [inbox.person(Role.MANAGER) for _ in range(50)]
    results = at_once(50, lambda index: approve_request(people[index].actor, approval.id, terms=Terms("for", 600)))
    agreed = [result for result in results if isinstance(result, Approval)]
    assert len(agreed) == needed
    assert all(isinstance(result, AlreadySettledError) for result in results if result not in agreed)
    assert sorted(one.status for one in agreed) == ["approved"] + ["pending"] * (needed - 1)
    assert ApprovalVote.objects.filter(approval=approval).count() == needed
    assert ends(approval) == ["verification.approval.approved"]
    assert Grant.objects.filter(approval=approval).count() == 1


@pytest.mark.slow
def test_one_person_with_fifty_hands_agrees_once(inbox):
    approval = inbox.ask_by_rule(roles=["manager"], count=2)
    results = at_once(50, lambda _: approve_request(inbox.manager.actor, approval.id))
    assert sum(isinstance(result, Approval) for result in results) == 1
    assert ApprovalVote.objects.filter(approval=approval).count() == 1
    assert Approval.objects.get(id=approval.id).status == "pending"


@pytest.mark.slow
def test_approve_deny_suspend_and_expire_have_one_winner(inbox):
    """Whoever comes first; and after a suspension nothing is approved, even where the approval came before it."""
    for round_number in range(12):
        approval = inbox.ask()
        if round_number % 3 == 0:
            let_expire(approval)
        actions: list[Callable[[], object]] = [
            lambda: approve_request(inbox.manager.actor, approval.id),  # noqa: B023 - all end within the round
            lambda: deny_request(inbox.admin, approval.id, note="no"),  # noqa: B023
            lambda: suspend_agent(inbox.admin, inbox.asker.agent.id, reason="test"),
            expire_approvals,
        ]
        random.shuffle(actions)
        at_once(len(actions), lambda index: actions[index]())  # noqa: B023
        approval.refresh_from_db()
        assert approval.status in {"denied", "revoked", "expired"}
        assert verification(approval).status == "denied"
        assert ends(approval) in (
            [f"verification.approval.{approval.status}"],
            ["verification.approval.approved", "verification.approval.revoked"],
        )
        assert inbox.report(approval).status_code == 409
        resume_agent(inbox.admin, inbox.asker.agent.id, reason="test")


@pytest.mark.slow
def test_one_approval_is_used_once(inbox):
    approval = inbox.ask()
    approve_request(inbox.manager.actor, approval.id)
    codes = at_once(20, lambda _: inbox.report(approval).status_code)
    assert sorted(codes) == [200] + [409] * 19
