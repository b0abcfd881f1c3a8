"""Suspicious behaviour is reported by members, and decided by those who handle it, on record and with a word back."""

import pytest
from django.urls import reverse

from accounts.errors import PermissionDeniedError
from accounts.models import Role
from accounts.notifications.models import Notification
from agents.models import Agent
from aim.console.needs import needs_of
from aim.errors import ConflictError, InvalidInputError, NotFoundError
from aim.ids import IdKind, parse_id
from aim.ledger.events import Event
from security.services.reports import dismiss_report, escalate_report, report_behaviour, suspend_reported_agent
from tests.factories.accounts import make_organization, make_person
from tests.factories.agents import make_agent, make_verified_agent
from tests.factories.api import Api, problem
from tests.factories.browser import signed_in_browser
from tests.factories.followers import follow_all
from tests.factories.ledger import recorded
from tests.verification.world import make_agent as make_asking

pytestmark = pytest.mark.requirement("R.4")


@pytest.fixture
def admin():
    return make_person(make_organization())


@pytest.fixture
def member(admin):
    return make_person(admin.organization, Role.MEMBER)


@pytest.fixture
def agent(admin):
    return make_verified_agent(admin.actor, display_name="Night Owl").agent


def report(member, agent, **changes):
    values = {"agent_id": agent.id, "severity": "high", "text": "It reads payroll at night"} | changes
    return report_behaviour(member.actor, **values)


def told(person):
    return set(Notification.objects.filter(membership=person.membership, read_at=None).values_list("kind", flat=True))


def test_a_report_reaches_those_who_handle_it(admin, member, agent):
    viewer = make_person(admin.organization, Role.VIEWER)
    with recorded(admin.organization.id, Event.REPORT_MADE):
        row = report(member, agent)
    follow_all("notifications")
    assert "behaviour_reported" in told(admin)
    assert "behaviour_reported" not in told(member) | told(viewer)
    [need] = [need for need in needs_of(admin.actor) if need.icon == "flag"]
    assert need.url == reverse("security:report", args=[row.public_id])
    with pytest.raises(PermissionDeniedError):
        report(viewer, agent)
    with pytest.raises(PermissionDeniedError):
        dismiss_report(member.actor, row.id, note="No")


def test_of_a_decision_it_names_the_agent_by_itself(admin, member):
    asking = make_asking(admin.actor)
    identifier = parse_id(IdKind.VERIFICATION, asking.ask_natively().json()["verification_id"])
    row = report_behaviour(member.actor, verification_id=identifier, severity="low", text="Odd")
    assert (row.agent_id, row.verification_id) == (asking.agent.id, identifier)
    page = signed_in_browser(member).get(reverse("verification:verification-detail", args=[row.shown_verification]))
    assert f"?verification={row.shown_verification}" in page.content.decode()
    other = make_agent(admin.actor).agent
    with pytest.raises(NotFoundError):
        report_behaviour(member.actor, verification_id=identifier, agent_id=other.id, severity="low", text="Odd")


def test_suspending_closes_it_and_tells_whoever_reported(admin, member, agent):
    row = report(member, agent)
    with recorded(admin.organization.id, Event.AGENT_SUSPENDED, Event.REPORT_ACTED_ON):
        suspend_reported_agent(admin.actor, row.id, note="Confirmed")
    agent.refresh_from_db()
    assert (agent.status, agent.status_reason) == ("suspended", "Suspicious behaviour was reported: Confirmed")
    follow_all("notifications")
    assert "report_answered" in told(member)
    assert "behaviour_reported" not in told(admin)
    with pytest.raises(ConflictError):
        dismiss_report(admin.actor, row.id, note="Late")


def test_what_cannot_be_suspended_stays_reported(admin, member, agent):
    row = report(member, agent)
    Agent.objects.filter(id=agent.id).update(status="revoked")
    with recorded(admin.organization.id), pytest.raises(ConflictError):
        suspend_reported_agent(admin.actor, row.id, note="Confirmed")
    row.refresh_from_db()
    assert row.status == "open"


def test_escalated_it_is_critical_first_and_still_to_be_decided(admin, member, agent):
    other = make_person(admin.organization)
    row = report(member, agent, severity="low")
    escalate_report(admin.actor, row.id, note="All hands")
    follow_all("notifications")
    assert "report_escalated" in told(other)
    [need] = [need for need in needs_of(other.actor) if need.icon == "siren"]
    assert need.tone == "critical"
    with pytest.raises(ConflictError):
        escalate_report(admin.actor, row.id, note="Again")
    dismiss_report(other.actor, row.id, note="It was a drill")
    assert not [need for need in needs_of(other.actor) if need.icon == "siren"]


@pytest.mark.parametrize("changes", [{"severity": "bad"}, {"text": " "}, {"text": "x" * 4001}, {"agent_id": None}])
def test_what_is_wrong_is_refused(member, agent, changes):
    with pytest.raises(InvalidInputError):
        report(member, agent, **changes)


@pytest.mark.requirement("R.1")
def test_another_organizations_agents_and_reports_do_not_exist(admin, member, agent):
    stranger = make_person(make_organization())
    with pytest.raises(NotFoundError):
        report(stranger, agent)
    row = report(member, agent)
    for service in (dismiss_report, escalate_report, suspend_reported_agent):
        with pytest.raises(NotFoundError):
            service(stranger.actor, row.id, note="x")
    other = make_person(admin.organization, Role.MEMBER)
    path = f"/reports/{row.public_id}"
    unknown = Api(other.token).get("/reports/rpt_" + "0" * 32)
    assert problem(Api(other.token).get(path)) == problem(Api(stranger.token).get(path)) == problem(unknown)
    for browser in (signed_in_browser(other), signed_in_browser(stranger)):
        assert browser.get(reverse("security:report", args=[row.public_id])).status_code == 404


def test_the_api_reports_and_decides(admin, member, agent):
    body = {"agent_id": agent.public_id, "severity": "high", "text": "Odd"}
    made = Api(member.token).post("/reports", body)
    assert made.status_code == 201, made.content
    assert Api(member.token).get("/reports?severity=high&status=open").json()["results"] == [made.json()]
    path = f"/reports/{made.json()['id']}"
    assert Api(member.token).post(f"{path}/dismiss", {"note": "x"}).status_code == 403
    assert Api(admin.token).post(f"{path}/dismiss", {"note": ""}).status_code == 400
    assert Api(admin.token).post(f"{path}/escalate", {"note": "Look"}).json()["severity"] == "critical"
    done = Api(admin.token).post(f"{path}/suspend", {"note": "Confirmed"}).json()
    assert (done["status"], done["decided_by"]) == ("acted_on", admin.user.email)
    assert Api(admin.token).post(f"{path}/dismiss", {"note": "x"}).status_code == 409


def test_the_page_decides_and_keeps_what_was_typed_on_failure(admin, member, agent):
    row = report(member, agent, text="<b>odd</b>")
    browser, url = signed_in_browser(admin), reverse("security:report", args=[row.public_id])
    assert "&lt;b&gt;odd&lt;/b&gt;" in browser.get(url).content.decode()
    assert browser.post(url, {"go": "dismiss", "note": ""}).status_code == 422
    assert browser.post(url, {"go": "nonsense", "note": "x"}).status_code == 404
    assert signed_in_browser(member).post(url, {"go": "dismiss", "note": "x"}).status_code == 403
    assert browser.post(url, {"go": "suspend", "note": "Confirmed"}).status_code == 303
    row.refresh_from_db()
    assert row.status == "acted_on"
