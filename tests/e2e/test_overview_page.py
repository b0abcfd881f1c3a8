"""The overview, empty and busy."""

import pytest

from tests.factories.agents import make_agent as make_pending
from tests.factories.followers import follow_all
from tests.verification.world import make_agent

pytestmark = pytest.mark.slow


@pytest.mark.requirement("W1.4", "R.5")
def test_the_overview_is_clean_with_nothing_and_with_much(visit, cast):
    page = visit("/dashboard", cast.admin)
    page.get_by_text("Getting Started").wait_for()
    page.check_looks("overview-empty")
    agent = make_agent(cast.admin.actor, display_name="Claude Code Assistant", require_approval=["file_read:/app/x/**"])
    make_pending(cast.admin.actor, display_name="New one")
    for resource in ("/app/a", "/app/b", "/etc/passwd", "/app/x/secret", "/app/c"):
        agent.ask_natively(agent.body(resource=resource))
    follow_all("statistics")
    page.open("/dashboard")
    page.get_by_text("1 action waits for you").wait_for()
    page.get_by_text("1 agent waits for its proof").wait_for()
    page.check_looks("overview")
