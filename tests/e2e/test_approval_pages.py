"""The inbox of approvals, by pointer and by key."""

import json

import pytest

from tests.verification.world import make_agent
from verification.approvals.models import Approval
from verification.models import Verification

pytestmark = pytest.mark.slow


@pytest.fixture
def waiting(cast):
    agent = make_agent(
        cast.admin.actor,
        display_name="Billing Reconciler",
        capabilities=["payment.send", "file_system.read"],
        resource_scope=["/app/**", "invoice:**"],
        require_approval=["file_read:/app/secret/**"],
    )
    agent.ask_natively(agent.body(resource="/app/plain.txt"))
    for name in ("one", "two"):
        reply = agent.ask_natively(
            agent.body(resource=f"/app/secret/{name}.json", parameters={"amount": 900, "reason": "Damaged in transit"})
        )
        assert json.loads(reply.body)["status"] == "pending"
    return agent


@pytest.mark.requirement("W4.6")
def test_the_inbox_is_clean(visit, cast, waiting):
    page = visit("/dashboard/approvals", cast.manager)
    page.get_by_text("Billing Reconciler").first.wait_for()
    page.check_looks("approvals")
    page.locator("[data-request]").first.click()
    page.get_by_role("button", name="Approve once").wait_for()
    page.check_looks("approval")


@pytest.mark.requirement("W4.6")
def test_a_request_is_approved_and_one_denied_by_keyboard(visit, cast, waiting):
    page = visit("/dashboard/approvals", cast.manager)
    page.get_by_role("heading", name="file_read").wait_for()
    page.keyboard.press("a")
    page.get_by_text("Approved. The agent learns it within a second.").wait_for()
    assert Approval.objects.filter(agent_id=waiting.agent.id, status="approved").count() == 1
    page.get_by_label("Note").fill("Not without a ticket")
    page.get_by_role("button", name="Deny").click()
    page.get_by_text("Denied. The agent is told the note.").wait_for()
    assert Approval.objects.filter(agent_id=waiting.agent.id, status="denied").count() == 1
    assert Verification.objects.filter(agent_id=waiting.agent.id, status="pending").count() == 0
    page.get_by_text("Nothing waits for a person.").wait_for()
    page.picture("approvals-empty")
    page.check()


@pytest.mark.requirement("W4.6", "R.2")
def test_a_viewer_looks_and_does_not_decide(visit, cast, waiting):
    page = visit("/dashboard/approvals", cast.viewer)
    page.get_by_role("heading", name="file_read").wait_for()
    assert page.get_by_role("button", name="Approve once").count() == 0
    page.check()
