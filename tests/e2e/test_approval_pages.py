"""The inbox of approvals, by pointer and by key."""

import json
import re
from contextlib import suppress

import pytest
from playwright.sync_api import Error, expect

from aim.ids import IdKind, parse_id
from tests.factories.followers import follow_all
from tests.verification.world import make_agent
from verification.approvals.models import Approval
from verification.models import Verification
from verification.services.approvals import approve_request

pytestmark = pytest.mark.slow


def ready(page):
    """Wait until what is shown may be decided: it has stood there for a moment."""
    expect(page.locator("[data-shown]:not([inert]) .decision-bar:not([inert])")).to_be_visible()


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
    ready(page)
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


@pytest.mark.requirement("W4.6")
def test_requests_are_walked_through_approved_for_an_hour_and_denied_by_keyboard(visit, cast, waiting):
    page = visit("/dashboard/approvals", cast.manager)
    requests = page.locator("[data-request]")
    shown, current = page.locator(".inbox-detail .mono"), page.locator("[data-request][aria-current]")
    expect(requests).to_have_count(2)
    for key, at in (("j", 1), ("k", 0), ("k", 0), ("j", 1), ("j", 1)):
        page.keyboard.press(key)
        expect(current).to_contain_text(("one.json", "two.json")[at])
        expect(page.locator(".request-title")).to_contain_text(("one.json", "two.json")[at])
    ready(page)
    page.keyboard.press("h")
    page.get_by_text("Approved. The agent learns it within a second.").wait_for()
    granted = Approval.objects.get(agent_id=waiting.agent.id, status="approved")
    assert granted.grant.resource == "/app/secret/two.json"
    # The hour holds for what was agreed to, and for nothing else.
    again = json.loads(waiting.ask_natively(waiting.body(resource="/app/secret/two.json")).body)
    assert again["status"] == "approved"
    expect(requests).to_have_count(1)
    expect(shown.filter(has_text="/app/secret/one.json").first).to_be_visible()
    ready(page)
    # Without a note nothing is denied: the key leads to it, and the note's own Enter denies.
    page.keyboard.press("d")
    expect(page.get_by_label("Note")).to_be_focused()
    assert Approval.objects.filter(agent_id=waiting.agent.id, status="denied").count() == 0
    page.keyboard.type("had no ticket")
    assert page.get_by_label("Note").input_value() == "had no ticket"
    page.keyboard.press("Enter")
    page.get_by_text("Denied. The agent is told the note.").wait_for()
    denied = Approval.objects.get(agent_id=waiting.agent.id, status="denied")
    assert denied.votes.get().note == "had no ticket"
    page.check()


@pytest.mark.requirement("W4.6")
def test_nothing_is_decided_but_what_stands_before_the_person(visit, cast, waiting):
    page = visit("/dashboard/approvals", cast.manager)
    shown, current = page.locator(".inbox-detail"), page.locator("[data-request][aria-current]")
    first, second = (row.get_attribute("data-request") for row in page.locator("[data-request]").all())
    ready(page)
    page.be_hasty()
    # The answer to a choice is slow: its row is marked at once, and what still stands there is not decided.
    held = []

    def hold(route):
        held.append(route)

    page.route(re.compile(rf"/approvals\?.*a={second}"), hold)
    page.keyboard.press("j")
    expect(current).to_contain_text("two.json")
    expect(shown).to_have_attribute("inert", "")
    page.keyboard.press("a")
    # Another choice is answered before it: the late answer doesn't put the older one back.
    page.keyboard.press("k")
    expect(current).to_contain_text("one.json")
    ready(page)
    page.unroute(re.compile(rf"/approvals\?.*a={second}"))
    for route in held:
        with suppress(Error):
            route.continue_()
    page.keyboard.press("j")
    expect(shown).to_have_attribute("data-shown", second)
    ready(page)
    assert not Approval.objects.filter(agent_id=waiting.agent.id).exclude(status="pending").exists()
    expect(page.locator(".toasts")).not_to_contain_text("reached")
    page.check_quiet()
    # A choice that fails leaves what was there, and the row says so.
    page.quiet = False
    page.route(re.compile(rf"/approvals\?.*a={first}"), lambda route: route.fulfill(status=503))
    page.keyboard.press("k")
    expect(current).to_contain_text("two.json")
    expect(shown).to_have_attribute("data-shown", second)
    ready(page)


@pytest.mark.requirement("W4.6")
def test_a_request_that_another_decides_stays_in_view_with_their_word(visit, cast, waiting):
    page = visit("/dashboard/approvals", cast.manager)
    shown = page.locator(".inbox-detail")
    ready(page)
    identifier = shown.get_attribute("data-shown")
    approve_request(cast.admin.actor, parse_id(IdKind.APPROVAL, identifier))
    # It has looked for what is new by now, and shows who decided, not another request under the same keys.
    expect(shown.get_by_text("Approved", exact=False).first).to_be_visible()
    expect(shown).to_have_attribute("data-shown", identifier)
    expect(page.locator("[data-request]")).to_have_count(1)
    page.keyboard.press("j")
    expect(page.locator("[data-request][aria-current]")).to_have_count(1)
    ready(page)
    page.check()


@pytest.mark.requirement("W4.6", "R.2")
def test_a_viewer_looks_and_does_not_decide(visit, cast, waiting):
    page = visit("/dashboard/approvals", cast.viewer)
    page.get_by_role("heading", name="file_read").wait_for()
    assert page.get_by_role("button", name="Approve once").count() == 0
    page.check()


@pytest.mark.requirement("W4.6")
def test_the_badge_follows_what_waits_while_a_page_is_open(visit, cast):
    agent = make_agent(
        cast.admin.actor, resource_scope=["/app/**"], require_approval=["file_read:/app/secret/**"], calls_per_hour=100
    )
    page = visit("/dashboard/agents", cast.manager)
    badge = page.locator("aim-waiting .bar-item")
    pill = page.get_by_role("link", name="Approvals").locator(".pill")
    expect(badge).to_have_count(0)
    agent.ask_natively(agent.body(resource="/app/secret/one.json"))
    follow_all("notifications")
    expect(badge).to_have_text(re.compile("1 waiting"))
    expect(pill).to_have_text("1")
    badge.click()
    page.locator("[data-request]").first.click()
    page.get_by_role("button", name="Approve once").click()
    expect(badge).to_have_count(0)
    expect(pill).to_have_count(0)
