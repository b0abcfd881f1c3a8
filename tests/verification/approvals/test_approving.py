"""A person decides what waits: once, for a time, or not at all; and the agent learns it."""

from datetime import timedelta

import pytest

from accounts.errors import PermissionDeniedError
from accounts.models import Role
from aim.errors import InvalidInputError
from aim.ids import IdKind, parse_id
from aim.ledger.events import Event
from tests.factories.api import Api
from tests.factories.ledger import recorded
from tests.verification.approvals.inbox import make_inbox, verification
from tests.verification.world import native
from verification.approvals.errors import AlreadySettledError, AlreadyVotedError, NothingToWithdrawError
from verification.approvals.models import Approval
from verification.approvals.selectors import database_now
from verification.models import Verification
from verification.services.approvals import (
    Terms,
    approve_request,
    deny_request,
    withdraw_approval,
)
from verification.tasks import expire_approvals

pytestmark = pytest.mark.requirement("W4.6")


@pytest.fixture(scope="module")
def inbox():
    return make_inbox()


def test_a_pending_decision_has_its_request_for_approval(inbox):
    approval = inbox.ask(parameters={"lines": 5})
    row = verification(approval)
    assert (approval.status, approval.agent_id, approval.action_type) == ("pending", inbox.asker.agent.id, "file_read")
    assert bytes(approval.request_digest) == bytes(row.request_digest)
    assert (approval.expires_at, approval.created_at) == (row.expires_at, row.created_at)
    assert approval.requirements == [{"roles": ["manager", "admin"]}]
    assert approval.checks == ["policy"]


def test_approved_once_and_used_once(inbox):
    approval = inbox.ask()
    assert inbox.state(approval)["code"] == "approval_required"
    with recorded(inbox.organization_id, Event.APPROVAL_APPROVED) as entries:
        approve_request(inbox.manager.actor, approval.id, note="fine")
    data = entries[0]["data"]
    assert (data["status"], data["decision"]["status"], data["note"]) == ("approved", "approved", "fine")
    assert data["votes"][0]["voter"] == inbox.manager.user.public_id
    assert data["request_digest"] == bytes(approval.request_digest).hex()
    assert entries[0]["actor"]["id"] == inbox.manager.user.id.hex
    state = inbox.state(approval)
    assert (state["approved"], state["status"]) == (True, "approved")
    row = verification(approval)
    assert row.expires_at is not None
    assert timedelta(seconds=50) < row.expires_at - database_now() <= timedelta(seconds=60)
    assert inbox.report(approval).status_code == 200
    assert inbox.report(approval).status_code == 409


def test_an_approval_is_for_the_very_arguments(inbox):
    approval = inbox.ask(parameters={"lines": 5})
    approve_request(inbox.manager.actor, approval.id)
    other = inbox.ask(parameters={"lines": 6})
    assert other.id != approval.id
    assert inbox.state(other)["status"] == "pending"
    mismatch = inbox.report(approval, request_digest=bytes(other.request_digest).hex())
    assert (mismatch.status_code, mismatch.json()["detail"]) == (
        409,
        "The digest is not that of the approved request.",
    )
    assert inbox.report(approval, request_digest=bytes(approval.request_digest).hex()).status_code == 200


def test_denied_with_a_note_that_the_agent_is_told(inbox):
    approval = inbox.ask()
    with recorded(inbox.organization_id, Event.APPROVAL_DENIED):
        deny_request(inbox.manager.actor, approval.id, note="not before the audit")
    state = inbox.state(approval)
    assert (state["approved"], state["status"], state["code"]) == (False, "denied", "approval_denied")
    assert state["reason"] == "Approval denied: not before the audit"
    assert inbox.report(approval).status_code == 409
    with pytest.raises(AlreadySettledError, match=inbox.manager.user.email):
        approve_request(inbox.manager.actor, approval.id)
    with pytest.raises(InvalidInputError):
        deny_request(inbox.manager.actor, inbox.ask().id, note="  ")


def test_expiry_denies_and_is_on_record(inbox):
    by_task, by_agent, by_approver = (inbox.ask() for _ in range(3))
    for approval in (by_task, by_agent, by_approver):
        let_expire(approval)
    with recorded(inbox.organization_id, Event.APPROVAL_EXPIRED):
        assert inbox.state(by_agent)["code"] == "approval_expired"
    with recorded(inbox.organization_id, Event.APPROVAL_EXPIRED):
        assert approve_request(inbox.manager.actor, by_approver.id).status == "expired"
    expire_approvals()
    for approval in (by_task, by_agent, by_approver):
        approval.refresh_from_db()
        assert approval.status == "expired"
        assert verification(approval).code == "approval_expired"
        assert verification(approval).status == "denied"


def test_an_approval_that_is_not_used_in_time_is_none(inbox):
    approval = inbox.ask()
    approve_request(inbox.manager.actor, approval.id)
    Verification.objects.filter(id=approval.id).update(expires_at=database_now() - timedelta(seconds=1))
    assert inbox.state(approval)["code"] == "approval_expired"
    assert inbox.report(approval).status_code == 409


def test_withdrawn_by_the_agent_or_by_who_approves(inbox):
    approval = inbox.ask()
    answer = Api(inbox.asker.api_key).post(f"/verify/ver_{approval.id.hex}/withdraw", {})
    assert (answer.status_code, answer.json()["status"]) == (200, "denied")
    assert Approval.objects.get(id=approval.id).status == "withdrawn"
    approval = inbox.ask()
    with pytest.raises(NothingToWithdrawError):
        withdraw_approval(inbox.manager.actor, approval.id)
    approve_request(inbox.manager.actor, approval.id)
    with recorded(inbox.organization_id, Event.APPROVAL_WITHDRAWN):
        withdraw_approval(inbox.manager.actor, approval.id, note="wrong file")
    assert inbox.state(approval)["code"] == "approval_denied"
    assert inbox.report(approval).status_code == 409
    used = inbox.ask()
    approve_request(inbox.manager.actor, used.id)
    assert inbox.report(used).status_code == 200
    with pytest.raises(NothingToWithdrawError):
        withdraw_approval(inbox.manager.actor, used.id)


def test_a_role_below_decides_nothing(inbox):
    approval = inbox.ask()
    for role in (Role.MEMBER, Role.VIEWER):
        with pytest.raises(PermissionDeniedError):
            approve_request(inbox.person(role).actor, approval.id)
        with pytest.raises(PermissionDeniedError):
            deny_request(inbox.person(role).actor, approval.id, note="no")


@pytest.mark.parametrize(
    "terms",
    [
        Terms("for", 59),
        Terms("for", 8 * 3600 + 1),
        Terms("for", 60, "/other/**"),
        Terms("for", 60, "["),
        Terms("once", 60),
        Terms("ever"),
    ],
)
def test_terms_out_of_bounds_are_refused(inbox, terms):
    with pytest.raises(InvalidInputError):
        approve_request(inbox.manager.actor, inbox.ask().id, terms=terms)


def test_nobody_agrees_twice(inbox):
    approval = inbox.ask()
    Approval.objects.filter(id=approval.id).update(requirements=[{"roles": ["manager"], "count": 2}])
    approve_request(inbox.manager.actor, approval.id)
    with pytest.raises(AlreadyVotedError):
        approve_request(inbox.manager.actor, approval.id)
    assert inbox.state(approval)["status"] == "pending"


def test_the_same_signed_request_again_is_told_as_it_was_told_first():
    """Not the approval: that the agent learns by following, where the checks that deny are asked again."""
    inbox = make_inbox()
    signed = inbox.add_agent(require_approval=["file_read"], signed=True)
    raw, headers = signed.request()
    first = native(raw, headers)
    approval = Approval.objects.get(id=parse_id(IdKind.VERIFICATION, first.json()["verification_id"]))
    approve_request(inbox.manager.actor, approval.id)
    again = native(raw, headers)
    assert (again.status, again.body) == (first.status, first.body) == (202, first.body)
    assert inbox.state(approval, signed)["approved"] is True


def let_expire(approval):
    """Let its time have been over a second ago."""
    past = database_now() - timedelta(seconds=1)
    Approval.objects.filter(id=approval.id).update(expires_at=past)
    Verification.objects.filter(id=approval.id).update(expires_at=past)
