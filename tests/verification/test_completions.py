"""A report closes an approval once; every other report is on record as an action without one."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, connections
from django.test import Client

from agents.models import AgentRuntime
from agents.services.lifecycle import suspend_agent
from aim.ids import IdKind, parse_id, uuid7
from aim.ledger.events import Event
from aim.ledger.models import Entry
from aim.ledger.reading import read_entry
from tests.verification.world import make_agent, make_organization
from verification.models import Completion, Verification

pytestmark = pytest.mark.requirement("W4.7")
REPORT = {"status": "success", "duration_ms": 15}


@pytest.fixture
def made():
    _, admin = make_organization()
    return make_agent(admin, capabilities=["file_system.read", "file_system.write"], require_approval=["file_delete"])


def complete(made, verification_id, report=None):
    return Client().post(
        f"/api/v1/verify/{verification_id}/complete",
        json.dumps(REPORT if report is None else report),
        content_type="application/json",
        headers={"Authorization": f"Bearer {made.api_key}"},
    )


def approved(made, **changes):
    return made.ask_natively(made.body(**changes)).json()["verification_id"]


def entries(verification_id, event):
    return Entry.objects.filter(kind=event, subject_id=parse_id(IdKind.VERIFICATION, verification_id))


def test_report_completes_the_approval_once(made):
    verification_id = approved(made)
    first = complete(made, verification_id, REPORT | {"bytes": 10, "records": 2})
    assert first.status_code == 200
    assert first.json()["verification_id"] == verification_id
    assert (first.json()["bytes"], first.json()["records"]) == (10, 2)
    again = complete(made, verification_id)
    assert (again.status_code, again.json()["type"]) == (409, "urn:aim:problem:completion_refused")
    assert entries(verification_id, Event.VERIFICATION_COMPLETED).count() == 1
    assert entries(verification_id, Event.VERIFICATION_COMPLETION_REFUSED).count() == 1


def test_reports_at_once_complete_once(made):
    verification_id = approved(made)

    def report(_):
        try:
            return complete(made, verification_id).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        codes = sorted(pool.map(report, range(16)))
    assert codes == [200] + [409] * 15
    assert Completion.objects.filter(verification_id=parse_id(IdKind.VERIFICATION, verification_id)).count() == 1


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [({"resource": "/etc/passwd"}, "not_approved"), ({"action_type": "file_delete"}, "not_approved")],
)
def test_report_without_an_approval_is_recorded_as_that(made, changes, refusal):
    verification_id = made.ask_natively(made.body(**changes)).json()["verification_id"]
    reply = complete(made, verification_id)
    assert reply.status_code == 409
    recorded = read_entry(entries(verification_id, Event.VERIFICATION_COMPLETION_REFUSED).get())
    assert recorded["data"]["refusal"] == refusal
    assert recorded["data"]["report"]["status"] == "success"


def test_report_after_the_expiry_is_refused(made):
    verification_id = approved(made)
    expire(verification_id)
    reply = complete(made, verification_id)
    assert (reply.status_code, reply.json()["detail"]) == (409, "The approval has expired.")
    recorded = read_entry(entries(verification_id, Event.VERIFICATION_COMPLETION_REFUSED).get())
    assert recorded["data"]["refusal"] == "expired"


def test_report_after_a_suspension_is_refused(made):
    verification_id = approved(made)
    suspend_agent(made.admin, made.agent.id, reason="compromised")
    reply = complete(made, verification_id)
    assert reply.status_code == 409
    recorded = read_entry(entries(verification_id, Event.VERIFICATION_COMPLETION_REFUSED).get())
    assert recorded["data"]["refusal"] == "agent_not_active"


def test_report_with_another_digest_is_refused(made):
    verification_id = approved(made)
    reply = complete(made, verification_id, REPORT | {"request_digest": "00" * 32})
    assert reply.status_code == 409
    digest = bytes(Verification.objects.get(id=parse_id(IdKind.VERIFICATION, verification_id)).request_digest).hex()
    assert complete(made, verification_id, REPORT | {"request_digest": digest}).status_code == 200


def test_bytes_beyond_the_claim_count_against_the_day(made):
    verification_id = approved(made, data={"bytes": 100})
    assert complete(made, verification_id, REPORT | {"bytes": 250}).status_code == 200
    assert AgentRuntime.objects.get(agent_id=made.agent.id).bytes_used == 250


@pytest.mark.parametrize("stranger", ["another agent", "another organization"])
def test_report_of_a_stranger_is_not_found(made, stranger):
    verification_id = approved(made)
    admin = made.admin if stranger == "another agent" else make_organization()[1]
    other = make_agent(admin)
    unknown = complete(other, f"ver_{uuid7().hex}")
    foreign = complete(other, verification_id)
    assert foreign.status_code == unknown.status_code == 404
    assert {**foreign.json(), "request_id": ""} == {**unknown.json(), "request_id": ""}
    assert not Completion.objects.filter(verification_id=parse_id(IdKind.VERIFICATION, verification_id)).exists()


@pytest.mark.parametrize(
    "report",
    [{}, {"status": "success"}, {"status": "done", "duration_ms": 1}, REPORT | {"duration_ms": -1}, REPORT | {"x": 1}],
)
def test_malformed_report_names_its_problems(made, report):
    reply = complete(made, approved(made), report)
    assert reply.status_code == 400
    assert reply.json()["errors"]


def test_agent_follows_its_own_request(made):
    headers = {"Authorization": f"Bearer {made.api_key}"}
    verification_id = made.ask_natively(made.body(action_type="file_delete")).json()["verification_id"]
    state = Client().get(f"/api/v1/verify/{verification_id}", headers=headers).json()
    assert (state["approved"], state["status"], state["code"]) == (False, "pending", "approval_required")
    expire(verification_id)
    state = Client().get(f"/api/v1/verify/{verification_id}", headers=headers).json()
    assert (state["approved"], state["status"], state["code"]) == (False, "denied", "approval_expired")


def expire(verification_id):
    """Let the expiry be a minute ago, as if the time had passed."""
    row = Verification.objects.filter(id=parse_id(IdKind.VERIFICATION, verification_id))
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now = cursor.fetchone()[0]
    row.update(expires_at=now - timedelta(minutes=1))
