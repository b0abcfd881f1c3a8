"""The list of decisions, its drawer, and the proof that the browser recomputes."""

import pytest

from tests.factories.followers import follow_all, sequence_all
from tests.factories.seals import seal_now
from tests.verification.world import make_agent

pytestmark = pytest.mark.slow


@pytest.fixture
def busy(cast):
    agent = make_agent(cast.admin.actor, name="claude-code-assistant", display_name="Claude Code Assistant")
    for resource in ("/app/config/config.json", "/etc/passwd", "/app/data.csv", "/app/a/b/c/report.pdf"):
        agent.ask_natively(agent.body(resource=resource))
    follow_all("statistics")
    follow_all("documents")
    seal_now()
    return agent


@pytest.mark.requirement("W5.1", "W5.2", "W4.2")
def test_the_list_and_the_drawer_are_clean(visit, cast, busy):
    page = visit("/dashboard/verifications", cast.viewer)
    page.get_by_text("Showing").wait_for()
    page.check_looks("verifications")
    page.locator(".list-main tbody tr", has_text="Denied").locator(".row-link").first.click()
    page.get_by_role("heading", name="Resource out of scope").wait_for()
    page.check_looks("verification-drawer")


@pytest.mark.requirement("W5.2")
def test_the_browser_verifies_the_proof_and_finds_a_forgery(visit, cast, busy):
    page = visit("/dashboard/verifications", cast.viewer)
    page.locator(".list-main tbody tr .row-link").first.click()
    page.get_by_role("button", name="Verify in this browser").click()
    page.get_by_text("Verified: the entry is in the ledger").wait_for()
    page.picture("verification-proved")
    page.route("**/proof", _forge)
    page.get_by_role("button", name="Verify in this browser").click()
    page.get_by_text("Not verified").wait_for()


def _forge(route):
    answer = route.fetch()
    proof = answer.json()
    proof["entry"] = proof["entry"].replace("approved", "denied").replace("out_of_scope", "approved")
    route.fulfill(response=answer, json=proof)


@pytest.mark.requirement("W5.1")
def test_filters_search_and_drawer_live_in_the_address(visit, cast, busy):
    page = visit("/dashboard/verifications", cast.viewer)
    page.get_by_role("checkbox", name="Denied").check()
    page.wait_for_url("**status=denied**")
    assert page.locator(".list-main tbody tr").count() == 1
    page.locator("input[type=search][name=q]").fill("passwd")
    page.wait_for_url("**q=passwd**")
    page.locator(".list-main tbody tr .row-link").first.click()
    page.wait_for_url("**d=ver_**")
    page.go_back()
    page.get_by_text("Showing").wait_for()
    page.open("/dashboard/verifications?q=nothing-like-this")
    page.get_by_text("No verifications match your filters.").wait_for()
    page.picture("verifications-none")
    page.check()


@pytest.mark.requirement("W4.10")
def test_a_decision_appears_by_itself_and_waits_while_the_list_is_looked_at(visit, cast, busy):
    page = visit("/dashboard/verifications", cast.viewer)
    page.locator("aim-connection[data-state=live]").wait_for()
    page.mouse.move(5, 400)
    busy.ask_natively(busy.body(resource="/app/appears/by-itself.txt"))
    sequence_all()
    page.get_by_text("/app/appears/by-itself.txt").wait_for(timeout=5000)
    page.locator(".list-main tbody tr").first.hover()
    busy.ask_natively(busy.body(resource="/app/waits/for-the-pointer.txt"))
    sequence_all()
    page.get_by_text("1 new").wait_for()
    assert page.get_by_text("/app/waits/for-the-pointer.txt").count() == 0
    page.picture("verifications-new")
    page.keyboard.press(".")
    page.get_by_text("/app/waits/for-the-pointer.txt").wait_for()
    page.check()
