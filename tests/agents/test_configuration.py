import pytest

from agents.configuration import FIELDS
from agents.models import Agent
from agents.records import register_record_source, sources_with_records
from agents.services.lifecycle import revoke_agent
from aim.ledger.events import Event
from tests.factories.accounts import make_organization, make_person, unique
from tests.factories.agents import make_agent
from tests.factories.api import Api, messages
from tests.factories.ledger import entries, recorded

CHANGES = {
    "name": "another-name",
    "display_name": "Another",
    "agent_type": "mcp_server",
    "version": "2.0",
    "description": "changed",
    "capabilities": ["database.read"],
    "resource_scope": ["/srv/**"],
    "access_scope": {"kind": "users", "ids": ["usr_123"]},
    "limits": {"calls_per_hour": 7, "bytes_per_day": 8},
    "allowed_ip_ranges": ["192.0.2.0/24"],
    "require_approval": ["file_delete"],
    "auto_deny": ["*:/etc/**"],
    "require_signature": True,
    "min_trust": 80,
    "auto_suspend_below": 60,
}


@pytest.fixture
def admin():
    return make_person(make_organization())


@pytest.fixture
def held(admin):
    return make_agent(admin.actor)


@pytest.mark.requirement("W2.10")
@pytest.mark.parametrize("field", CHANGES)
def test_each_field_is_changed_and_recorded_with_before_and_after(admin, held, field):
    epoch = held.agent.runtime.epoch
    before = Api(admin.token).get(held.path).json()
    with recorded(admin.organization.id, Event.AGENT_UPDATED) as added:
        response = Api(admin.token).patch(held.path, {field: CHANGES[field]})
    assert response.status_code == 200
    after = response.json()
    assert after[field] == CHANGES[field]
    assert {name for name in after if after[name] != before[name]} == {field, "config_version", "updated_at"}
    assert after["config_version"] == 2
    changes = added[0]["data"]["changes"]
    assert changes
    assert set(changes) <= set(FIELDS)
    assert all(change["before"] != change["after"] for change in changes.values())
    held.agent.runtime.refresh_from_db()
    assert held.agent.runtime.epoch == epoch + 1


def test_nothing_changed_is_nothing_recorded(admin, held):
    with recorded(admin.organization.id):
        response = Api(admin.token).patch(held.path, {"version": held.agent.version})
    assert response.json()["config_version"] == 1


def test_one_limit_is_changed_without_the_other(admin, held):
    response = Api(admin.token).patch(held.path, {"limits": {"bytes_per_day": 8}})
    assert response.json()["limits"] == {"calls_per_hour": 1000, "bytes_per_day": 8}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"min_trust": 10}, "auto_suspend_below"),
        ({"capabilities": ["fly"]}, "capabilities[0]"),
        ({"status": "verified"}, "status"),
        ({"public_key": "x"}, "public_key"),
        ({"limits": {"calls_per_hour": True}}, "limits.calls_per_hour"),
        ({"limits": {"calls": 1}}, "limits.calls"),
        ({"limits": []}, "limits"),
        ({"require_signature": "yes"}, "require_signature"),
    ],
)
def test_a_refused_change_changes_nothing(admin, held, body, field):
    with recorded(admin.organization.id):
        response = Api(admin.token).patch(held.path, {**body, "version": "9"})
    assert response.status_code == 400
    assert [name for name, _ in messages(response)] == [field]
    assert Agent.objects.get(id=held.agent.id).version == "1.0.0"


@pytest.mark.requirement("W2.9")
def test_the_name_of_another_agent_is_refused(admin, held):
    other = make_agent(admin.actor)
    response = Api(admin.token).patch(held.path, {"name": other.agent.name.upper()})
    assert response.status_code == 409
    assert messages(response) == [("name", "Agent name already exists. Use a different name.")]


def test_signatures_cannot_be_required_without_a_key(admin):
    held = make_agent(admin.actor, with_key=False)
    response = Api(admin.token).patch(held.path, {"require_signature": True})
    assert [name for name, _ in messages(response)] == ["require_signature"]


def test_a_revoked_agent_is_not_changed(admin, held):
    revoke_agent(admin.actor, held.agent.id, reason="test")
    assert Api(admin.token).patch(held.path, {"version": "2"}).status_code == 409
    assert Api(admin.token).post(f"{held.path}/api-keys", {}).status_code == 409


@pytest.mark.requirement("W2.10")
def test_history_is_the_ledger_newest_first(admin, held):
    api = Api(admin.token)
    api.patch(held.path, {"version": "2"})
    api.post(f"{held.path}/suspend", {"reason": "test"})
    first = api.get(f"{held.path}/history?limit=2").json()
    assert [entry["kind"] for entry in first["results"]] == [Event.AGENT_SUSPENDED, Event.AGENT_UPDATED]
    assert first["results"][1]["data"]["changes"] == {"version": {"before": "1.0.0", "after": "2"}}
    assert first["results"][0]["actor"]["label"] == admin.user.email
    rest = api.get(first["next"].partition("/api/v1")[2]).json()
    assert [entry["kind"] for entry in rest["results"]] == [Event.AGENT_REGISTERED]


@pytest.mark.requirement("W2.10")
def test_an_agent_without_records_is_deleted(admin, held):
    with recorded(admin.organization.id, Event.AGENT_DELETED) as added:
        assert Api(admin.token).delete(held.path).status_code == 204
    assert added[0]["data"]["configuration"]["name"] == held.agent.name
    assert Api(admin.token).get(held.path).status_code == 404
    assert Api(held.api_key).get("/me").status_code == 401


@pytest.mark.requirement("W2.10")
def test_an_agent_with_records_stays(admin, held):
    register_record_source(unique("things"), lambda agent_id: agent_id == held.agent.id)
    assert len(sources_with_records(held.agent.id)) == 1
    with recorded(admin.organization.id):
        response = Api(admin.token).delete(held.path)
    assert response.status_code == 409
    assert "Revoke it instead" in response.json()["detail"]
    assert Api(admin.token).get(held.path).status_code == 200


def test_api_keys_are_made_and_revoked(admin, held):
    api = Api(admin.token)
    with recorded(admin.organization.id, Event.API_KEY_CREATED) as added:
        made = api.post(f"{held.path}/api-keys", {"expires_at": "2099-01-01T00:00:00Z"})
    assert made.status_code == 201
    secret = made.json()["api_key"]
    assert secret not in str(added)
    assert Api(secret).get("/me").json()["id"] == held.agent.public_id
    with recorded(admin.organization.id, Event.API_KEY_REVOKED):
        assert api.delete(f"{held.path}/api-keys/{made.json()['id']}").status_code == 204
    assert Api(secret).get("/me").status_code == 401
    assert Api(held.api_key).get("/me").status_code == 200
    with recorded(admin.organization.id):
        assert api.delete(f"{held.path}/api-keys/{made.json()['id']}").status_code == 404
        assert api.post(f"{held.path}/api-keys", {"expires_at": "2001-01-01T00:00:00Z"}).status_code == 400


@pytest.mark.requirement("W2.1")
def test_the_list_is_filtered_searched_and_paged(admin):
    api = Api(admin.token)
    word = unique("needle")
    names = [make_agent(admin.actor, display_name=f"{word} {index}").agent.public_id for index in range(3)]
    make_agent(admin.actor, agent_type="mcp_server", capabilities=["database.read"])

    def ids(query):
        return [agent["id"] for agent in api.get(f"/agents?{query}").json()["results"]]

    assert ids(f"q={word.upper()}") == names[::-1]
    assert len(ids("agent_type=mcp_server")) == 1
    assert len(ids("capability=database.read")) == 1
    assert len(ids("status=pending&status=verified")) == 4
    assert ids("status=revoked") == []
    assert len(ids(f"owner={admin.user.public_id}")) == 4
    assert ids("owner=nobody") == []
    page = api.get("/agents?limit=3").json()
    assert len(page["results"]) == 3
    assert len(api.get(page["next"].partition("/api/v1")[2]).json()["results"]) == 1


@pytest.mark.parametrize("query", ["status=odd", "agent_type=odd", "capability=fly", "limit=0", "cursor=odd"])
def test_an_unknown_filter_value_is_refused(admin, query):
    assert Api(admin.token).get(f"/agents?{query}").status_code == 400


def test_the_list_asks_as_often_for_many_as_for_few(admin, django_assert_max_num_queries):
    for _ in range(5):
        make_agent(admin.actor)
    with django_assert_max_num_queries(5):
        assert len(Api(admin.token).get("/agents").json()["results"]) == 5


def test_every_change_of_a_session_has_exactly_one_entry(admin, held):
    """Counts what changed by the answers, and what is recorded by the ledger."""
    api = Api(admin.token)
    before = len(entries(admin.organization.id))
    writes = [
        api.patch(held.path, {"version": "2"}),
        api.post(f"{held.path}/suspend", {"reason": "a"}),
        api.post(f"{held.path}/suspend", {"reason": "refused"}),
        api.post(f"{held.path}/resume", {"reason": "a"}),
        api.post(f"{held.path}/api-keys", {}),
        api.post(f"{held.path}/challenge"),
        api.post("/teams", {"name": "T"}),
        api.post("/teams", {"name": "t"}),
        api.patch("/organization", {"timezone": "Asia/Tokyo"}),
        api.post("/tokens", {"name": "t", "scopes": ["agents:read"], "expires_at": "2020-01-01T00:00:00Z"}),
        api.delete(f"/members/{admin.user.public_id}"),
        api.post(f"{held.path}/revoke", {"reason": "a"}),
    ]
    accepted = [response for response in writes if response.status_code < 300]
    assert len(accepted) == 8
    assert len(entries(admin.organization.id)) == before + len(accepted)
