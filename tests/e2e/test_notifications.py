"""The bell and the notifications centre, while things happen."""

import pytest

from agents.services.lifecycle import suspend_agent
from tests.factories.agents import make_agent
from tests.factories.followers import follow_all

pytestmark = pytest.mark.slow


def suspend(cast, name, reason="Calls outside its scope at night"):
    agent = make_agent(cast.admin.actor, display_name=name).agent
    suspend_agent(cast.admin.actor, agent.id, reason=reason)
    follow_all("notifications")
    return agent


@pytest.mark.parametrize("width", [1440, 390])
def test_the_bell_counts_live_and_opens_what_is_new(visit, cast, width):
    page = visit("/dashboard/agents", cast.manager, width=width)
    page.get_by_role("link", name="Notifications", exact=True).wait_for()
    first = suspend(cast, "Night Owl")
    page.get_by_role("link", name="Notifications: 1 unread").wait_for()
    page.keyboard.press("g")
    page.keyboard.press("b")
    panel = page.get_by_role("dialog", name="Notifications")
    panel.get_by_text(f"Agent {first.name} was suspended").wait_for()
    page.keyboard.press("ArrowDown")
    page.check_themes("bell")
    page.keyboard.press("Escape")
    panel.wait_for(state="hidden")
    second = suspend(cast, "Early Bird")
    page.get_by_role("link", name="Notifications: 2 unread").click()
    panel.get_by_text(f"Agent {second.name} was suspended").click()
    page.wait_for_url(f"**/dashboard/agents/{second.public_id}")
    page.get_by_role("link", name="Notifications: 1 unread").click()
    panel.get_by_role("button", name="Mark all as read").click()
    page.get_by_role("link", name="Notifications", exact=True).wait_for()
    panel.get_by_role("button", name="Mark all as read").wait_for(state="hidden")


@pytest.mark.parametrize(("theme", "width"), [("light", 1440), ("dark", 390)])
def test_the_centre_teaches_when_empty_and_fills_by_itself(visit, cast, theme, width):
    page = visit("/dashboard/notifications", cast.manager, theme=theme, width=width)
    page.get_by_role("heading", name="Nothing yet").wait_for()
    page.check()
    page.picture(f"notifications-empty-{theme}-{width}")
    for name in ("Night Owl", "Early Bird", "Claims Summarizer"):
        agent = suspend(cast, name)
    page.get_by_text(f"Agent {agent.name} was suspended").wait_for()
    page.get_by_role("button", name="Mark as read").nth(2).click()
    page.get_by_role("link", name="Notifications: 2 unread").wait_for()
    page.check()
    page.picture(f"notifications-{theme}-{width}")
    page.get_by_role("button", name="Mark all as read").click()
    page.get_by_text("All notifications are marked as read").wait_for()
    page.get_by_role("link", name="Unread").click()
    page.get_by_role("heading", name="Everything is read").wait_for()
