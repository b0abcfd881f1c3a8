from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from accounts.contracts import OPERATOR
from accounts.models import Organization, PersonalToken, Role
from accounts.services.members import change_role, remove_member
from accounts.services.organizations import set_organization_status
from accounts.services.tokens import revoke_token
from agents.models import ApiKey
from agents.services.api_keys import revoke_api_key
from aim import clock
from aim.secrets import digest_of
from tests.factories.accounts import PASSWORD, make_organization, make_person
from tests.factories.agents import make_agent
from tests.factories.api import Api, problem
from tests.factories.browser import new_browser


@pytest.fixture
def admin():
    return make_person(make_organization())


def signed_in(person) -> Client:
    client = new_browser(csrf=True)
    page = client.get(reverse("accounts:login"))
    form = {"email": person.user.email, "password": PASSWORD, "csrfmiddlewaretoken": page.cookies["csrftoken"].value}
    assert client.post(reverse("accounts:login"), form).status_code == 302
    return client


def assert_refused(response):
    assert response.status_code == 401
    assert problem(response)["detail"] == "The credentials are unknown, expired or revoked."


@pytest.mark.parametrize("secret", ["aimp_unknown", "aim_unknown", "other", "x" * 5000, "aimp_é"])
def test_unknown_secrets_are_refused_alike(secret):
    assert_refused(Api(secret).get("/me"))


def test_another_scheme_is_refused():
    api = Api()
    api.headers = {"authorization": "Basic YTpi"}
    assert_refused(api.get("/me"))


def test_a_token_names_its_person(admin):
    caller = Api(admin.token).get("/me").json()
    assert (caller["kind"], caller["id"], caller["role"]) == ("person", admin.user.public_id, "admin")
    assert caller["organization"]["id"] == admin.organization.public_id
    assert caller["credential"] == admin.token[:13]


def test_an_expired_token_is_refused(admin):
    PersonalToken.objects.filter(digest=digest_of(admin.token)).update(expires_at=clock.now() - timedelta(seconds=1))
    assert_refused(Api(admin.token).get("/me"))


def test_a_revoked_token_is_refused(admin):
    revoke_token(admin.actor, PersonalToken.objects.get(digest=digest_of(admin.token)).id)
    assert_refused(Api(admin.token).get("/me"))


@pytest.mark.requirement("R.6")
def test_a_removed_members_token_and_session_die_at_once(admin):
    leaving = make_person(admin.organization, Role.MANAGER)
    client = signed_in(leaving)
    assert client.get("/api/v1/me").status_code == 200
    remove_member(admin.actor, leaving.user.id, organization_id=admin.organization.id)
    assert_refused(Api(leaving.token).get("/me"))
    assert_refused(client.get("/api/v1/me"))
    assert client.get("/").status_code == 302


def test_an_inactive_person_is_refused(admin):
    admin.user.is_active = False
    admin.user.save()
    assert_refused(Api(admin.token).get("/me"))


def test_a_disabled_organization_refuses_people_and_agents(admin):
    agent, client = make_agent(admin.actor), signed_in(admin)
    epoch = agent.agent.runtime.epoch
    set_organization_status(OPERATOR, admin.organization, status=Organization.Status.DISABLED, reason="test")
    assert_refused(Api(admin.token).get("/me"))
    assert_refused(Api(agent.api_key).get("/me"))
    assert_refused(client.get("/api/v1/me"))
    agent.agent.runtime.refresh_from_db()
    assert agent.agent.runtime.epoch == epoch + 1


@pytest.mark.requirement("R.2")
def test_a_changed_role_counts_for_the_next_request(admin):
    manager = make_person(admin.organization, Role.MANAGER)
    assert Api(manager.token).post("/agents", {}).status_code == 400
    change_role(admin.actor, manager.user.id, organization_id=admin.organization.id, role=Role.VIEWER)
    assert Api(manager.token).post("/agents", {}).status_code == 403


def test_scopes_narrow_what_a_token_may(admin):
    person = make_person(admin.organization, Role.ADMIN, scopes=("agents:read", "agents:write"))
    api = Api(person.token)
    assert api.get("/me").json()["permissions"] == ["agents:read", "agents:write"]
    assert api.get("/agents").status_code == 200
    assert api.get("/members").status_code == 403


def test_an_api_key_names_its_agent_until_it_is_revoked(admin):
    agent = make_agent(admin.actor)
    caller = Api(agent.api_key).get("/me").json()
    assert (caller["kind"], caller["id"], caller["role"]) == ("agent", agent.agent.public_id, None)
    key = ApiKey.objects.get(agent=agent.agent)
    revoke_api_key(admin.actor, agent.agent.id, key_id=key.id)
    assert_refused(Api(agent.api_key).get("/me"))


def test_an_expired_api_key_is_refused(admin):
    agent = make_agent(admin.actor)
    ApiKey.objects.filter(agent=agent.agent).update(expires_at=clock.now() - timedelta(seconds=1))
    assert_refused(Api(agent.api_key).get("/me"))


def test_the_session_writes_only_with_a_csrf_token(admin):
    client = signed_in(admin)
    assert client.get("/api/v1/me").json()["credential"] == "session"
    body = {"name": "Team"}
    refused = client.post("/api/v1/teams", body, content_type="application/json")
    assert refused.status_code == 403
    headers = {"X-CSRFToken": client.cookies["csrftoken"].value}
    assert client.post("/api/v1/teams", body, content_type="application/json", headers=headers).status_code == 201


def test_a_one_time_password_opens_nothing_but_the_password_page(admin):
    admin.user.must_change_password = True
    admin.user.save()
    client = signed_in(admin)
    response = client.get("/api/v1/me")
    assert response.status_code == 403
    assert response.json()["type"].endswith("password_change_required")
    assert client.get("/").headers["Location"] == reverse("accounts:password")


@pytest.mark.requirement("R.6")
@pytest.mark.parametrize(("scopes", "status"), [(["*"], 400), (["agents:write"], 400), (["agents:read"], 201)])
def test_a_narrow_token_makes_no_wider_one(admin, scopes, status):
    person = make_person(admin.organization, Role.ADMIN, scopes=("tokens:own", "agents:read"))
    tomorrow = clock.show_time(clock.now() + timedelta(days=1))
    response = Api(person.token).post("/tokens", {"name": "wider", "scopes": scopes, "expires_at": tomorrow})
    assert response.status_code == status
    if status == 201:
        assert Api(response.json()["token"]).get("/me").json()["permissions"] == ["agents:read"]
