"""An approval never beats a denial: the checks are asked again when it is given and when it is used."""

from datetime import timedelta

import pytest

from accounts.models import Role
from accounts.services.members import change_role, remove_member
from agents.models import AgentRuntime
from agents.services.configuration import update_agent
from agents.services.lifecycle import resume_agent, revoke_agent, suspend_agent
from aim.ledger.events import Event
from aim.ledger.models import Entry
from tests.factories.ledger import recorded
from tests.verification.approvals.inbox import actor_of, make_inbox, verification
from verification.approvals.errors import AlreadySettledError
from verification.approvals.models import Approval, Grant
from verification.approvals.selectors import database_now
from verification.models import Verification
from verification.services.approvals import Terms, approve_request, deny_request
from verification.services.containments import place_containment

pytestmark = pytest.mark.requirement("W4.6")
FOR_AN_HOUR = Terms("for", 3600)


@pytest.fixture
def inbox():
    return make_inbox()


def no_capability(inbox):
    update_agent(inbox.admin, inbox.asker.agent.id, changes={"capabilities": ["database.read"]})


def no_scope(inbox):
    update_agent(inbox.admin, inbox.asker.agent.id, changes={"resource_scope": ["/other/**"]})


def auto_deny(inbox):
    update_agent(inbox.admin, inbox.asker.agent.id, changes={"auto_deny": ["file_read"]})


def low_trust(inbox):
    update_agent(inbox.admin, inbox.asker.agent.id, changes={"min_trust": 100})
    AgentRuntime.objects.filter(agent_id=inbox.asker.agent.id).update(trust_score=None)


def quarantine(inbox):
    place_containment(inbox.admin, kind="resource", pattern="/app/config/**", reason="incident")


def other_network(inbox):
    update_agent(inbox.admin, inbox.asker.agent.id, changes={"allowed_ip_ranges": ["192.0.2.0/24"]})


CHANGES = {
    no_capability: {"capability_missing"},
    no_scope: {"out_of_scope"},
    auto_deny: {"policy_denied"},
    low_trust: {"trust_too_low", "check_failed"},
    quarantine: {"quarantined"},
    other_network: {"ip_not_allowed"},
}


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_what_a_check_denies_now_is_not_approved(inbox, change):
    approval = inbox.ask()
    change(inbox)
    with recorded(inbox.organization_id, Event.APPROVAL_DENIED):
        assert approve_request(inbox.manager.actor, approval.id, terms=FOR_AN_HOUR).status == "denied"
    state = inbox.state(approval)
    assert (state["approved"], state["status"]) == (False, "denied")
    assert state["code"] in CHANGES[change]
    assert not Grant.objects.filter(approval_id=approval.id).exists()


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_what_a_check_denies_now_may_not_be_used(inbox, change):
    followed, reported = inbox.ask(), inbox.ask()
    for approval in (followed, reported):
        approve_request(inbox.manager.actor, approval.id)
    change(inbox)
    state = inbox.state(followed)
    assert (state["approved"], state["status"]) == (False, "denied")
    assert state["code"] in CHANGES[change]
    assert inbox.report(reported).status_code == 409
    for approval in (followed, reported):
        assert Approval.objects.get(id=approval.id).status == "revoked"
        assert Entry.objects.filter(kind=Event.APPROVAL_REVOKED, subject_id=approval.id).count() == 1


@pytest.mark.parametrize(
    ("end", "code"), [(suspend_agent, "agent_suspended"), (revoke_agent, "agent_revoked")], ids=["suspend", "revoke"]
)
def test_suspension_takes_all_that_was_promised(inbox, end, code):
    waiting, unused, used = inbox.ask(), inbox.ask(), inbox.ask()
    approve_request(inbox.manager.actor, used.id)
    assert inbox.report(used).status_code == 200
    approve_request(inbox.manager.actor, unused.id, terms=FOR_AN_HOUR)
    end(inbox.admin, inbox.asker.agent.id, reason="compromised")
    for approval in (waiting, unused):
        assert Approval.objects.get(id=approval.id).status == "revoked"
        assert (verification(approval).status, verification(approval).code) == ("denied", code)
    assert Approval.objects.get(id=used.id).status == "approved"
    assert Grant.objects.get(approval_id=unused.id).revoked_at is not None
    with pytest.raises(AlreadySettledError):
        approve_request(inbox.manager.actor, waiting.id)
    assert inbox.report(unused).status_code == 409


def test_nothing_comes_back_with_the_agent(inbox):
    waiting = inbox.ask()
    suspend_agent(inbox.admin, inbox.asker.agent.id, reason="test")
    resume_agent(inbox.admin, inbox.asker.agent.id, reason="test")
    assert inbox.state(waiting)["code"] == "agent_suspended"
    with pytest.raises(AlreadySettledError):
        approve_request(inbox.manager.actor, waiting.id)


@pytest.mark.parametrize("end", ["removed", "demoted"])
def test_who_may_not_decide_any_more_has_not_decided(inbox, end):
    approval, waiting = inbox.ask(), inbox.ask_by_rule(roles=["manager"], count=2)
    approve_request(inbox.manager.actor, approval.id, terms=FOR_AN_HOUR)
    approve_request(inbox.manager.actor, waiting.id)
    user, organization_id = inbox.manager.user.id, inbox.organization_id
    if end == "removed":
        remove_member(inbox.admin, user, organization_id=organization_id)
    else:
        change_role(inbox.admin, user, organization_id=organization_id, role=Role.MEMBER)
    assert Approval.objects.get(id=approval.id).status == "revoked"
    assert inbox.state(approval)["code"] == "approval_denied"
    assert Grant.objects.get(approval_id=approval.id).revoked_at is not None
    assert inbox.asker.ask_natively().status == 202
    # One voice of two is gone: another one alone is not enough.
    second = inbox.person()
    assert approve_request(second.actor, waiting.id).status == "pending"
    assert approve_request(inbox.person().actor, waiting.id).status == "approved"


def test_rights_of_others_change_nothing(inbox):
    approval = inbox.ask()
    approve_request(inbox.manager.actor, approval.id)
    remove_member(inbox.admin, inbox.person().user.id, organization_id=inbox.organization_id)
    assert inbox.state(approval)["approved"] is True


def test_a_promoted_person_keeps_the_word(inbox):
    approval = inbox.ask()
    approve_request(inbox.manager.actor, approval.id)
    change_role(inbox.admin, inbox.manager.user.id, organization_id=inbox.organization_id, role=Role.ADMIN)
    assert inbox.state(approval)["approved"] is True
    assert actor_of(inbox.manager).may("approvals:resolve")


def test_a_record_that_was_tampered_with_approves_nothing(inbox):
    approval = inbox.ask()
    Approval.objects.filter(id=approval.id).update(request_digest=bytes(32))
    assert approve_request(inbox.manager.actor, approval.id).status == "denied"
    assert inbox.state(approval)["code"] == "check_failed"
    approval = inbox.ask()
    Verification.objects.filter(id=approval.id).update(request_digest=bytes(32))
    assert approve_request(inbox.manager.actor, approval.id).status == "denied"


def test_a_denial_stays_a_denial(inbox):
    approval = inbox.ask()
    deny_request(inbox.manager.actor, approval.id, note="no")
    Approval.objects.filter(id=approval.id).update(expires_at=database_now() - timedelta(seconds=1))
    assert inbox.state(approval)["code"] == "approval_denied"
