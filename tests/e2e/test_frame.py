"""The frame around every page, as each role sees it."""

import re

import pytest
from playwright.sync_api import expect

from accounts.models import Role
from tests.factories.agents import make_agent


def links_in(page, selector):
    """Paths that the page itself leads to, so that a page that is new is visited without being named here."""
    return page.eval_on_selector_all(selector, "links => links.map(link => link.getAttribute('href').split('?')[0])")


def every_address(page):
    """The navigation, and the tabs of the settings and of the account with whatever they link to as tabs."""
    found = dict.fromkeys(links_in(page, "nav.nav a.nav-item"))
    for hub in ("/dashboard/settings", "/dashboard/account", "/dashboard/notifications"):
        page.open(hub)
        found[hub] = None
        found |= dict.fromkeys(path for path in links_in(page, "main .tabs a") if path.startswith("/dashboard"))
    return list(found)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.requirement("R.2")
@pytest.mark.parametrize("role", list(Role))
def test_every_link_and_every_tab_leads_to_a_page_without_fault(visit, cast, role):
    """In both themes and widths: a page is opened once, and looked at as each of them in turn."""
    make_agent(cast.admin.actor)
    page = visit("/dashboard", cast.of(role))
    page.context.set_default_timeout(60_000)
    addresses = every_address(page)
    assert {"/dashboard/agents", "/dashboard/settings/members", "/dashboard/account"} <= set(addresses)
    faults = []
    for address in addresses:
        page.open(address)
        assert page.status == 200, address
        for theme, width in page.looks():
            try:
                page.check(colours_alone=theme == "dark")
            except AssertionError as fault:
                faults.append(f"{address} at {width} in {theme}: {fault}")
                page.problems.clear()
            page.picture(f"{address.strip('/').replace('/', '-')}-{role.value}-{theme}-{width}")
    assert not faults, "\n".join(faults)


def test_the_sheet_of_states_is_without_fault(visit, cast):
    page = visit("/dashboard/_design", cast.admin)
    page.check_looks("design")


@pytest.mark.requirement("R.2")
def test_a_fault_that_comes_to_a_clean_page_is_found(visit, cast):
    """What axe has found clean is not judged again: whatever is drawn otherwise is."""
    page = visit("/dashboard/account", cast.viewer)
    page.check()
    page.evaluate("document.querySelector('main h1').style.color = 'rgb(90, 90, 90)'")
    page.check(colours_alone=True)
    page.evaluate("document.querySelector('main h1').style.color = 'rgb(240, 240, 240)'")
    with pytest.raises(AssertionError, match="color-contrast"):
        page.check(colours_alone=True)
    page.evaluate("document.querySelector('main h1').style.color = ''")
    page.check()
    page.evaluate("document.querySelector('main').style.backgroundColor = 'rgb(90, 90, 90)'")
    with pytest.raises(AssertionError, match="color-contrast"):
        page.check(colours_alone=True)
    page.evaluate("document.querySelector('main').style.backgroundColor = ''")
    page.evaluate("document.querySelector('main').insertAdjacentHTML('beforeend', '<input>')")
    with pytest.raises(AssertionError, match="label"):
        page.check()


def test_the_palette_is_opened_searched_and_obeyed_by_keys(visit, cast):
    make_agent(cast.admin.actor, display_name="Billing Reconciler", name="billing-reconciler")
    page = visit("/dashboard/agents", cast.viewer)
    page.keyboard.press("Control+k")
    palette = page.get_by_role("dialog", name="Search or run a command")
    expect(palette.get_by_role("option").first).to_have_attribute("aria-selected", "true")
    page.keyboard.type("billing")
    expect(palette.get_by_role("option")).to_have_count(1)
    page.check()
    page.picture("palette")
    page.keyboard.press("Enter")
    expect(page.page).to_have_url(re.compile("billing-reconciler|agt_"))


def test_keys_are_on_the_sheet_and_do_what_it_says(visit, cast):
    for index in range(3):
        make_agent(cast.admin.actor, display_name=f"Agent {index}")
    page = visit("/dashboard/agents", cast.manager)
    page.keyboard.press("?")
    sheet = page.get_by_role("dialog", name="Keys")
    expect(sheet).to_contain_text("Search or run a command")
    page.check()
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator(".list-main tbody tr").nth(1)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("[")
    expect(page.locator("html")).to_have_attribute("data-navigation", "collapsed")
    page.keyboard.press("/")
    expect(page.locator("#filter-text")).to_be_focused()
    page.keyboard.type("gn?x")
    expect(page.locator("#filter-text")).to_have_value("gn?x")


def test_theme_and_rows_change_at_once_and_stay(visit, cast):
    page = visit("/dashboard/agents", cast.viewer)
    page.get_by_role("button", name="You and your settings").click()
    page.get_by_role("button", name="Dark").click()
    page.get_by_role("button", name="Compact").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
    page.check()
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.locator("html")).to_have_attribute("data-density", "compact")


def test_a_phone_reaches_the_navigation(visit, cast):
    make_agent(cast.admin.actor)
    page = visit("/dashboard/agents", cast.viewer, width=390)
    link = page.get_by_role("navigation", name="Main").get_by_role("link", name="Agents")
    expect(link).to_be_hidden()
    page.get_by_role("button", name="Navigation").click()
    expect(link).to_be_visible()
    page.check()
    page.picture("navigation-phone")


def test_a_lost_connection_is_said_and_what_was_there_stays(visit, cast):
    make_agent(cast.admin.actor, display_name="Still here")
    page = visit("/dashboard/agents", cast.viewer, quiet=False)
    page.context.set_offline(True)
    page.locator("#filter-text").fill("still")
    expect(page.get_by_text("AIM did not answer. Check your connection.")).to_be_visible()
    expect(page.locator("aim-connection")).to_contain_text("Connection lost. Retrying…")
    expect(page.get_by_text("Still here")).to_be_visible()
    page.context.set_offline(False)
    expect(page.locator("aim-connection")).to_have_attribute("data-state", "connected")
    page.get_by_role("button", name="Retry").click()
    expect(page.page).to_have_url(re.compile("q=still"))


def test_an_answer_that_does_not_come_is_said(visit, cast):
    make_agent(cast.admin.actor, display_name="Still here")
    page = visit("/dashboard/agents", cast.viewer, quiet=False)
    page.route("**/dashboard/agents?*", lambda _route: None)
    page.evaluate("htmx.config.defaultTimeout = 300")
    page.locator("#filter-text").fill("still")
    expect(page.get_by_text("AIM did not answer. Check your connection.")).to_be_visible()
    expect(page.get_by_text("Still here")).to_be_visible()


def test_pages_before_the_console_are_without_fault(visit):
    for path in ("/login", "/no-such-page"):
        page = visit(path, quiet=False)
        page.problems.clear()
        page.check_looks(path.strip("/"))


def test_all_words_follow_when_the_theme_changes_under_an_open_dialog(visit, cast):
    """With reduced motion nothing may be on its way from one colour to the other: it would stay there."""
    page = visit("/dashboard/agents", cast.manager)
    page.get_by_role("link", name="Register Agent").first.click()
    page.get_by_label("Display Name").wait_for()
    colours = (
        "[...document.querySelectorAll('.dialog, .dialog label')].slice(0, 2).map((e) => getComputedStyle(e).color)"
    )
    for theme in ("dark", "light", "dark"):
        page.emulate_media(color_scheme=theme)
        dialog, label = page.evaluate(colours)
        assert label == dialog, theme
