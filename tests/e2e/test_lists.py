"""Both lists as people use them: what is chosen stays chosen, whatever changes beside it, and lives in the address."""

import csv
import re
from contextlib import suppress
from datetime import timedelta
from urllib.parse import parse_qs

import pytest
from django.utils import timezone
from playwright.sync_api import Error, expect

from accounts.models import SavedView
from accounts.services.saved_views import begin_with, save_view
from agents.columns import AGENT_LIST
from tests.factories.agents import make_agent as register
from tests.factories.followers import follow_all
from tests.factories.mcp import make_server
from tests.verification.world import make_agent

pytestmark = pytest.mark.slow
MANY = 108


@pytest.fixture(scope="module")
def decisions(request):
    """A hundred and eight decisions of two agents, every third denied; made once for the module."""
    from accounts.models import Role  # noqa: PLC0415
    from tests.e2e.conftest import Cast  # noqa: PLC0415
    from tests.factories.accounts import make_organization, make_person  # noqa: PLC0415

    organization = make_organization()
    cast = Cast(organization, **{role.value: make_person(organization, role) for role in Role})
    agents = [make_agent(cast.admin.actor, name=name, display_name=name.title()) for name in ("reader", "writer")]
    for number in range(MANY):
        agent = agents[number % 2]
        folder = "/etc" if number % 3 == 0 else "/app/invoices" if number % 4 == 0 else "/app/claims"
        agent.ask_natively(agent.body(resource=f"{folder}/{number:03}.json"))
    follow_all("statistics")
    follow_all("documents")
    return cast


def rows(page):
    return page.locator(".list-main tbody tr")


def shown(page):
    return page.locator(".toolbar .end b")


def values(page):
    """What the address says, once whatever is under way has been drawn."""
    page.settle()
    return parse_qs(page.evaluate("location.search.slice(1)"))


def parameters(page):
    return {name: given[-1] for name, given in values(page).items()}


@pytest.mark.requirement("W5.1")
def test_of_many_searches_the_newest_counts_and_those_given_up_are_no_error(visit, decisions):
    page = visit("/dashboard/verifications", decisions.viewer)
    expect(shown(page)).to_have_text(str(MANY))
    page.be_hasty()
    held = []

    def hold(route):
        held.append(route)

    page.route(re.compile(r"/dashboard/verifications\?.*q="), hold)
    box = page.locator("input[type=search][name=q]")
    for number, text in enumerate(("nothing", "etc", "claims"), 1):
        box.fill(text)
        while len(held) < number:
            page.wait_for_timeout(20)
    for route in reversed(held):
        # Those that were given up are gone.
        with suppress(Error):
            route.continue_()
        expect(shown(page)).to_have_text("54")
    page.wait_for_timeout(500)
    expect(shown(page)).to_have_text("54")
    assert parameters(page)["q"] == "claims"
    page.check_quiet()


@pytest.mark.requirement("W5.1")
def test_decisions_keep_count_filter_and_place_through_everything(visit, decisions):
    page = visit("/dashboard/verifications", decisions.viewer)
    expect(shown(page)).to_have_text(str(MANY))
    expect(page.locator(".foot")).to_contain_text(f"1–50 of {MANY}")

    page.get_by_role("checkbox", name="Approved").check()
    expect(shown(page)).to_have_text("72")
    page.get_by_role("link", name="Next 22").click()
    expect(page.locator(".foot")).to_contain_text("51–72 of 72")
    assert parameters(page)["status"] == "approved"

    page.get_by_role("link", name="Time", exact=True).click()
    expect(page.locator(".foot")).to_contain_text("1–50 of 72")
    expect(rows(page).first).to_contain_text("/app/claims/001.json")

    # The row that is looked at stays marked while the list beside it is searched.
    rows(page).nth(1).locator(".row-link").click()
    expect(page.locator("aim-drawer")).to_be_visible()
    chosen = parameters(page)["d"]
    page.locator("input[type=search][name=q]").fill("claims")
    expect(shown(page)).to_have_text("54")
    assert {**parameters(page), "q": "claims"} == parameters(page)
    assert (parameters(page)["status"], parameters(page)["sort"], parameters(page)["d"]) == ("approved", "time", chosen)
    expect(page.locator(f"#{chosen}")).to_have_attribute("data-current", "")

    page.go_back()
    expect(shown(page)).to_have_text("72")
    page.go_back()
    expect(page.locator("aim-drawer")).to_have_count(0)
    page.go_back()
    expect(page.locator(".foot")).to_contain_text("51–72 of 72")
    page.go_back()
    expect(page.locator(".foot")).to_contain_text("1–50 of 72")
    page.go_back()
    expect(shown(page)).to_have_text(str(MANY))
    page.go_forward()
    expect(shown(page)).to_have_text("72")
    page.reload()
    expect(page.get_by_role("checkbox", name="Approved")).to_be_checked()
    page.check()


@pytest.mark.requirement("W6.1")
def test_servers_keep_count_filter_and_selection_through_everything(visit, cast):
    for index in range(60):
        name = f"files-{index:02d}" if index % 6 else f"search-{index:02d}"
        make_server(cast.manager.actor, name=name, display_name=name.replace("-", " ").title())
    page = visit("/dashboard/mcp", cast.manager)
    expect(shown(page)).to_have_text("60")

    page.get_by_role("button", name="Status").first.click()
    page.get_by_label("Active").check()
    expect(page.page).to_have_url(re.compile(r"status=active"))
    page.keyboard.press("Escape")
    rows(page).nth(0).locator("[data-row]").check()

    page.get_by_role("link", name="Next 10").click()
    expect(page.locator(".foot")).to_contain_text("51–60 of 60")
    rows(page).nth(3).locator("[data-row]").check()
    expect(page.locator("[data-bulk-count]")).to_have_text("2")

    page.get_by_role("link", name="Name", exact=True).click()
    expect(page.locator(".foot")).to_contain_text("1–50 of 60")
    order = parameters(page)["sort"]

    page.keyboard.press("/")
    page.keyboard.type("files 0")
    expect(shown(page)).to_have_text("8")
    expect(page.locator("[data-bulk-count]")).to_have_text("2")
    assert parameters(page) == {"q": "files 0", "status": "active", "sort": order}

    page.go_back()
    expect(shown(page)).to_have_text("60")
    page.go_back()
    expect(page.locator(".foot")).to_contain_text("51–60 of 60")
    expect(page.locator("[data-bulk-count]")).to_have_text("2")
    page.go_forward()
    page.reload()
    expect(page.locator(".foot")).to_contain_text("1–50 of 60")
    expect(page.locator("[data-bulk-count]")).to_have_text("2")
    assert parameters(page) == {"status": "active", "sort": order}
    page.check()


@pytest.mark.requirement("W5.1")
def test_load_more_adds_rows_where_one_is_and_the_address_tells(visit, decisions):
    page = visit("/dashboard/verifications?status=approved", decisions.viewer)
    page.get_by_role("link", name="Load 22 more").click()
    expect(rows(page)).to_have_count(72)
    expect(page.locator(".foot")).to_contain_text("1–72 of 72")
    assert parameters(page) == {"status": "approved", "rows": "100"}
    expect(page.get_by_role("link", name=re.compile("Load|Next"))).to_have_count(0)
    page.reload()
    expect(rows(page)).to_have_count(72)
    page.get_by_role("checkbox", name="Denied").check()
    expect(page.locator(".foot")).to_contain_text("1–50 of 108")
    page.check()


@pytest.mark.requirement("W5.1")
def test_a_range_of_days_keeps_the_filters_and_they_keep_it(visit, decisions):
    page = visit("/dashboard/verifications", decisions.viewer)
    page.get_by_role("checkbox", name="Denied").check()
    expect(shown(page)).to_have_text("36")
    today = timezone.localdate()
    page.get_by_role("button", name="Last 24 Hours").click()
    page.get_by_label("From").fill((today - timedelta(days=3)).isoformat())
    page.get_by_label("To", exact=True).fill((today - timedelta(days=2)).isoformat())
    expect(page.get_by_text("No verifications match your filters.")).to_be_visible()
    page.get_by_label("To", exact=True).fill(today.isoformat())
    expect(shown(page)).to_have_text("36")
    assert parameters(page)["status"] == "denied"
    page.picture("verifications-range")
    page.keyboard.press("Escape")
    page.get_by_role("checkbox", name="Approved").check()
    expect(shown(page)).to_have_text(str(MANY))
    assert parameters(page)["since"] == (today - timedelta(days=3)).isoformat()
    page.locator("[popovertarget=range-menu]").click()
    page.get_by_role("link", name="Last 7 Days").click()
    expect(page.locator("[popovertarget=range-menu]")).to_have_text("Last 7 Days")
    expect(page.locator("#range-menu")).to_be_hidden()
    assert parameters(page)["range"] == "7d"
    assert "since" not in parameters(page)
    assert values(page)["status"] == ["approved", "denied"]
    page.check()


@pytest.mark.requirement("W5.1")
def test_an_agent_is_a_facet_whose_counts_are_those_of_the_others(visit, decisions):
    page = visit("/dashboard/verifications?status=denied", decisions.viewer)
    expect(page.locator(".facet-row", has_text="Reader").locator(".count")).to_have_text("18")
    page.get_by_role("checkbox", name="Reader").check()
    expect(shown(page)).to_have_text("18")
    expect(page.locator(".facet-row", has_text="Writer").locator(".count")).to_have_text("18")
    expect(page.locator(".chip")).to_have_count(2)
    page.locator(".chip", has_text="Agent").get_by_role("link").click()
    expect(shown(page)).to_have_text("36")
    page.get_by_role("link", name="Clear", exact=True).click()
    expect(shown(page)).to_have_text(str(MANY))


@pytest.mark.requirement("W5.1")
def test_the_file_has_what_the_list_shows(visit, decisions):
    page = visit("/dashboard/verifications?status=denied", decisions.viewer)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Export as CSV").click()
    assert waiting.value.suggested_filename.startswith("aim-verifications-")
    with waiting.value.path().open(newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert len(lines) == 36
    assert {line["status"] for line in lines} == {"denied"}


@pytest.mark.requirement("W2.1")
def test_columns_are_chosen_where_the_list_stands(visit, cast):
    register(cast.admin.actor, with_key=False)
    page = visit("/dashboard/agents?status=pending&sort=-name", cast.manager)
    page.get_by_role("button", name="Columns").click()
    page.get_by_role("button", name="Registered", exact=True).click()
    expect(page.get_by_role("columnheader", name="Registered")).to_be_visible()
    page.get_by_role("button", name="Version", exact=True).click()
    expect(page.get_by_role("columnheader", name="Version")).to_have_count(0)
    assert parameters(page) == {"status": "pending", "sort": "-name"}
    page.picture("agents-columns")
    page.check()
    page.get_by_role("button", name="Usual columns").click()
    expect(page.get_by_role("columnheader", name="Version")).to_be_visible()


@pytest.mark.requirement("W2.1")
def test_a_view_is_saved_opened_changed_shared_begun_with_and_removed(visit, cast):
    for number in range(3):
        register(cast.admin.actor, with_key=False, display_name=f"Agent {number}")
    page = visit("/dashboard/agents?status=pending&sort=-name", cast.manager)
    page.get_by_role("button", name="Columns").click()
    page.get_by_role("button", name="Registered", exact=True).click()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="All agents").click()
    page.get_by_role("link", name="Save as a view…").click()
    dialog = page.get_by_role("dialog", name="Save as a view")
    dialog.get_by_label("Name").fill("Waiting for a key")
    dialog.get_by_label("Begin with this view").check()
    dialog.get_by_label("Share it with the organization").check()
    page.check()
    page.picture("view-new")
    page.get_by_role("button", name="Save the view").click()
    expect(page.get_by_role("status").filter(has_text="The view Waiting for a key is saved.")).to_be_visible()
    expect(page.get_by_role("button", name="Waiting for a key")).to_be_visible()

    page.open("/dashboard/agents")
    expect(page.get_by_role("columnheader", name="Registered")).to_be_visible()
    assert parameters(page)["status"] == "pending"
    page.get_by_role("button", name="Trust", exact=True).click()
    page.get_by_label("Not scored").check()
    expect(page.get_by_role("button", name="Waiting for a key changed")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Waiting for a key").click()
    page.picture("views-menu")
    page.get_by_role("button", name="Save the changes").click()
    expect(page.get_by_role("button", name="Waiting for a key", exact=True)).to_be_visible()
    view = SavedView.objects.get(organization=cast.organization)
    assert view.query == "status=pending&trust=none&sort=-name"
    assert view.shared

    colleague = visit(f"/dashboard/agents?view={view.public_id}", cast.viewer)
    colleague.locator("[popovertarget=views-menu]").click()
    expect(colleague.get_by_text("Shared views")).to_be_visible()
    colleague.get_by_role("link", name="All agents").click()
    expect(colleague.get_by_role("columnheader", name="Version")).to_be_visible()


@pytest.mark.requirement("W2.1")
def test_views_are_renamed_kept_to_oneself_and_removed(visit, cast):
    register(cast.admin.actor, with_key=False)
    kept = {"name": "Waiting for a key", "query": "status=pending", "columns": ["trust"], "shared": True}
    view = save_view(cast.manager.actor, AGENT_LIST, **kept)
    begin_with(cast.manager.actor, AGENT_LIST, view.id)
    page = visit("/dashboard/agents", cast.manager)
    page.locator("[popovertarget=views-menu]").click()
    page.get_by_role("link", name="Manage views…").click()
    dialog = page.get_by_role("dialog", name="Saved views")
    dialog.get_by_label("Name of Waiting for a key").fill("No key yet")
    dialog.get_by_label("Shared").uncheck()
    dialog.get_by_role("button", name="Save", exact=True).click()
    expect(dialog.get_by_label("Name of No key yet")).to_be_visible()
    page.picture("views-manage")
    page.check()
    dialog.get_by_role("button", name="Do not begin with No key yet").click()
    dialog.get_by_role("button", name="Remove No key yet").click()
    expect(dialog.get_by_text("No view is saved.")).to_be_visible()
    dialog.get_by_role("link", name="Done").click()
    page.open("/dashboard/agents")
    expect(shown(page)).to_have_text("1")
    assert parameters(page) == {}


def test_columns_and_views_work_without_a_script(visit, cast):
    register(cast.admin.actor, with_key=False)
    page = visit("/dashboard/agents", cast.viewer, java_script_enabled=False, quiet=False)
    page.get_by_role("button", name="Columns").click()
    page.locator("#columns-menu").get_by_role("button", name="Type").click()
    expect(page.get_by_role("columnheader", name="Type")).to_be_visible()
    page.locator("[popovertarget=views-menu]").click()
    page.get_by_role("link", name="Save as a view…").click()
    page.locator("#id_name").fill("Mine")
    page.get_by_role("button", name="Save the view").click()
    expect(page.locator("[popovertarget=views-menu]")).to_contain_text("Mine")


def test_the_lists_look_right(visit, decisions):
    page = visit("/dashboard/verifications", decisions.manager)
    page.check_looks("list-verifications")
    page.open("/dashboard/agents")
    page.check_looks("list-agents")
