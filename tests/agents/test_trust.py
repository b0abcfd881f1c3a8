"""The signed chain of trust: nobody who can write to the database, and does no more, can make a score."""

import json
from decimal import Decimal
from io import StringIO

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from pydantic import SecretStr

from accounts.models import Role
from agents.errors import TrustFrozenError
from agents.models import Agent, AgentRuntime, AgentStatus, TrustAccount, TrustEvent
from agents.services.lifecycle import resume_agent
from agents.services.trust import TrustChange, change_trust, examine_trust, set_trust_baseline
from agents.tasks import examine_trust_chains
from agents.trust_records import tail_evidence, whole_chain_evidence
from aim import clock
from aim.environment import environment
from aim.ids import IdKind, show_id, uuid7
from aim.ledger.events import Event
from tests.factories.accounts import make_organization, make_person
from tests.factories.agents import make_agent, make_verified_agent
from tests.factories.api import Api, messages
from tests.factories.ledger import recorded


@pytest.fixture
def admin():
    return make_person(make_organization())


@pytest.fixture
def agent(admin):
    return make_moved_agent(admin)


def make_moved_agent(admin):
    """An agent whose trust has moved four times since its verification."""
    held = make_verified_agent(admin.actor, auto_suspend_below=20, min_trust=30)
    change(held.agent, "-2.00", "-1.50", "0.50", "-4.00")
    return Agent.objects.get(id=held.agent.id)


@pytest.fixture(scope="module")
def same_agent(_database):
    return make_moved_agent(make_person(make_organization()))


@pytest.fixture
def restored_agent(same_agent):
    """The same for many tests: whatever is done to it is undone."""
    with transaction.atomic():
        yield Agent.objects.get(id=same_agent.id)
        transaction.set_rollback(True)


@transaction.atomic
def change(agent, *deltas):
    row = Agent.objects.select_for_update().get(id=agent.id)
    changes = [TrustChange("test", f"moved by {delta}", Decimal(delta), uuid7(), 7, clock.now()) for delta in deltas]
    return change_trust(row, changes)


@transaction.atomic
def examine(agent):
    return examine_trust(Agent.objects.select_for_update().get(id=agent.id))


def tamper(statement, *values):
    """As somebody would who owns the tables and knows the triggers."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE agents_trustevent DISABLE TRIGGER USER")
        cursor.execute(statement, values)
        assert cursor.rowcount > 0
        cursor.execute("ALTER TABLE agents_trustevent ENABLE TRIGGER USER")


def score_of(agent):
    return AgentRuntime.objects.get(agent_id=agent.id).trust_score


@pytest.mark.requirement("W4.9", "E9")
def test_trust_begins_with_a_signed_event_and_moves_by_more(agent):
    events = list(TrustEvent.objects.filter(agent_id=agent.id).order_by("number"))
    assert [event.number for event in events] == [1, 2, 3, 4, 5]
    assert [event.score for event in events] == [100, 98, Decimal("96.5"), 97, 93]
    assert [bytes(event.previous) for event in events] == [bytes(32), *(bytes(event.signature) for event in events[:4])]
    assert score_of(agent) == 93
    assert tail_evidence(agent) is whole_chain_evidence(agent) is None


@pytest.mark.requirement("W4.9")
def test_the_score_stays_between_0_and_100(agent):
    change(agent, "500")
    assert score_of(agent) == 100
    change(agent, "-500")
    assert score_of(agent) == 0
    last = TrustEvent.objects.filter(agent_id=agent.id).first()
    assert (last.delta, last.score) == (-100, 0)
    assert whole_chain_evidence(agent) is None


@pytest.mark.requirement("W4.9", "W2.6")
def test_below_its_line_the_agent_is_suspended_in_the_same_transaction(admin):
    held = make_verified_agent(admin.actor)
    expected = (Event.TRUST_CHANGED, Event.TRUST_CHANGED, Event.AGENT_SUSPENDED)
    with recorded(admin.organization.id, *expected) as added:
        change(held.agent, "-49.00", "-2.00")
    agent = Agent.objects.get(id=held.agent.id)
    assert agent.status == AgentStatus.SUSPENDED
    assert agent.status_reason.startswith("Trust score 49.00 is below 50: moved by -49.00 (-49.00); moved by -2.00")
    suspended = next(entry for entry in added if entry["kind"] == Event.AGENT_SUSPENDED.value)
    assert (suspended["actor"]["kind"], suspended["actor"]["label"]) == ("system", "trust")


def test_events_are_never_changed_by_the_product_itself(agent):
    for statement in ("UPDATE agents_trustevent SET score = 1", "DELETE FROM agents_trustevent"):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"{statement} WHERE agent_id = %s", [agent.id])


OTHER = {
    "id": "gen_random_uuid()",
    "organization_id": "gen_random_uuid()",
    "number": "number + 100",
    "cause": "cause || 'x'",
    "reason": "''",
    "delta": "delta + 0.01",
    "score": "score + 0.01",
    "entry_id": "gen_random_uuid()",
    "seq": "coalesce(seq, 0) + 1",
    "at": "at + interval '1 microsecond'",
    "previous": "sha256(previous)",
    "key_id": "'0123456789abcdef'",
    "signature": "sha256(signature)",
}


def test_every_column_is_tampered_with():
    assert {field.attname for field in TrustEvent._meta.concrete_fields} == {*OTHER, "agent_id"}


@pytest.mark.requirement("E9")
@pytest.mark.parametrize("number", [1, 3, 5])
@pytest.mark.parametrize("column", OTHER)
def test_a_changed_column_is_found(restored_agent, column, number):
    statement = f"UPDATE agents_trustevent SET {column} = {OTHER[column]} WHERE agent_id = %s AND number = %s"
    tamper(statement, restored_agent.id, number)
    assert whole_chain_evidence(restored_agent) is not None
    assert_frozen(restored_agent, examine(restored_agent))


@pytest.mark.requirement("E9")
@pytest.mark.parametrize("number", [1, 2, 4, 5])
def test_a_deleted_event_is_found(restored_agent, number):
    tamper("DELETE FROM agents_trustevent WHERE agent_id = %s AND number = %s", restored_agent.id, number)
    assert whole_chain_evidence(restored_agent) is not None
    assert_frozen(restored_agent, examine(restored_agent))


@pytest.mark.requirement("E9")
def test_a_chain_put_back_to_an_older_state_is_found_by_the_ledger(agent):
    tamper("DELETE FROM agents_trustevent WHERE agent_id = %s AND number > 1", agent.id)
    tamper("UPDATE agents_agentruntime SET trust_score = 100 WHERE agent_id = %s", agent.id)
    evidence = examine(agent)
    assert evidence.problem == "the end of the chain is not what the ledger says"
    assert_frozen(agent, evidence)


@pytest.mark.requirement("E9")
def test_a_chain_that_is_gone_is_found(agent):
    tamper("DELETE FROM agents_trustevent WHERE agent_id = %s", agent.id)
    assert_frozen(agent, change(agent, "1.00"))


@pytest.mark.requirement("E9")
def test_swapped_events_are_found(agent):
    tamper(
        "UPDATE agents_trustevent a SET number = 1000 + b.number FROM agents_trustevent b WHERE a.agent_id = %s"
        " AND b.agent_id = a.agent_id AND (a.number, b.number) IN ((2, 3), (3, 2))",
        agent.id,
    )
    tamper("UPDATE agents_trustevent SET number = number - 1000 WHERE agent_id = %s AND number > 1000", agent.id)
    assert whole_chain_evidence(agent) is not None
    assert_frozen(agent, examine(agent))


@pytest.mark.requirement("E9")
def test_an_event_of_another_agent_is_found(admin, agent):
    other = make_verified_agent(admin.actor)
    tamper("DELETE FROM agents_trustevent WHERE agent_id = %s", agent.id)
    tamper("UPDATE agents_trustevent SET agent_id = %s WHERE agent_id = %s", agent.id, other.agent.id)
    tamper("UPDATE agents_agentruntime SET trust_score = 100 WHERE agent_id = %s", agent.id)
    assert_frozen(agent, examine(agent))


@pytest.mark.requirement("E9")
@pytest.mark.parametrize("score", ["100", "93.01", "NULL"])
def test_a_changed_row_is_found_at_the_next_event(agent, score):
    tamper(f"UPDATE agents_agentruntime SET trust_score = {score} WHERE agent_id = %s", agent.id)
    assert_frozen(agent, change(agent, "1.00"))
    # Frozen: nothing moves it any more.
    assert TrustEvent.objects.filter(agent_id=agent.id).count() == 5


@pytest.mark.requirement("E9")
def test_an_added_event_is_found(agent):
    last = TrustEvent.objects.filter(agent_id=agent.id).order_by("-number").first()
    last.id, last.number, last.previous, last.score, last.delta = uuid7(), 6, last.signature, 100, 7
    last.entry_id = uuid7()
    last.save(force_insert=True)
    AgentRuntime.objects.filter(agent_id=agent.id).update(trust_score=100)
    assert_frozen(agent, examine(agent))


def assert_frozen(agent, evidence):
    assert evidence is not None
    frozen = Agent.objects.get(id=agent.id)
    assert frozen.status == AgentStatus.SUSPENDED
    assert frozen.status_reason.startswith("Trust score manipulation detected")
    account = TrustAccount.objects.get(agent=agent)
    assert account.frozen_at
    assert account.frozen_because == evidence.problem


@pytest.mark.requirement("E9")
def test_manipulation_is_on_record_once_with_its_evidence(admin, agent):
    AgentRuntime.objects.filter(agent_id=agent.id).update(trust_score=100)
    with recorded(admin.organization.id, Event.TRUST_TAMPERED, Event.AGENT_SUSPENDED) as added:
        examine(agent)
        examine(agent)
        change(agent, "-1.00")
    tampered = next(entry for entry in added if entry["kind"] == Event.TRUST_TAMPERED.value)
    assert tampered["data"]["evidence"]["row_score"] == "100.00"
    assert tampered["data"]["evidence"]["chain_score"] == "93.00"


@pytest.mark.requirement("E9")
def test_an_admin_sets_the_score_anew_before_the_agent_comes_back(admin, agent):
    AgentRuntime.objects.filter(agent_id=agent.id).update(trust_score=100)
    examine(agent)
    with pytest.raises(TrustFrozenError):
        resume_agent(admin.actor, agent.id, reason="it was us")
    with recorded(admin.organization.id, Event.TRUST_BASELINE_SET):
        set_trust_baseline(admin.actor, agent.id, reason="Looked at, the database was restored")
    assert score_of(agent) == 93
    assert resume_agent(admin.actor, agent.id, reason="done").status == AgentStatus.VERIFIED
    assert whole_chain_evidence(agent) is None
    change(agent, "-1.00")
    assert score_of(agent) == 92


def test_a_baseline_after_a_broken_chain_begins_where_it_ends(admin, agent):
    tamper("DELETE FROM agents_trustevent WHERE agent_id = %s AND number IN (2, 5)", agent.id)
    examine(agent)
    set_trust_baseline(admin.actor, agent.id, reason="ok", score=70)
    change(agent, "-1.00")
    assert score_of(agent) == 69
    assert tail_evidence(agent) is whole_chain_evidence(agent) is None
    assert TrustEvent.objects.filter(agent_id=agent.id).first().number == 7


def test_a_baseline_of_a_sound_chain_leaves_all_of_it_to_be_examined(admin, agent):
    set_trust_baseline(admin.actor, agent.id, reason="another chance", score=80)
    change(agent, "-1.00")
    assert whole_chain_evidence(agent) is None
    tamper("UPDATE agents_trustevent SET reason = '' WHERE agent_id = %s AND number = 2", agent.id)
    assert whole_chain_evidence(agent).problem == "event 2 does not fit its signature"


def test_an_agent_that_was_never_verified_has_no_trust(admin):
    held = make_agent(admin.actor)
    assert not TrustEvent.objects.filter(agent_id=held.agent.id).exists()
    assert tail_evidence(held.agent) is None
    AgentRuntime.objects.filter(agent_id=held.agent.id).update(trust_score=100)
    assert tail_evidence(held.agent).problem == "the score 100.00 is not that of the signed chain"


@pytest.mark.requirement("O.1")
def test_a_new_master_key_signs_and_the_old_one_is_still_believed(empty_database, agent, monkeypatch):
    old, new = environment.master_keys[0], SecretStr(Fernet.generate_key().decode())
    monkeypatch.setattr(environment, "master_keys", [new, old])
    assert whole_chain_evidence(agent) is None
    change(agent, "-1.00")
    assert whole_chain_evidence(agent) is None
    monkeypatch.setattr(environment, "master_keys", [new])
    assert "a key that this installation does not have" in whole_chain_evidence(agent).problem
    monkeypatch.setattr(environment, "master_keys", [new, old])
    run("baseline", "--all", "--reason", "New master key")
    monkeypatch.setattr(environment, "master_keys", [new])
    assert whole_chain_evidence(agent) is None
    assert score_of(agent) == 92


def test_the_ledger_entry_tells_the_step(admin, agent):
    with recorded(admin.organization.id, Event.TRUST_CHANGED) as added:
        change(agent, "-3.00")
    data = added[0]["data"]
    assert (data["number"], data["delta"], data["score"]) == (6, "-3.00", "90.00")
    assert json.dumps(data)


def run(*arguments):
    out = StringIO()
    call_command("trust", *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.requirement("E9", "O.1")
def test_the_command_finds_manipulation_and_sets_a_score_anew(agent):
    assert run("verify", "--agent", agent.public_id) == "1 agents examined, 0 manipulated.\n"
    tamper("UPDATE agents_trustevent SET score = 99 WHERE agent_id = %s AND number = 2", agent.id)
    out = StringIO()
    with pytest.raises(CommandError, match="manipulated"):
        call_command("trust", "verify", "--agent", agent.public_id, "--json", stdout=out)
    found = json.loads(out.getvalue())
    assert found["examined"] == 1
    assert found["manipulated"][0]["agent"] == agent.public_id
    assert found["manipulated"][0]["problem"] == "event 2 does not fit its signature"
    assert Agent.objects.get(id=agent.id).status == AgentStatus.SUSPENDED
    assert "begins anew with 93.00" in run("baseline", "--agent", agent.public_id, "--reason", "restored")
    assert run("verify", "--agent", agent.public_id) == "1 agents examined, 0 manipulated.\n"
    with pytest.raises(CommandError, match="No such agent"):
        run("baseline", "--agent", show_id(IdKind.AGENT, uuid7()), "--reason", "x")


@pytest.mark.requirement("E9")
def test_every_night_the_whole_chain_is_examined(empty_database, agent):
    assert agent.public_id not in examine_trust_chains()
    tamper("UPDATE agents_trustevent SET delta = 0 WHERE agent_id = %s AND number = 3", agent.id)
    assert agent.public_id in examine_trust_chains()
    assert agent.public_id in examine_trust_chains()


@pytest.mark.requirement("W4.9")
def test_the_history_over_the_api(admin, agent):
    api = Api(admin.token)
    page = api.get(f"/agents/{agent.public_id}/trust/events?limit=2").json()
    assert [(event["number"], event["delta"], event["score"]) for event in page["results"]] == [
        (5, -4, 93),
        (4, 0.5, 97),
    ]
    assert page["results"][0]["reason"] == "moved by -4.00"
    assert page["results"][0]["entry_id"].startswith("ent_")
    older = api.get(page["next"].removeprefix("http://testserver/api/v1")).json()
    assert [event["number"] for event in older["results"]] == [3, 2]


@pytest.mark.requirement("E9")
def test_only_an_admin_sets_a_score_anew(admin, agent):
    path = f"/agents/{agent.public_id}/trust/baseline"
    manager = make_person(admin.organization, Role.MANAGER)
    assert Api(manager.token).post(path, {"reason": "please"}).status_code == 403
    api = Api(admin.token)
    assert messages(api.post(path, {"score": 101}))[0][0] == "reason"
    assert api.post(path, {"reason": "x", "score": 101}).status_code == 400
    assert api.post(path, {"reason": "x", "points": 1}).status_code == 400
    assert api.post(path, {"reason": "A bug of ours", "score": 80}).json()["trust_score"] == 80
    pending = make_agent(admin.actor)
    assert api.post(f"{pending.path}/trust/baseline", {"reason": "x"}).status_code == 409
