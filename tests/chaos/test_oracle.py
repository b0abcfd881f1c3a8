"""The oracle must be able to say no: each test brings about one violation and wants it named."""

import secrets
from contextlib import contextmanager

import msgspec
import pytest

from tests.chaos.agents import Organization, verify_call
from tests.chaos.client import Client
from tests.chaos.journal import read_journal
from tests.chaos.oracle import judge

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def organization(site):
    return Organization(site)


@pytest.fixture
def run(site, organization):
    """A run that broke nothing: its journal, its agent, and the ids of two approvals."""
    agent = organization.agent(limit=5)
    client = Client(site.port, site.folder / f"oracle-{secrets.token_hex(4)}")
    answers = [client.ask(agent) for _ in range(2)]
    client.close()
    assert all(answer.approved for answer in answers)
    return client.journal.path, agent, [answer.id.removeprefix("ver_") for answer in answers]


@contextmanager
def beyond_triggers(site):
    """A superuser whom no trigger of the product hinders."""
    with site.superuser() as connection:
        connection.execute("SET session_replication_role = replica")
        yield connection


def verdict(site, journal):
    with site.superuser() as connection:
        return judge(journal, connection)


def rewrite(journal, change):
    """The journal with each answer changed."""
    asked, answered = read_journal(journal)
    lines = [*asked.values(), *map(change, answered.values())]
    journal.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))


def test_an_honest_run_has_no_violation(site, run):
    assert verdict(site, run[0]) == []


@pytest.mark.parametrize("table", ["verification_verification", "ledger_entry"])
def test_a_lost_record_is_found(site, run, table):
    journal, _, ids = run
    with beyond_triggers(site) as connection:
        connection.execute(f"DELETE FROM {table} WHERE id = %s", [ids[0]])
    assert any(found.startswith(f"I2: ver_{ids[0]}") for found in verdict(site, journal))


def test_a_changed_record_is_found(site, run):
    journal, _, ids = run
    with beyond_triggers(site) as connection:
        connection.execute("UPDATE verification_verification SET status = 'denied' WHERE id = %s", [ids[0]])
    assert any(found.startswith(f"I1: ver_{ids[0]} was answered approved") for found in verdict(site, journal))


def test_a_second_decision_for_one_nonce_is_found(site, run):
    journal = run[0]
    asked, answered = read_journal(journal)
    twin = msgspec.structs.replace(asked[1], n=3)
    journal.write_bytes(
        b"".join(
            msgspec.json.encode(line) + b"\n"
            for line in [*asked.values(), twin, *answered.values(), msgspec.structs.replace(answered[2], n=3)]
        )
    )
    assert any(found.startswith("I3: one nonce was answered") for found in verdict(site, journal))


def test_a_decision_that_nobody_asked_for_is_found(site, run):
    journal = run[0]
    asked, answered = read_journal(journal)
    journal.write_bytes(msgspec.json.encode(asked[1]) + b"\n" + msgspec.json.encode(answered[1]) + b"\n")
    assert any("which nobody asked" in found for found in verdict(site, journal))


@pytest.mark.parametrize(
    "change",
    [
        {"status": 500, "id": ""},
        {"status": 0, "id": "", "lost": "TimeoutError"},
        {"status": 503, "id": "", "approved": False, "content_type": "application/problem+json"},
        {"status": 503, "id": "", "approved": True, "retry_after": 1, "content_type": "application/problem+json"},
        {
            "status": 503,
            "id": "",
            "approved": False,
            "retry_after": 1,
            "content_type": "application/problem+json",
            "ms": 2001.0,
        },
        {"status": 403},
    ],
    ids=["500", "no-answer", "no-retry-after", "approving-503", "slow-503", "approving-403"],
)
def test_an_answer_in_the_wrong_form_is_found(site, run, change):
    rewrite(run[0], lambda line: msgspec.structs.replace(line, **change))
    assert any(found.startswith("I7: ") for found in verdict(site, run[0]))


def test_an_approval_while_suspended_is_found(site, organization, run):
    journal, agent, ids = run
    organization.expect(200, "POST", f"/api/v1/agents/{agent.id}/suspend", {"reason": "chaos"})
    assert verdict(site, journal) == []
    with beyond_triggers(site) as connection:
        # Writing the row again gives it the commit of this transaction, after the suspension.
        connection.execute("UPDATE verification_verification SET reason = 'x' WHERE id = %s", [ids[0]])
    assert any(found.startswith("I5: ") for found in verdict(site, journal))


def test_too_many_approvals_are_found(site, run):
    journal, agent, _ = run
    with beyond_triggers(site) as connection:
        connection.execute("UPDATE agents_agent SET calls_per_hour = 1 WHERE id = %s", [agent.id[4:]])
    assert any("admitted 2 times at a limit of 1" in found for found in verdict(site, journal))


def test_a_counter_that_forgot_is_found(site, run):
    journal, agent, _ = run
    with beyond_triggers(site) as connection:
        connection.execute("UPDATE agents_agentruntime SET calls_used = 1 WHERE agent_id = %s", [agent.id[4:]])
    assert any("its counter says 1" in found for found in verdict(site, journal))


def test_two_accepted_reports_are_found(site, run):
    journal, _, ids = run
    asked, answered = read_journal(journal)
    report = msgspec.structs.replace(asked[1], nonce="", request_id="", verification=f"ver_{ids[0]}")
    accepted = msgspec.structs.replace(answered[1], id="", approved=False)
    extra = [msgspec.structs.replace(line, n=n) for line in (report, accepted) for n in (3, 4)]
    with journal.open("ab") as stream:
        stream.writelines(msgspec.json.encode(line) + b"\n" for line in extra)
    found = verdict(site, journal)
    assert f"I4: ver_{ids[0]} was completed 2 times" in found
    assert any(line.startswith("I4: the completion of") for line in found)


def test_a_signature_reaches_the_record(run):
    """Two requests never share a nonce, or nothing here would be worth anything."""
    _, agent, _ = run
    assert len({verify_call(agent).nonce for _ in range(100)}) == 100
