"""The registry as people use it: filter, pages, order, selection and search, in the address and back again."""

import re

import pytest
from playwright.sync_api import expect

from agents.models import Agent, AgentStatus
from agents.services.lifecycle import suspend_agent
from tests.factories.agents import make_agent

MANY = 60


@pytest.fixture
def registry(cast):
    """Sixty agents, half of them named otherwise, so that filters have two pages."""
    for index in range(MANY):
        name = f"reader-{index:02d}" if index % 6 else f"writer-{index:02d}"
        make_agent(cast.manager.actor, with_key=False, name=name, display_name=name.replace("-", " ").title())
    return cast


def rows(page):
    return page.locator(".list-main tbody tr")


def shown(page):
    return page.locator(".toolbar .end b")


@pytest.mark.requirement("W2.1")
def test_count_filter_and_selection_survive_pages_order_and_search(visit, registry):
    page = visit("/dashboard/agents", registry.manager)
    expect(shown(page)).to_have_text(str(MANY))
    expect(page.locator(".foot")).to_contain_text("1–50 of 60")

    page.get_by_role("button", name="Status").click()
    page.get_by_label("Pending Verification").check()
    expect(page.page).to_have_url(re.compile(r"status=pending"))
    page.keyboard.press("Escape")
    rows(page).nth(0).locator("[data-row]").check()

    page.get_by_role("link", name="Next 10").click()
    expect(page.locator(".foot")).to_contain_text("51–60 of 60")
    expect(rows(page)).to_have_count(10)
    rows(page).nth(3).locator("[data-row]").check()
    expect(page.locator("[data-bulk-count]")).to_have_text("2")

    page.get_by_role("link", name="Agent", exact=True).click()
    expect(page.locator(".foot")).to_contain_text("1–50 of 60")
    expect(rows(page).nth(0)).to_contain_text("Writer 54")

    page.keyboard.press("/")
    page.keyboard.type("reader 0")
    expect(shown(page)).to_have_text("8")
    expect(page.locator("#filter-text")).to_have_value("reader 0")
    expect(page.locator("[data-bulk-count]")).to_have_text("2")
    page.settle()
    assert set(page.evaluate("[...new URLSearchParams(location.search).keys()]")) == {"q", "status", "sort"}

    page.go_back()
    expect(shown(page)).to_have_text(str(MANY))
    expect(rows(page).nth(0)).to_contain_text("Writer 54")
    page.go_back()
    expect(page.locator(".foot")).to_contain_text("51–60 of 60")
    expect(page.locator("[data-bulk-count]")).to_have_text("2")
    page.go_forward()
    page.reload()
    expect(rows(page).nth(0)).to_contain_text("Writer 54")
    expect(page.locator("[data-bulk-count]")).to_have_text("2")
    page.check()


@pytest.mark.requirement("W2.10")
def test_many_are_suspended_with_a_reason_and_it_is_undone(visit, registry):
    page = visit("/dashboard/agents?q=writer", registry.manager)
    page.locator("[data-all]").check()
    expect(page.locator("[data-bulk-count]")).to_have_text("10")
    page.get_by_role("button", name="Suspend…").click()
    dialog = page.get_by_role("dialog", name="Suspend agents")
    expect(dialog).to_contain_text("and 2 more")
    page.check()
    dialog.get_by_label("Reason").fill("They write where they should not.")
    dialog.get_by_role("button", name="Suspend now").click()
    expect(page.get_by_role("status").filter(has_text="10 agents suspended.")).to_be_visible()
    expect(page.locator("[data-bulk]")).to_be_hidden()
    suspended = Agent.objects.filter(organization=registry.organization, status=AgentStatus.SUSPENDED)
    assert {agent.status_reason for agent in suspended} == {"They write where they should not."}
    assert suspended.count() == 10
    expect(page.page).to_have_url(re.compile(r"/dashboard/agents\?q=writer$"))
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("status").filter(has_text="10 agents resumed.")).to_be_visible()
    assert not suspended.all().exists()


def test_a_change_that_one_agent_does_not_allow_says_so(visit, cast):
    first, second = (
        make_agent(cast.admin.actor, display_name="First"),
        make_agent(cast.admin.actor, display_name="Second"),
    )
    page = visit("/dashboard/agents", cast.manager)
    page.locator("[data-all]").check()
    page.get_by_role("button", name="Suspend…").click()
    expect(page.get_by_label("Reason")).to_be_visible()
    suspend_agent(cast.admin.actor, second.agent.id, reason="Somebody was quicker.")
    page.get_by_label("Reason").fill("Both at once.")
    page.get_by_role("button", name="Suspend now").click()
    expect(page.get_by_role("status").filter(has_text="1 agent suspended.")).to_contain_text("1 was left as it is")
    first.agent.refresh_from_db()
    assert first.agent.status == AgentStatus.SUSPENDED


def test_people_who_may_not_change_see_no_selection(visit, cast):
    make_agent(cast.admin.actor)
    page = visit("/dashboard/agents", cast.viewer)
    expect(rows(page)).to_have_count(1)
    assert page.locator("input[data-row], [data-bulk]").count() == 0


def test_nothing_found_differs_from_nothing_there(visit, cast, product):
    page = visit("/dashboard/agents", cast.admin)
    expect(page.get_by_role("heading", name="No agents yet")).to_be_visible()
    expect(page.locator(".code")).to_contain_text(f"{product.url}/api/v1/agents")
    page.check()
    page.picture("agents-empty")
    make_agent(cast.admin.actor)
    page.open("/dashboard/agents?q=nobody-is-called-so")
    expect(page.get_by_text("No agents match your filters.")).to_be_visible()
    page.check()
    page.get_by_role("link", name="Clear filters").click()
    expect(rows(page)).to_have_count(1)
    expect(page.locator("#filter-text")).to_have_value("")


def test_the_list_works_without_a_script(visit, registry):
    page = visit("/dashboard/agents", registry.manager, java_script_enabled=False, quiet=False)
    page.locator("#filter-text").fill("writer")
    page.keyboard.press("Enter")
    expect(shown(page)).to_have_text("10")
    rows(page).nth(0).locator("[data-row]").check()
    expect(page.get_by_role("button", name="Suspend…")).to_be_visible()
    page.get_by_role("button", name="Suspend…").click()
    page.get_by_label("Reason").fill("Without a script.")
    page.get_by_role("button", name="Suspend now").click()
    expect(page.get_by_role("status").filter(has_text="1 agent suspended.")).to_be_visible()
