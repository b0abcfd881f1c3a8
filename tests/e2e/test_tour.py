"""The welcome tour in the browser, and an empty list that flips by itself."""

import pytest

from accounts.models import User
from tests.factories.agents import make_agent

pytestmark = pytest.mark.slow


@pytest.mark.requirement("W1.3")
@pytest.mark.parametrize("width", [1440, 390])
def test_the_tour_is_taken_left_and_taken_up_again(visit, cast, width):
    User.objects.filter(id=cast.admin.user.id).update(tour_shown_at=None)
    page = visit("/dashboard", cast.admin, width=width)
    tour = page.get_by_role("dialog", name="Welcome to AIM - Runtime Verification for AI")
    tour.get_by_text("Every action is verified before it happens").wait_for()
    page.check_themes("tour-1")
    page.keyboard.press("Enter")
    tour.get_by_text("Where you find what").wait_for()
    page.check_themes("tour-2")
    page.keyboard.press("Escape")
    tour.wait_for(state="hidden")
    page.open("/dashboard")
    page.get_by_text("Getting Started").wait_for()
    assert not tour.is_visible()
    page.picture(f"getting-started-{width}")
    page.get_by_role("button", name="You and your settings").click()
    page.get_by_role("link", name="Welcome tour").click()
    tour.get_by_text("Where you find what").wait_for()
    tour.get_by_role("button", name="Next").click()
    tour.get_by_text("Quick actions").wait_for()
    page.check_themes("tour-3")
    tour.get_by_role("button", name="Get Started").click()
    tour.wait_for(state="hidden")
    page.check_themes()


@pytest.mark.requirement("W1.4")
def test_the_empty_list_flips_by_itself(visit, cast):
    page = visit("/dashboard/agents", cast.manager)
    page.get_by_text("Waiting for the first agent…").wait_for()
    make_agent(cast.admin.actor, display_name="Night Owl")
    page.get_by_role("link", name="Night Owl", exact=True).wait_for()


@pytest.mark.requirement("W1.4")
def test_the_key_that_is_shown_once_is_not_drawn_away(visit, cast):
    page = visit("/dashboard/agents", cast.manager)
    page.get_by_role("link", name="Register Agent").first.click()
    page.get_by_label("Display Name").fill("Night Owl")
    page.get_by_label("Agent Name").fill("night-owl")
    page.get_by_role("button", name="Security Configuration").click()
    page.get_by_label("Cryptographic Verification").uncheck()
    page.get_by_role("button", name="Review & Submit").click()
    page.get_by_role("dialog").get_by_role("button", name="Register Agent").click()
    page.get_by_text("Agent registered successfully!").first.wait_for()
    page.wait_for_timeout(5_000)
    assert page.get_by_text("Agent registered successfully!").first.is_visible()
    assert page.get_by_role("dialog").get_by_text("aim_").first.is_visible()
