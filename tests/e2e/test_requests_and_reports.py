"""Members ask for agents and report what looks wrong; admins answer, and the members see it."""

import pytest

from agents.services.requests import request_agent
from security.models import Report
from security.services.reports import report_behaviour
from tests.factories.agents import make_verified_agent
from tests.factories.followers import follow_all

pytestmark = [pytest.mark.slow, pytest.mark.requirement("R.4")]


@pytest.mark.parametrize("width", [1440, 390])
def test_a_member_asks_for_an_agent_and_it_becomes_a_registration(visit, cast, width):
    page = visit("/dashboard/agents/requests", cast.member, width=width)
    page.get_by_role("heading", name="No open requests").wait_for()
    page.check_themes()
    page.get_by_role("link", name="Request an agent").first.click()
    dialog = page.get_by_role("dialog", name="Request an agent")
    dialog.get_by_role("button", name="Send request").click()
    dialog.get_by_text("This field is required").first.wait_for()
    page.problems[:] = [problem for problem in page.problems if "422" not in problem]
    dialog.get_by_label("Display Name").fill("Claims Summarizer")
    dialog.get_by_label("What is it for?").fill("Summaries of claims for the night shift, from /claims only")
    dialog.get_by_role("checkbox").first.check()
    page.check_themes("request-new")
    dialog.get_by_role("button", name="Send request").click()
    page.get_by_text("Your request is sent.").wait_for()
    page.get_by_role("link", name="Claims Summarizer").wait_for()
    page.check_themes()
    admin = visit("/dashboard", cast.admin, width=width)
    admin.get_by_text("asks for an agent").wait_for()
    admin.get_by_role("link", name="Answer").click()
    admin.get_by_role("heading", name="Claims Summarizer").wait_for()
    admin.check_themes("request")
    admin.get_by_role("link", name="Register this agent").click()
    wizard = admin.get_by_role("dialog", name="Register New Agent")
    wizard.get_by_label("Display Name").wait_for()
    assert wizard.get_by_label("Display Name").input_value() == "Claims Summarizer"
    admin.check_themes()


@pytest.mark.parametrize(("theme", "width"), [("light", 1440), ("dark", 390)])
def test_a_request_is_declined_and_the_member_told_why(visit, cast, theme, width):
    row = request_agent(cast.member.actor, display_name="Claims Summarizer", purpose="Night shift")
    admin = visit(f"/dashboard/agents/requests/{row.public_id}", cast.admin, theme=theme, width=width)
    admin.get_by_label("Note").fill("The night shift has one already")
    admin.get_by_role("button", name="Decline request").click()
    admin.get_by_text("The request is declined").wait_for()
    admin.check()
    follow_all("notifications")
    member = visit("/dashboard/agents/requests?all", cast.member, theme=theme, width=width)
    member.get_by_role("link", name="Notifications: 1 unread").click()
    member.get_by_text("Your request for an agent was declined: The night shift has one already").click()
    member.get_by_text("The night shift has one already").first.wait_for()
    member.check()
    member.picture(f"request-declined-{theme}-{width}")


@pytest.mark.parametrize("width", [1440, 390])
def test_a_member_reports_an_agent_and_an_admin_suspends_it(visit, cast, width):
    agent = make_verified_agent(cast.admin.actor, display_name="Night Owl").agent
    page = visit(f"/dashboard/agents/{agent.public_id}", cast.member, width=width)
    page.get_by_role("link", name="Report suspicious behaviour").click()
    dialog = page.get_by_role("dialog", name="Report suspicious behaviour")
    dialog.get_by_label("High").check()
    dialog.get_by_label("What did you see?").fill("It reads payroll every night at three")
    page.check_themes("report-new")
    dialog.get_by_role("button", name="Send report").click()
    page.get_by_text("Your report is sent.").wait_for()
    admin = visit("/dashboard", cast.admin, width=width)
    admin.get_by_text("Suspicious behaviour reported: Night Owl").wait_for()
    admin.check_themes()
    admin.get_by_role("link", name="Decide").click()
    admin.get_by_label("Note").fill("Confirmed by the payroll team")
    admin.check_themes("report")
    admin.get_by_role("button", name="Suspend the agent").click()
    admin.get_by_text("The agent is suspended").wait_for()
    admin.check_themes()
    assert Report.objects.get(agent=agent).status == "acted_on"


@pytest.mark.parametrize(("theme", "width"), [("light", 1440), ("dark", 390)])
def test_the_reports_are_listed(visit, cast, theme, width):
    page = visit("/dashboard/reports", cast.manager, theme=theme, width=width)
    page.get_by_role("heading", name="No reports").wait_for()
    page.check()
    page.picture(f"reports-empty-{theme}-{width}")
    for severity in ("low", "critical"):
        agent = make_verified_agent(cast.admin.actor, display_name=f"{severity} one").agent
        report_behaviour(cast.member.actor, agent_id=agent.id, severity=severity, text="It reads payroll at night")
    page.open("/dashboard/reports")
    page.get_by_role("link", name="critical one").wait_for()
    page.check()
    page.picture(f"reports-{theme}-{width}")
