"""One agent's page: what may be done on it, and what its tabs say of its rights and its history."""

import pytest
from django.urls import reverse

from accounts.models import Role
from accounts.services.teams import create_team, delete_team
from agents.models import Agent, AgentStatus
from agents.services.configuration import update_agent
from agents.services.lifecycle import suspend_agent
from aim import clock
from aim.ledger.events import Event
from tests.console.decisions import decided
from tests.console.people import browser_of
from tests.factories.accounts import make_organization, make_person
from tests.factories.agents import make_agent, make_verified_agent
from tests.factories.ledger import recorded

ATTEST = reverse("agents:agents-bulk", args=["attest"])


@pytest.fixture
def admin():
    return make_person(make_organization())


def page(person, agent, **query) -> str:
    response = browser_of(person).get(reverse("agents:agent-detail", args=[agent.public_id]), query)
    assert response.status_code == 200
    return response.content.decode()


def timeline(text) -> str:
    return text[text.index('class="timeline"') :]


@pytest.mark.requirement("W2.10")
@pytest.mark.parametrize("role", list(Role))
def test_the_page_offers_what_the_role_may_do(admin, role):
    agent = make_verified_agent(admin.actor).agent
    shown = page(make_person(admin.organization, role), agent)
    manages, administers = role in {Role.ADMIN, Role.MANAGER}, role == Role.ADMIN
    assert ("Rotate the public key…" in shown) is manages
    assert ("Revoke agent…" in shown) is manages
    assert ("Suspend…" in shown) is manages
    assert ("Delete agent…" in shown) is administers


@pytest.mark.requirement("W2.10")
def test_a_name_of_any_letters_stays_text_in_the_dialog_that_asks(admin):
    name = """</form><b>"Q&A's"</b>"""
    agent = make_verified_agent(admin.actor, display_name=name).agent
    address = reverse("agents:agent-act", args=[agent.public_id, "suspend"])
    text = browser_of(admin).get(address).content.decode()
    shown = "&lt;/form&gt;&lt;b&gt;&quot;Q&amp;A&#x27;s&quot;&lt;/b&gt;"
    assert f'data-resumable="Continue suspending agent {shown}?"' in text
    assert name not in text
    assert "&amp;amp;" not in text
    assert "&amp;lt;" not in text
    assert 'name="csrfmiddlewaretoken"' in text[text.index("data-resumable") :]


@pytest.mark.requirement("W2.10")
def test_an_agent_without_records_is_deleted_from_its_page_and_any_other_is_not(admin):
    fresh = make_agent(admin.actor, with_key=False).agent
    address = reverse("agents:agent-delete", args=[fresh.public_id])
    manager = make_person(admin.organization, Role.MANAGER)
    assert browser_of(manager).post(address).status_code == 403
    assert browser_of(make_person(make_organization())).post(address).status_code == 404
    client = browser_of(admin)
    assert "can be deleted" in client.get(address).content.decode()
    with recorded(admin.organization.id, Event.AGENT_DELETED):
        assert client.post(address).status_code == 303
    assert not Agent.objects.filter(id=fresh.id).exists()
    used = make_agent(admin.actor, with_key=False).agent
    decided(used, clock.now())
    refused = client.post(reverse("agents:agent-delete", args=[used.public_id]))
    assert refused.status_code == 422
    assert "Revoke instead…" in refused.content.decode()
    assert Agent.objects.filter(id=used.id).exists()


@pytest.mark.requirement("W2.8")
def test_many_are_attested_at_once_but_those_that_hold_a_key(admin):
    plain = [make_agent(admin.actor, with_key=False).agent for _ in range(2)]
    keyed = make_agent(admin.actor).agent
    ids = {"agent": [agent.public_id for agent in (*plain, keyed)]}
    client = browser_of(admin)
    asked = client.post(ATTEST, ids).content.decode()
    assert "Attest agents" in asked
    assert "1 other is in a state that does not allow this" in asked
    with recorded(admin.organization.id, Event.AGENT_ATTESTED, Event.AGENT_ATTESTED):
        client.post(ATTEST, {**ids, "confirmed": "yes", "reason": "Known to us"})
    statuses = dict(Agent.objects.filter(organization=admin.organization).values_list("id", "status"))
    assert statuses == {**{agent.id: AgentStatus.VERIFIED for agent in plain}, keyed.id: AgentStatus.PENDING}
    manager = make_person(admin.organization, Role.MANAGER)
    assert browser_of(manager).post(ATTEST, ids).status_code == 403


@pytest.mark.requirement("W2.5")
def test_whom_an_agent_acts_for_is_said_by_name(admin):
    team = create_team(admin.actor, "Payments & Co")
    agent = make_agent(admin.actor, access_scope_kind="teams", access_scope_ids=[team.public_id]).agent
    assert "Payments &amp; Co" in page(admin, agent, tab="rights")
    delete_team(admin.actor, team.id)
    assert team.public_id in page(admin, agent, tab="rights")


@pytest.mark.requirement("W2.10")
def test_the_history_narrows_to_the_configuration_and_has_pages(admin):
    agent = make_agent(admin.actor, with_key=False).agent
    suspend_agent(admin.actor, agent.id, reason="Odd calls")
    for number in range(52):
        update_agent(admin.actor, agent.id, changes={"version": f"1.{number}.7"})
    everything = page(admin, agent, tab="history")
    assert "Older" in everything
    assert "1.51.7" in everything
    assert "Odd calls" not in timeline(everything)
    older = everything[everything.index('rel="next"') - 400 :]
    address = older[older.rindex('href="', 0, older.index('rel="next"')) + 6 :].split('"')[0].replace("&amp;", "&")
    base = reverse("agents:agent-detail", args=[agent.public_id])
    second = browser_of(admin).get(address if address.startswith("/") else base + address).content.decode()
    assert "Odd calls" in timeline(second)
    assert "Newer" in second
    narrowed = page(admin, agent, tab="history", show="configuration")
    assert "Suspended" not in timeline(narrowed)
