"""The list of decisions, its drawer, and the proof that the browser recomputes."""

import re

import pytest
from playwright.sync_api import expect

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
    expect(page.locator(".list-main tbody tr")).to_have_count(1)
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
    page.get_by_text("/app/appears/by-itself.txt").wait_for()
    page.locator(".list-main tbody tr").first.hover()
    busy.ask_natively(busy.body(resource="/app/waits/for-the-pointer.txt"))
    sequence_all()
    page.get_by_text("1 new").wait_for()
    assert page.get_by_text("/app/waits/for-the-pointer.txt").count() == 0
    page.picture("verifications-new")
    page.keyboard.press(".")
    page.get_by_text("/app/waits/for-the-pointer.txt").wait_for()
    page.check()
    # Under the pointer the newest wait, however many: up to fifty at once are counted, the rest is said to be skipped.
    fresh = page.locator("aim-live .fresh")
    for number in range(37):
        busy.ask_natively(busy.body(resource=f"/app/many/{number}"))
    sequence_all()
    page.get_by_text("37 new").wait_for()
    page.mouse.move(5, 400)
    page.get_by_text("/app/many/36").wait_for()
    page.mouse.move(700, 600)
    for number in range(120):
        busy.ask_natively(busy.body(resource=f"/app/load/{number}"))
    page.wait_for_timeout(1_000)
    sequence_all()
    page.get_by_text("skipped").wait_for()
    assert sum(int(number) for number in re.findall(r"\d+", fresh.inner_text())) == 120, fresh.inner_text()
    assert page.get_by_text("/app/load/").count() == 0
    page.picture("verifications-skipped")
    # So they do while the list is scrolled, wherever the pointer is; and come when it is back at its top.
    page.keyboard.press(".")
    page.get_by_text("/app/load/119").wait_for()
    page.locator(".list-main .table-scroll").evaluate("list => list.scrollTo(0, 200)")
    page.mouse.move(5, 400)
    busy.ask_natively(busy.body(resource="/app/waits/for-the-top.txt"))
    sequence_all()
    page.get_by_text("1 new").wait_for()
    page.wait_for_timeout(1_500)
    assert page.get_by_text("/app/waits/for-the-top.txt").count() == 0
    page.locator(".list-main .table-scroll").evaluate("list => list.scrollTo(0, 0)")
    page.get_by_text("/app/waits/for-the-top.txt").wait_for()


@pytest.mark.requirement("W4.10")
def test_what_the_filters_leave_out_is_not_counted_as_new(visit, cast, busy):
    page = visit("/dashboard/verifications?range=7d", cast.viewer)
    page.locator("aim-connection[data-state=live]").wait_for()
    page.get_by_role("checkbox", name="Denied").check()
    page.wait_for_url("**status=denied**")
    page.locator(".list-main tbody tr").first.hover()
    # The socket is opened anew for them within a second; what was decided meanwhile is told then.
    busy.ask_natively(busy.body(resource="/app/let/through.txt"))
    busy.ask_natively(busy.body(resource="/etc/refused"))
    sequence_all()
    page.get_by_text("1 new").wait_for()
    page.wait_for_timeout(1_000)
    expect(page.locator("aim-live .fresh")).to_have_text(re.compile(r"^\s*1 new"))
    # While the filter still has the keyboard, the list stays as it is.
    page.mouse.move(5, 400)
    page.evaluate("document.activeElement.blur()")
    page.get_by_text("/etc/refused").wait_for()
    assert page.get_by_text("/app/let/through.txt").count() == 0


@pytest.mark.requirement("W2.11", "W4.10")
def test_an_agents_activity_follows_its_own_decisions(visit, cast, busy):
    other = make_agent(cast.admin.actor)
    page = visit(f"/dashboard/agents/{busy.agent.public_id}?tab=activity", cast.viewer)
    page.locator("aim-connection[data-state=live]").wait_for()
    page.locator("#agent-tab .table-scroll").hover()
    other.ask_natively(other.body(resource="/app/of/another.txt"))
    busy.ask_natively(busy.body(resource="/app/of/its-own.txt"))
    sequence_all()
    page.get_by_text("1 new").wait_for()
    assert page.get_by_text("/app/of/its-own.txt").count() == 0
    page.check()
    page.picture("agent-activity-new")
    page.mouse.move(5, 400)
    page.get_by_text("/app/of/its-own.txt").wait_for()
    busy.ask_natively(busy.body(resource="/app/of/its-own/again.txt"))
    sequence_all()
    page.get_by_text("/app/of/its-own/again.txt").wait_for()
