"""Members ask for agents; those who register agents answer; both are on record and are told."""

import pytest
from django.urls import reverse

from accounts.errors import PermissionDeniedError
from accounts.models import Role
from accounts.notifications.models import Notification
from agents.models import Agent
from agents.requests.models import AgentRequest
from agents.services.requests import (
    MOST_OPEN,
    blot_requests,
    decline_agent_request,
    fulfil_agent_request,
    request_agent,
    withdraw_agent_request,
)
from aim.console.needs import needs_of
from aim.errors import ConflictError, InvalidInputError, NotFoundError
from aim.ledger.events import Event
from aim.ledger.models import Entry
from tests.factories.accounts import make_organization, make_person, unique
from tests.factories.agents import make_agent
from tests.factories.api import Api, messages, problem
from tests.factories.browser import signed_in_browser
from tests.factories.followers import follow_all
from tests.factories.ledger import recorded

pytestmark = pytest.mark.requirement("R.4")
LIST = reverse("agents:agent-requests")


@pytest.fixture
def admin():
    return make_person(make_organization())


@pytest.fixture
def member(admin):
    return make_person(admin.organization, Role.MEMBER)


def ask(member, **changes):
    values = {
        "display_name": "Claims Summarizer",
        "purpose": "Summaries of claims for the night shift",
        "capabilities": ["file_system.read"],
        "resource_scope": ["/claims/**"],
    }
    return request_agent(member.actor, **values | changes)


def told(person):
    return set(Notification.objects.filter(membership=person.membership, read_at=None).values_list("kind", flat=True))


def test_a_request_reaches_those_who_register_agents_and_nobody_else(admin, member):
    other = make_person(admin.organization, Role.MEMBER)
    with recorded(admin.organization.id, Event.AGENT_REQUESTED):
        row = ask(member)
    follow_all("notifications")
    assert "agent_requested" in told(admin)
    assert "agent_requested" not in told(member) | told(other)
    [need] = [need for need in needs_of(admin.actor) if need.icon == "hand-helping"]
    assert (need.text, need.url) == ("Claims Summarizer", reverse("agents:agent-request", args=[row.public_id]))
    assert not [need for need in needs_of(member.actor) if need.icon == "hand-helping"]


@pytest.mark.requirement("R.2")
def test_a_viewer_may_not_ask_and_a_member_may_not_answer(admin, member):
    viewer = make_person(admin.organization, Role.VIEWER)
    with pytest.raises(PermissionDeniedError):
        ask(viewer)
    row = ask(member)
    with pytest.raises(PermissionDeniedError):
        decline_agent_request(member.actor, row.id, note="No")
    with pytest.raises(PermissionDeniedError):
        fulfil_agent_request(member.actor, row.id, make_agent(admin.actor).agent.id)


def test_declined_with_a_reason_that_the_member_reads(admin, member):
    row = ask(member)
    with pytest.raises(InvalidInputError):
        decline_agent_request(admin.actor, row.id, note=" ")
    with recorded(admin.organization.id, Event.AGENT_REQUEST_DECLINED):
        decline_agent_request(admin.actor, row.id, note="The night shift has one")
    follow_all("notifications")
    assert "agent_request_answered" in told(member)
    assert "agent_requested" not in told(admin), "there is nothing left to do"
    page = signed_in_browser(member).get(reverse("agents:agent-request", args=[row.public_id])).content.decode()
    assert "The night shift has one" in page
    with pytest.raises(ConflictError):
        fulfil_agent_request(admin.actor, row.id, make_agent(admin.actor).agent.id)


def test_withdrawn_by_whoever_asked_alone(admin, member):
    row = ask(member)
    with pytest.raises(NotFoundError):
        withdraw_agent_request(admin.actor, row.id)
    withdraw_agent_request(member.actor, row.id)
    row.refresh_from_db()
    assert row.status == "withdrawn"


def test_the_registration_begins_with_what_was_asked_and_closes_the_request(admin, member):
    row = ask(member)
    browser = signed_in_browser(admin)
    address = f"{reverse('agents:agent-register')}?request={row.public_id}"
    wizard = browser.get(address).content.decode()
    assert 'value="Claims Summarizer"' in wizard
    assert "Summaries of claims for the night shift" in wizard
    name = unique("claims")
    answer = browser.post(
        address,
        {
            "name": name,
            "display_name": "Claims Summarizer",
            "agent_type": "ai_agent",
            "version": "1.0.0",
            "description": "x",
            "capabilities": ["file_system.read"],
            "resource_scope": "/claims/**",
            "min_trust": "70",
            "auto_suspend_below": "50",
            "access_scope_kind": "organization",
            "calls_per_hour": "1000",
            "gigabytes_per_day": "10",
            "go": "submit",
        },
    )
    assert answer.status_code == 200, answer.content.decode()[-3000:]
    row.refresh_from_db()
    assert (row.status, row.agent) == ("registered", Agent.objects.get(name=name))
    follow_all("notifications")
    assert "agent_request_answered" in told(member)


def test_an_agent_is_not_registered_for_a_request_that_is_decided(admin, member):
    row = ask(member)
    withdraw_agent_request(member.actor, row.id)
    before = Agent.objects.count()
    form = {"name": unique("late"), "display_name": "Late", "agent_type": "ai_agent", "version": "1", "go": "submit"}
    form |= {"min_trust": "70", "auto_suspend_below": "50", "access_scope_kind": "organization"}
    form |= {"calls_per_hour": "1000", "gigabytes_per_day": "10"}
    address = f"{reverse('agents:agent-register')}?request={row.public_id}"
    answer = signed_in_browser(admin).post(address, form)
    assert answer.status_code == 422
    assert "already" in answer.content.decode()
    assert Agent.objects.count() == before


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"display_name": " "}, "display_name"),
        ({"purpose": "x" * 2001}, "purpose"),
        ({"capabilities": ["fly"]}, "capabilities"),
        ({"resource_scope": ["/a/**/**b"]}, "resource_scope[0]"),
    ],
)
def test_what_is_wrong_is_named(member, changes, field):
    with pytest.raises(InvalidInputError) as refused:
        ask(member, **changes)
    assert field in {found.field for found in refused.value.problems}


def test_nobody_floods_the_queue(member):
    for _ in range(MOST_OPEN):
        ask(member)
    with pytest.raises(ConflictError, match="open requests"):
        ask(member)


@pytest.mark.requirement("R.1")
def test_the_api_shows_ones_own_or_all_and_no_other_organizations(admin, member):
    other, stranger = make_person(admin.organization, Role.MEMBER), make_person(make_organization())
    body = {"display_name": "Claims", "purpose": "Night shift", "capabilities": ["file_system.read"]}
    made = Api(member.token).post("/agent-requests", body)
    assert made.status_code == 201, made.content
    path = f"/agent-requests/{made.json()['id']}"
    assert Api(member.token).get("/agent-requests?status=open").json()["results"] == [made.json()]
    assert Api(admin.token).get(path).json()["requested_by"] == member.user.email
    assert Api(other.token).get("/agent-requests").json()["results"] == []
    unknown = Api(stranger.token).get("/agent-requests/arq_" + "0" * 32)
    assert problem(Api(stranger.token).get(path)) == problem(Api(other.token).get(path)) == problem(unknown)
    assert Api(stranger.token).post(f"{path}/decline", {"note": "x"}).status_code == 404
    assert messages(Api(member.token).post("/agent-requests", {**body, "purpose": " "}))
    agent = make_agent(admin.actor).agent
    done = Api(admin.token).post(f"{path}/fulfil", {"agent_id": agent.public_id})
    assert (done.json()["status"], done.json()["agent_id"]) == ("registered", agent.public_id)
    assert Api(member.token).post(f"{path}/withdraw").status_code == 409


def test_erased_words_are_gone(admin, member):
    row = ask(member)
    entry = Entry.objects.get(subject_id=row.id)
    assert blot_requests([entry.id]) == 1
    row.refresh_from_db()
    assert (row.purpose, row.display_name) == ("", "")
    assert "erased" in signed_in_browser(admin).get(LIST).content.decode()
    assert row.status == AgentRequest.Status.OPEN
