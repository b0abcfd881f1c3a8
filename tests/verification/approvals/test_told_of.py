"""What a decision's own page tells of the people who were asked, and of what became of it."""

import pytest
from django.utils.html import escape

from aim.ids import IdKind, show_id
from tests.factories.browser import signed_in_browser
from tests.verification.approvals.inbox import make_inbox
from verification.approvals.models import Approval
from verification.services.approvals import approve_request, deny_request, withdraw_approval

pytestmark = pytest.mark.requirement("W5.2", "W4.6")


@pytest.fixture(scope="module")
def inbox():
    return make_inbox()


def page(inbox, approval):
    verification = show_id(IdKind.VERIFICATION, approval.id)
    return signed_in_browser(inbox.manager).get(f"/dashboard/verifications/{verification}").content.decode()


def test_who_approved_with_which_words_stands_there(inbox):
    approval = inbox.ask(resource="/app/config/told.json")
    waiting = page(inbox, approval)
    assert "so the action waits" in waiting
    assert "Nobody has decided yet." in waiting
    approve_request(inbox.manager.actor, approval.id, note="Seen <b>with</b> the owner")
    shown = page(inbox, approval)
    assert f"A rule wants a person to decide. Approved by {inbox.manager.user.email}." in shown
    assert escape("Seen <b>with</b> the owner") in shown
    assert "checks that apply" not in shown


def test_a_denial_says_who_denied_and_names_no_check(inbox):
    approval = inbox.ask(resource="/app/config/refused.json")
    deny_request(inbox.manager.actor, approval.id, note="Not today")
    shown = page(inbox, approval)
    assert f"Denied by {inbox.manager.user.email}; nothing was done." in shown
    assert "Not today" in shown
    assert "The check" not in shown


def test_what_nobody_decided_and_what_was_taken_back(inbox):
    lapsed, taken = inbox.ask(resource="/app/config/a.json"), inbox.ask(resource="/app/config/b.json")
    Approval.objects.filter(id=lapsed.id).update(status="expired")
    assert "Nobody decided in time, so the action was denied." in page(inbox, lapsed)
    approve_request(inbox.manager.actor, taken.id)
    withdraw_approval(inbox.admin, taken.id, note="No longer needed")
    assert "The action was denied: " in page(inbox, taken)
