"""Dry runs over recorded traffic, shadow statistics, the linter, and the API and command that show them."""

import json
from datetime import timedelta
from io import StringIO
from urllib.parse import urlencode

import pytest
from django.core.management import CommandError, call_command

from aim import clock
from aim.ledger.models import Entry
from tests.factories.accounts import make_organization, make_person
from tests.factories.api import Api, messages
from tests.factories.followers import follow_all
from tests.verification.policies.asking import in_force
from tests.verification.policies.test_yaml import SENSITIVE
from tests.verification.world import make_agent
from verification.models import Policy
from verification.policies import replay as replay_module
from verification.services.policies import add_version, create_policy, shadow_version


@pytest.fixture
def world():
    person = make_person(make_organization())
    agent = make_agent(
        person.actor, capabilities=["file_system.read", "file_system.write", "payment.send"], resource_scope=["/**"]
    )
    return person, Api(person.token), agent


def ask(agent, action_type="file_read", resource="/app/x", **changes):
    return agent.ask_natively(agent.body(action_type=action_type, resource=resource, **changes)).json()


def period(**others):
    now = clock.now()
    return {
        "since": (now - timedelta(hours=1)).isoformat(),
        "until": (now + timedelta(hours=1)).isoformat(),
        **others,
    }


@pytest.mark.requirement("W4.5")
def test_a_dry_run_says_what_would_have_been_decided_otherwise(world):
    person, api, agent = world
    in_force(person.actor, {"name": "No secrets", "effect": "deny", "match": {"resources": ["/secret/**"]}})
    for amount in (100, 499, 501, 900):
        assert ask(agent, "refund", "/orders/1", parameters={"amount": amount})["approved"]
    denied = ask(agent, resource="/secret/x")
    assert denied["code"] == "policy_denied"
    assert ask(agent, "invented")["code"] == "capability_missing"
    version = create_policy(
        person.actor,
        {
            "name": "Refunds over €500 need a person",
            "effect": "require_approval",
            "match": {"actions": ["refund"], "where": [{"field": "parameters.amount", "more_than": 500}]},
        },
    )
    answer = api.post(f"/policies/{version.policy.public_id}/dry-run", period())
    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert (body["newly_denied"], body["newly_pending"], body["newly_allowed"]) == (0, 2, 0)
    assert (body["examined"], body["unaffected"], body["unchanged"]) == (6, 1, 3)
    (group,) = body["groups"]
    assert (group["change"], group["action_type"], group["count"]) == ("newly_pending", "refund", 2)
    assert group["reason"] == "Refunds over €500 need a person (version 1)"
    assert len(group["samples"]) == 2
    assert api.get(f"/verifications/{group['samples'][0]}").status_code == 200
    assert body["complete"]
    # And without the policy that is in force: what it denied, whose later checks nobody knows.
    known = Policy.objects.get(organization=person.organization, name="No secrets")
    body = api.post(f"/policies/{known.public_id}/dry-run", period(retire=True)).json()
    assert (body["version"], body["newly_allowed"], body["later_checks_unknown"]) == (None, 1, 1)


@pytest.mark.requirement("W4.5")
def test_what_cannot_be_replayed_is_counted(world):
    person, api, agent = world
    kept, erased = ask(agent)["verification_id"], ask(agent)["verification_id"]
    assert kept != erased
    Entry.objects.filter(id=erased.removeprefix("ver_")).update(disclosures=None)
    version = create_policy(person.actor, {"name": "All", "effect": "deny"})
    body = api.post(f"/policies/{version.policy.public_id}/dry-run", period()).json()
    assert body["newly_denied"] == 1
    assert body["not_replayable"] == {"values_erased": 1}


def test_a_dry_run_is_bounded_and_says_so(world, monkeypatch):
    person, api, agent = world
    for _ in range(5):
        ask(agent)
    monkeypatch.setattr(replay_module, "BATCH", 2)
    monkeypatch.setattr(replay_module, "MOST_ROWS", 4)
    version = create_policy(person.actor, {"name": "All", "effect": "deny"})
    body = api.post(f"/policies/{version.policy.public_id}/dry-run", period()).json()
    assert (body["examined"], body["complete"]) == (4, False)
    assert body["covered_since"] is not None


def test_a_dry_run_sees_its_own_organization_only(world):
    person, api, _ = world
    other = make_person(make_organization())
    ask(make_agent(other.actor))
    version = create_policy(person.actor, {"name": "All", "effect": "deny"})
    assert api.post(f"/policies/{version.policy.public_id}/dry-run", period()).json()["examined"] == 0
    wrong = period(since="2026-01-02T00:00:00Z", until="2026-01-01T00:00:00Z")
    assert api.post(f"/policies/{version.policy.public_id}/dry-run", wrong).status_code == 400


@pytest.mark.requirement("W4.5")
def test_shadow_and_live_matches_are_counted(world):
    person, api, agent = world
    version = create_policy(person.actor, {"name": "Shadow", "effect": "deny"})
    shadow_version(person.actor, version.policy_id, number=1)
    for _ in range(3):
        assert ask(agent)["approved"]
    api.post(f"/policies/{version.policy.public_id}/activate", {"version": 1})
    assert not ask(agent)["approved"]
    follow_all("matches")
    body = api.get(f"/policies/{version.policy.public_id}/matches?{urlencode(period())}").json()
    assert body["counts"] == [
        {"version": 1, "shadow": False, "effect": "deny", "count": 1},
        {"version": 1, "shadow": True, "effect": "deny", "count": 3},
    ]
    assert body["agents"] == [{"agent_id": agent.agent.public_id, "count": 4}]


@pytest.mark.requirement("W4.5")
@pytest.mark.parametrize(
    ("document", "code"),
    [
        ({"effect": "deny"}, "over_broad"),
        ({"effect": "deny", "match": {"resources": ["/**"]}}, "over_broad"),
        ({"effect": "allow", "match": {"actions": ["file_read"]}}, "no_effect"),
        ({"effect": "require_approval", "match": {"resources": ["/secret/deep/**"]}}, "unreachable"),
        ({"effect": "deny", "match": {"resources": ["/secret/x"], "actions": ["file_read"]}}, "unreachable"),
        (
            {"effect": "allow", "lifts_agent_list": True, "match": {"resources": ["/secret/x"]}},
            "contradictory",
        ),
        ({"effect": "deny", "match": {"agents": ["nobody"]}}, "never_matches"),
        ({"effect": "deny", "match": {"agent_tags": ["nothing"]}}, "never_matches"),
        ({"effect": "deny", "match": {"actions": ["email_send"]}}, "never_matches"),
        (
            {
                "effect": "deny",
                "match": {
                    "where": [{"field": "parameters.x", "more_than": 5}, {"field": "parameters.x", "at_most": 5}]
                },
            },
            "contradictory",
        ),
        (
            {"effect": "require_approval", "match": {"actions": ["refund"]}, "approval": {"count": 9}},
            "approval_impossible",
        ),
        (
            {"effect": "require_approval", "match": {"actions": ["refund"]}, "auto_approve": [{"read_only": True}]},
            "never_matches",
        ),
        (
            {"effect": "require_approval", "match": {"actions": ["file_read"]}, "auto_approve": [{"read_only": True}]},
            "contradictory",
        ),
    ],
)
def test_the_linter_sees_what_is_not_meant(world, document, code):
    person, api, _ = world
    in_force(person.actor, {"name": "No secrets", "effect": "deny", "match": {"resources": ["/secret/**"]}})
    answer = api.post("/policies/check", {"document": {"name": "P", **document}})
    assert code in [finding["code"] for finding in answer.json()["findings"]]


def test_the_linter_is_silent_about_what_is_in_order(world):
    person, api, agent = world
    in_force(person.actor, {"name": "No secrets", "effect": "deny", "match": {"resources": ["/secret/**"]}})
    good = {
        "name": "Refunds",
        "effect": "require_approval",
        "match": {"agents": [agent.agent.name], "where": [{"field": "parameters.amount", "more_than": 500}]},
        "auto_approve": [{"trust_at_least": 95, "user_role": ["admin"]}],
    }
    assert api.post("/policies/check", {"document": good}).json()["findings"] == []
    assert api.get("/policies/lint").json() == []


@pytest.mark.requirement("W4.5")
def test_the_whole_life_of_a_policy_by_api(world):
    _, api, agent = world
    assert api.post("/data-classes", {"name": "sensitive", "patterns": ["/app/config/**"]}).status_code == 201
    document = {"name": "P", "effect": "deny", "match": {"data_classes": ["sensitive"]}}
    made = api.post("/policies", {"document": document, "note": "first"})
    assert made.status_code == 201, made.content
    path = f"/policies/{made.json()['id']}"
    assert made.json()["state"] == "draft"
    assert api.post(f"{path}/shadow", {}).json()["shadow_version"] == 1
    assert api.post(f"{path}/activate", {"version": 1}).json()["active_version"] == 1
    assert ask(agent, resource="/app/config/x")["code"] == "policy_denied"
    yaml = "name: P\neffect: require_approval\nmatch:\n  data_classes:\n    - sensitive\n"
    second = api.post(f"{path}/versions", {"yaml": yaml}).json()
    assert (second["number"], second["yaml"]) == (2, yaml)
    assert second["sentences"] == ["When the data is sensitive.", "Then a manager or an admin must approve."]
    assert second["changes"] == [{"path": "effect", "before": "deny", "after": "require_approval"}]
    assert api.get(f"{path}/diff?before=1&after=2").json() == second["changes"]
    assert api.get(f"{path}/versions/{second['id']}").json() == second
    assert api.post(f"{path}/activate").json()["active_version"] == 2
    assert ask(agent, resource="/app/config/x")["status"] == "pending"
    assert api.delete(path).status_code == 409
    assert api.post(f"{path}/retire").json()["state"] == "retired"
    assert api.post(f"{path}/retire").status_code == 409
    assert ask(agent, resource="/app/config/x")["approved"]
    kinds = [entry["kind"] for entry in api.get(f"{path}/history").json()["results"]]
    assert kinds[0] == "verification.policy.retired"
    assert len(kinds) == 6
    assert [row["name"] for row in api.get("/policies?state=retired&q=p").json()["results"]] == ["P"]
    assert api.get("/policies?colour=red").status_code == 400


def test_a_second_person_by_api(world):
    person, api, _ = world
    assert api.patch("/organization", {"policy_changes_need_second_person": True}).status_code == 200
    second = Api(make_person(person.organization).token)
    path = f"/policies/{api.post('/policies', {'document': {'name': 'P', 'effect': 'deny'}}).json()['id']}"
    proposed = api.post(f"{path}/activate", {})
    assert (proposed.status_code, proposed.json()["proposal"]["version"]) == (202, 1)
    refused = api.post(f"{path}/confirm", {"version": 1, "accept": True})
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:aim:problem:second_person_needed")
    assert second.post(f"{path}/confirm", {"version": 1, "accept": True}).json()["state"] == "active"


def test_mistakes_are_named_by_api(world):
    _, api, _ = world
    answer = api.post("/policies", {"document": {"name": "P", "effect": "no", "colour": 1}})
    assert answer.status_code == 400
    assert {field for field, _ in messages(answer)} == {"effect", "colour"}
    assert api.post("/policies", {}).status_code == 400
    assert api.post("/policies", {"document": {}, "yaml": ""}).status_code == 400
    assert api.post("/policies", {"yaml": "["}).status_code == 400
    assert api.post("/policies/import", {"yaml": "policies: [{name: x}]"}).status_code == 400
    unknown = "/policies/pol_" + "0" * 32
    assert api.post(f"{unknown}/activate", {"nonsense": 1}).status_code == 404


@pytest.mark.requirement("W4.5")
def test_import_and_export_by_api(world):
    _, api, _ = world
    tried = api.post("/policies/import", {"yaml": SENSITIVE, "dry_run": True}).json()
    assert [one["result"] for one in tried["results"]] == ["created"] * 3
    assert api.get("/policies").json()["results"] == []
    api.post("/policies/import", {"yaml": SENSITIVE})
    assert api.get("/policies/export").json()["yaml"] == SENSITIVE
    again = api.post("/policies/import", {"yaml": SENSITIVE}).json()
    assert [one["result"] for one in again["results"]] == ["unchanged"] * 3
    (first,) = (row for row in api.get("/policies").json()["results"] if row["name"].startswith("Sensitive"))
    assert [result["passed"] for result in api.post(f"/policies/{first['id']}/test", {}).json()] == [True]


def run(*arguments):
    out = StringIO()
    call_command("policy", *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.requirement("W4.5")
def test_the_command(world, tmp_path):
    person, _, _ = world
    file = tmp_path / "policies.yaml"
    file.write_text(SENSITIVE)
    organization = ("--organization", person.organization.public_id)
    assert "1 of 1 tests passed." in run("test", str(file), "--timezone", "Europe/Berlin")
    assert "created" in run("import", str(file), *organization, "--dry-run")
    assert not person.organization.policies.exists()
    done = json.loads(run("import", str(file), *organization, "--json"))
    assert [one["result"] for one in done] == ["created"] * 3
    assert run("export", *organization) == SENSITIVE
    assert run("diff", str(file), "--organization", person.organization.name) == "Nothing differs.\n"
    file.write_text(SENSITIVE.replace("expect: approved", "expect: denied").replace("more_than: 500", "more_than: 900"))
    changes = json.loads(run("diff", str(file), *organization, "--json"))
    assert {change["path"] for change in changes} == {"tests", "match.where"}
    with pytest.raises(CommandError, match="1 tests failed"):
        run("test", str(file))
    output = tmp_path / "out.yaml"
    run("export", *organization, "--output", str(output))
    assert output.read_text() == SENSITIVE
    with pytest.raises(CommandError, match="1 findings"):
        # Two must approve, and there is one admin.
        run("lint", *organization)
    file.write_text("policies:\n  - {name: All, effect: deny}\n")
    with pytest.raises(CommandError, match="1 findings"):
        run("lint", str(file), *organization)
    for arguments in (("test", str(tmp_path / "missing")), ("export", "--organization", "nobody")):
        with pytest.raises(CommandError):
            run(*arguments)
    file.write_text("policies:\n  - {name: All, effect: deny, colour: red}\n")
    with pytest.raises(CommandError, match="colour"):
        run("import", str(file), *organization)


def test_a_name_is_kept_through_a_renaming_version(world):
    person, api, _ = world
    version = create_policy(person.actor, {"name": "Old", "effect": "deny"})
    add_version(person.actor, version.policy_id, {"name": "New", "effect": "deny"})
    assert api.get(f"/policies/{version.policy.public_id}").json()["name"] == "New"
