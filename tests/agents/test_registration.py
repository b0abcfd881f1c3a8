from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agents.models import Agent, AgentRuntime, ApiKey, PublicKey
from agents.services.registration import register_agent
from aim.ledger.events import Event
from aim.ledger.models import Entry
from aim.secrets import digest_of
from tests.factories.accounts import make_organization, make_person, unique
from tests.factories.agents import configuration, make_agent, pem_of
from tests.factories.api import Api, messages, problem
from tests.factories.ledger import entries, recorded
from tests.factories.threads import at_once


@pytest.fixture
def admin():
    return make_person(make_organization())


@pytest.fixture
def api(admin):
    return Api(admin.token)


def body(**fields) -> dict[str, Any]:
    return configuration(**fields)


@pytest.mark.requirement("W2.3", "W2.5", "W2.6", "W2.7")
def test_registration_answers_the_agent_and_once_the_key(admin, api):
    pem = pem_of(Ed25519PrivateKey.generate())
    with recorded(admin.organization.id, Event.AGENT_REGISTERED) as added:
        response = api.post(
            "/agents",
            body(
                name="claude-code-assistant",
                limits={"calls_per_hour": 5},
                allowed_ip_ranges=["10.0.0.0/8", "2001:db8::/32"],
                require_approval=["file_delete"],
                auto_deny=["*:/etc/**"],
                require_signature=True,
                public_key=pem,
            ),
        )
    assert response.status_code == 201
    agent = response.json()
    assert agent["id"].startswith("agt_")
    assert agent["status"] == "pending"
    assert agent["trust_score"] is None
    assert agent["access_scope"] == {"kind": "organization", "ids": []}
    assert agent["limits"] == {"calls_per_hour": 5, "bytes_per_day": 10_000_000_000}
    assert (agent["min_trust"], agent["auto_suspend_below"]) == (70, 50)
    assert agent["owner"]["id"] == admin.user.public_id
    [key] = agent["public_keys"]
    assert (key["type"], key["status"]) == ("ed25519", "unproved")
    assert agent["api_key"].startswith("aim_")
    again = api.get(f"/agents/{agent['id']}").json()
    assert "api_key" not in again
    assert again["api_keys"][0]["prefix"] == agent["api_key"][:12]
    [entry] = added
    assert entry["data"]["configuration"]["allowed_ip_ranges"] == ["10.0.0.0/8", "2001:db8::/32"]
    assert entry["data"]["public_key"]["fingerprint"] == key["fingerprint"]
    assert entry["actor"]["credential"] == admin.token[:13]


@pytest.mark.requirement("W2.7")
def test_the_api_key_is_nowhere_in_clear(admin, capfd):
    agent = make_agent(admin.actor)
    assert Api(agent.api_key).get("/me").status_code == 200
    row = ApiKey.objects.get(agent=agent.agent)
    assert bytes(row.digest) == digest_of(agent.api_key)
    secret = agent.api_key.removeprefix("aim_")
    assert secret not in str(ApiKey.objects.filter(id=row.id).values().get())
    assert secret not in str(entries(admin.organization.id))
    assert not any(secret.encode() in bytes(entry.body) for entry in Entry.objects.filter(subject_id=agent.agent.id))
    captured = capfd.readouterr()
    assert secret not in captured.err + captured.out


@pytest.mark.requirement("W2.3", "W2.9")
def test_a_name_is_used_once_in_an_organization(api, admin):
    name = unique("agent")
    assert api.post("/agents", body(name=name)).status_code == 201
    with recorded(admin.organization.id):
        refused = api.post("/agents", body(name=name.upper()))
    assert refused.status_code == 409
    assert messages(refused) == [("name", "Agent name already exists. Use a different name.")]
    stranger = make_person(make_organization())
    assert Api(stranger.token).post("/agents", body(name=name)).status_code == 201


def test_one_of_many_at_once_gets_the_name(admin):
    name = unique("agent")
    results = at_once(8, lambda _: register_agent(admin.actor, configuration(name=name)))
    assert sorted({type(result).__name__ for result in results}) == ["AgentNameTakenError", "Registration"]
    assert Agent.objects.filter(organization=admin.organization).count() == 1
    assert [entry["kind"] for entry in entries(admin.organization.id)].count(Event.AGENT_REGISTERED) == 1


@pytest.mark.requirement("W2.9")
@pytest.mark.parametrize("text", ["not a key", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_a_broken_public_key_is_named_first_word_for_word(api, text):
    response = api.post("/agents", body(public_key=text))
    assert response.status_code == 400
    assert messages(response)[0] == (
        "public_key",
        "Invalid public key format. Please upload valid PEM file.",
    )


def test_a_key_of_another_type_than_declared_is_refused(api):
    response = api.post("/agents", body(public_key=pem_of(Ed25519PrivateKey.generate()), public_key_type="rsa"))
    assert response.status_code == 400
    assert [error["code"] for error in response.json()["errors"]] == ["invalid_public_key", "type_mismatch"]


@pytest.mark.requirement("W2.6")
def test_signatures_need_a_public_key(api):
    response = api.post("/agents", body(require_signature=True))
    assert response.status_code == 400
    assert [field for field, _ in messages(response)] == ["public_key"]


@pytest.mark.requirement("W2.9")
def test_every_problem_is_named_at_once(api):
    response = api.post(
        "/agents",
        {
            "name": "no spaces please",
            "display_name": " ",
            "agent_type": "robot",
            "capabilities": ["file_system.read", "fly"],
            "resource_scope": ["**"],
            "access_scope": {"kind": "everybody"},
            "limits": {"calls_per_hour": 0, "bytes_per_day": -1},
            "allowed_ip_ranges": ["10.0.0.1/8"],
            "require_approval": ["nonsense"],
            "min_trust": 101,
            "owner": "me",
        },
    )
    assert response.status_code == 400
    assert {field for field, _ in messages(response)} == {
        "name",
        "display_name",
        "agent_type",
        "version",
        "capabilities[1]",
        "resource_scope[0]",
        "access_scope.kind",
        "limits.calls_per_hour",
        "limits.bytes_per_day",
        "allowed_ip_ranges[0]",
        "require_approval[0]",
        "min_trust",
        "owner",
    }


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"min_trust": 40, "auto_suspend_below": 50}, "auto_suspend_below"),
        ({"access_scope": {"kind": "organization", "ids": ["usr_1"]}}, "access_scope.ids"),
        ({"access_scope": {"kind": "teams", "ids": []}}, "access_scope.ids"),
        ({"access_scope": {"kind": "teams", "ids": ["tea_00000000000000000000000000000000"]}}, "access_scope.ids[0]"),
        ({"access_scope": {"kind": "teams", "ids": ["no id"]}}, "access_scope.ids[0]"),
        ({"access_scope": {"kind": "users", "ids": ["usr_00000000000000000000000000000000"]}}, "access_scope.ids[0]"),
    ],
)
def test_fields_that_contradict_each_other_are_refused(api, fields, field):
    response = api.post("/agents", body(**fields))
    assert response.status_code == 400
    assert [name for name, _ in messages(response)] == [field]


@pytest.mark.requirement("R.1")
def test_another_organizations_team_is_unknown(api):
    stranger = make_person(make_organization())
    team = Api(stranger.token).post("/teams", {"name": "Team"}).json()["id"]
    response = api.post("/agents", body(access_scope={"kind": "teams", "ids": [team]}))
    assert messages(response) == [("access_scope.ids[0]", f"Unknown team: {team}")]


@pytest.mark.parametrize(
    "field",
    ["id", "status", "trust_score", "organization", "owner", "verified_at", "config_version", "api_key", "epoch"],
)
def test_nobody_assigns_what_only_the_server_writes(api, field):
    response = api.post("/agents", body(**{field: "verified"}))
    assert response.status_code == 400
    assert [name for name, _ in messages(response)] == [field]


@pytest.mark.requirement("W2.4")
def test_high_risk_is_warned_of(api):
    response = api.post("/agents", body(capabilities=["network.request", "file_system.read"], resource_scope=[]))
    assert [(warning["code"], warning["message"]) for warning in response.json()["warnings"]][:1] == [
        ("high_risk_capability", "High-risk capability: Network Requests")
    ]
    assert {warning["code"] for warning in response.json()["warnings"]} == {
        "high_risk_capability",
        "unsigned",
        "empty_scope",
    }


def test_nothing_is_left_of_a_refused_registration(admin, api):
    before = AgentRuntime.objects.count(), PublicKey.objects.count()
    name = unique("agent")
    api.post("/agents", body(name=name))
    api.post("/agents", body(name=name, public_key=pem_of(Ed25519PrivateKey.generate())))
    agents = Agent.objects.filter(organization=admin.organization)
    assert agents.count() == 1
    assert not PublicKey.objects.filter(agent__in=agents).exists()
    assert AgentRuntime.objects.count() >= before[0] + 1


def test_hostile_text_is_stored_as_it_is_or_refused(api):
    text = '<svg onload=alert(1)> \u202e = "+cmd'
    response = api.post("/agents", body(display_name=text, description=text + "\nline"))
    assert response.status_code == 201
    assert response.json()["display_name"] == text
    assert api.post("/agents", body(display_name="two\nlines")).status_code == 400
    assert problem(api.post("/agents", body(description="\x00")))["status"] == 400


def registered(api, key, **fields):
    caller = Api()
    caller.headers = {**api.headers, **({"Idempotency-Key": key} if key else {})}
    return caller.post("/agents", configuration(**fields))


@pytest.mark.requirement("E4")
def test_the_same_request_with_the_same_key_registers_once():
    admin = make_person(make_organization())
    api = Api(admin.token)
    name = unique("agent")
    first = registered(api, '"8e03978e-40d5-43dd-bc93-6894a57f9324"', name=name)
    again = registered(api, "8e03978e-40d5-43dd-bc93-6894a57f9324", name=name)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    assert first.json()["api_key"].startswith("aim_")
    assert (first.json()["repeated"], again.json()["repeated"], again.json()["api_key"]) == (False, True, "")
    assert Agent.objects.get(organization=admin.organization).api_keys.count() == 1
    other = registered(api, "8e03978e-40d5-43dd-bc93-6894a57f9324", name=unique("agent"))
    assert (other.status_code, other.json()["type"]) == (422, "urn:aim:problem:idempotency_key_reused")
    assert registered(api, "", name=name).status_code == 409
    assert registered(api, "another", name=name).status_code == 409
    for bad in ("x" * 201, "caf\u00e9"):
        assert registered(api, bad, name=unique("agent")).status_code == 400
    assert Agent.objects.filter(organization=admin.organization).count() == 1


@pytest.mark.requirement("E4", "R.1")
def test_a_key_is_a_persons_own():
    admin = make_person(make_organization())
    colleague, stranger = make_person(admin.organization), make_person(make_organization())
    name = unique("agent")
    made = registered(Api(admin.token), "the-key", name=name).json()
    assert registered(Api(colleague.token), "the-key", name=name).status_code == 409
    others = registered(Api(stranger.token), "the-key", name=name)
    assert others.status_code == 201
    assert others.json()["id"] != made["id"]


@pytest.mark.requirement("E4")
def test_of_many_at_once_one_registers_and_all_are_answered_with_its_agent():
    admin = make_person(make_organization())
    fields = configuration(name=unique("agent"))
    made = at_once(8, lambda _: register_agent(admin.actor, fields, idempotency_key="the-key"))
    assert {result.agent.id for result in made} == {Agent.objects.get(organization=admin.organization).id}
    assert sum(not result.repeated for result in made) == 1
    assert sum(bool(result.api_key) for result in made) == 1


@pytest.mark.requirement("E4")
def test_what_was_refused_has_used_no_key():
    admin = make_person(make_organization())
    api, name = Api(admin.token), unique("agent")
    assert registered(api, "the-key", name="no name!").status_code == 400
    assert registered(api, "the-key", name=name).status_code == 201
