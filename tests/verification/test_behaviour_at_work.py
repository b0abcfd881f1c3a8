"""Behaviour from the record to the next decision: learned by the follower, asked by the check, set per organization."""

import asyncio
from types import SimpleNamespace
from uuid import UUID

import msgspec
import pytest

from accounts.models import Organization, Role
from agents.services.configuration import update_agent
from aim.ledger.events import Event
from aim.ledger.models import Entry
from aim.ledger.reading import read_entry
from tests.factories.accounts import make_person
from tests.factories.api import Api, messages
from tests.factories.followers import follow_all, replay_all
from tests.factories.ledger import recorded
from tests.verification.world import make_agent, make_organization
from verification.behaviour.learning import learn_from
from verification.behaviour.profile import GROWN, Profile
from verification.engine import engine_for_threads
from verification.models import BehaviourProfile
from verification.services.approvals import approve_request
from verification.services.settings import update_verification_settings

USUAL = {"resource": "/app/config/config.json", "data": {"bytes": 2000}}
STRANGE = {"resource": "/app/people/export.csv", "data": {"bytes": 900_000_000, "destination": "drop.attacker.example"}}


@pytest.fixture
def made():
    """An agent that has made one approved request, of which much has been learned."""
    _, admin = make_organization()
    made = make_agent(admin, resource_scope=["/app/**"])
    assert made.ask_natively(made.body(**USUAL)).status == 200
    grow(made)
    return made


def entries_of(made):
    rows = Entry.objects.filter(organization_id=made.agent.organization_id).order_by("recorded_at", "id")
    return [
        SimpleNamespace(seq=seq, id=row.id, kind=row.kind, organization_id=row.organization_id, body=read_entry(row))
        for seq, row in enumerate(rows)
    ]


def grow(made):
    decided = [entry for entry in entries_of(made) if entry.kind == Event.VERIFICATION_DECIDED]
    learn_from(decided[:1] * 400)
    refresh(made)


def refresh(made):
    """What each process does by itself every few seconds."""
    engine = engine_for_threads()
    for snapshot in [engine.store._by_agent.get(made.agent.id.bytes)]:
        if snapshot is not None:
            snapshot.behaviour.asked = True
    asyncio.run_coroutine_threadsafe(engine.store.refresh_behaviour(), engine.loop).result(timeout=60)


def anomaly_line(reply):
    verification_id = reply.json()["verification_id"].removeprefix("ver_")
    record = read_entry(Entry.objects.get(id=verification_id))
    index = [line["name"] for line in record["data"]["checks"]].index("anomaly")
    return record["data"]["checks"][index], record["data"]["details"][index]


@pytest.mark.requirement("W4.8")
def test_an_unusual_request_waits_for_a_person_and_says_why(made):
    usual = made.ask_natively(made.body(**USUAL))
    assert usual.status == 200
    line, detail = anomaly_line(usual)
    assert (line["result"], detail) == ("passed", "0 %")
    strange = made.ask_natively(made.body(**STRANGE))
    assert (strange.status, strange.json()["code"]) == (202, "approval_required")
    line, detail = anomaly_line(strange)
    assert line["result"] == "needs_approval"
    assert detail.startswith("100 %: ")
    assert "new destination" in detail
    assert "large volume" in detail
    assert detail.endswith("threshold 80 %")


@pytest.mark.requirement("W4.8")
def test_an_organization_denies_lowers_the_line_or_switches_it_off(made):
    with recorded(made.agent.organization_id, Event.VERIFICATION_SETTINGS_CHANGED):
        update_verification_settings(made.admin, anomaly_effect="deny", anomaly_threshold=60)
    denied = made.ask_natively(made.body(**STRANGE))
    assert (denied.status, denied.json()["code"], denied.json()["reason"]) == (403, "anomaly", "Anomaly detected")
    assert "new destination" not in denied.body.decode()
    assert anomaly_line(denied)[1].endswith("threshold 60 %")
    update_verification_settings(made.admin, anomaly_effect="off")
    assert made.ask_natively(made.body(**STRANGE)).status == 200


@pytest.mark.requirement("W4.8")
def test_both_lanes_judge_alike(made):
    update_verification_settings(made.admin, anomaly_effect="deny")
    assert made.ask_patiently(made.body(**STRANGE)).json()["code"] == "anomaly"
    assert made.ask_natively(made.body(**STRANGE)).json()["code"] == "anomaly"


@pytest.mark.requirement("W4.8")
def test_only_what_was_approved_is_learned(made):
    before = BehaviourProfile.objects.get(agent_id=made.agent.id)
    update_verification_settings(made.admin, anomaly_effect="deny")
    replies = [made.ask_natively(made.body(**STRANGE)), made.ask_natively(made.body(action_type="file_delete"))]
    assert [reply.status for reply in replies] == [403, 403]
    learn_from([entry for entry in entries_of(made) if entry.kind == Event.VERIFICATION_DECIDED][1:])
    after = BehaviourProfile.objects.get(agent_id=made.agent.id)
    assert (after.version, after.profile) == (before.version, before.profile)


@pytest.mark.requirement("W4.8", "W4.6")
def test_what_a_person_approves_is_learned(made):
    pending = made.ask_natively(made.body(**STRANGE))
    second = make_person(Organization.objects.get(id=made.agent.organization_id))
    approve_request(second.actor, msgspec.convert(pending.json()["verification_id"][4:], UUID))
    hosts = len(BehaviourProfile.objects.get(agent_id=made.agent.id).profile["hosts"])
    learn_from([entry for entry in entries_of(made) if entry.kind == Event.APPROVAL_APPROVED])
    assert len(BehaviourProfile.objects.get(agent_id=made.agent.id).profile["hosts"]) == hosts + 1


def test_a_changed_agent_is_learned_anew(made):
    update_agent(made.admin, made.agent.id, changes={"description": "same"})
    learn_from([entry for entry in entries_of(made) if entry.kind == Event.AGENT_UPDATED])
    assert BehaviourProfile.objects.get(agent_id=made.agent.id).profile["fresh"] == GROWN
    update_agent(made.admin, made.agent.id, changes={"version": "2.0.0"})
    learn_from([entry for entry in entries_of(made) if entry.kind == Event.AGENT_UPDATED])
    assert BehaviourProfile.objects.get(agent_id=made.agent.id).profile["fresh"] < GROWN
    refresh(made)
    assert made.ask_natively(made.body(**STRANGE)).status == 200


@pytest.mark.requirement("W4.8")
def test_the_follower_comes_to_the_same_profile_at_every_reading():
    _, admin = make_organization()
    made = make_agent(admin)
    for number in range(30):
        made.ask_natively(made.body(resource=f"/app/orders/{number}/{'abc'[number % 3]}.json"))
    follow_all("behaviour")
    first = BehaviourProfile.objects.get(agent_id=made.agent.id).profile
    assert msgspec.convert(first, Profile).fresh == 30
    replay_all("behaviour")
    assert BehaviourProfile.objects.get(agent_id=made.agent.id).profile == first


@pytest.mark.requirement("W4.8")
def test_what_is_usual_over_the_api(made):
    organization = Organization.objects.get(id=made.agent.organization_id)
    viewer = Api(make_person(organization, Role.VIEWER).token)
    usual = viewer.get(f"/agents/{made.agent.public_id}/behaviour").json()
    assert (usual["confidence"], usual["actions_seen"]) == (1, GROWN)
    assert usual["actions"] == [{"action": "file_read", "share": 1, "usual_bytes": 2000}]
    assert sum(usual["hours"]) == pytest.approx(1)
    assert len(usual["hours"]) == 168
    young = make_agent(made.admin)
    assert viewer.get(f"/agents/{young.agent.public_id}/behaviour").json()["confidence"] == 0


@pytest.mark.requirement("W4.8")
def test_settings_over_the_api(made):
    organization = Organization.objects.get(id=made.agent.organization_id)
    admin, viewer = (Api(make_person(organization, role).token) for role in (Role.ADMIN, Role.VIEWER))
    path = "/settings/verification"
    assert viewer.get(path).json() == {
        "anomaly_effect": "require_approval",
        "anomaly_threshold": 80,
        "proposed": {},
    }
    assert viewer.patch(path, {"anomaly_threshold": 50}).status_code == 403
    assert admin.patch(path, {"anomaly_threshold": 70}).json()["anomaly_threshold"] == 70
    for body, field in (
        ({"anomaly_threshold": 0}, "anomaly_threshold"),
        ({"anomaly_threshold": "70"}, "anomaly_threshold"),
        ({"anomaly_effect": "explode"}, "anomaly_effect"),
        ({"unknown": 1}, "unknown"),
    ):
        response = admin.patch(path, body)
        assert response.status_code == 400
        assert messages(response)[0][0] == field
    with recorded(organization.id):
        assert admin.patch(path, {"anomaly_threshold": 70}).status_code == 200
