"""One suite of cases through both lanes: the same answer but for ids and times, and a record that explains it."""

import json
import re
import tomllib
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
import rfc8785

from aim.clock import show_time
from aim.crypto.signature_base import SignedMessage
from aim.ids import IdKind, parse_id, uuid7_bytes
from aim.ledger.models import Entry
from aim.ledger.reading import read_entry
from tests.verification.world import LANES, Reply, TestAgent, make_agent, make_organization, native, patient
from verification.approvals.rechecking import current_snapshot
from verification.contracts import Case, Origin
from verification.models import Verification
from verification.pipeline import Pipeline
from verification.records import build_row, later
from verification.registry import checks_in_order
from verification.requests import action_from

CASES = tomllib.loads(Path(__file__).with_name("cases").joinpath("decisions.toml").read_text())["case"]
VOLATILE = re.compile(rb'"(verification_id|expires_at)":"[^"]*"')


def agent_of(case) -> TestAgent:
    _, admin = make_organization()
    configuration = dict(case.get("agent", {}))
    if "users" in configuration:
        users = configuration.pop("users")
        made = make_agent(
            admin, verified=case.get("verified", True), **{**configuration, "access_scope_kind": "organization"}
        )
        # People outside the organization cannot be named by registration, so that the id is put in by hand.
        made.agent.access_scope_kind, made.agent.access_scope_ids = "users", users
        made.agent.save()
        return made
    return make_agent(admin, verified=case.get("verified", True), **configuration)


def ask(case, lane) -> tuple[TestAgent, Reply]:
    made = agent_of(case)
    for _ in range(case.get("before", 0)):
        assert LANES[lane](made, made.body()).status == 200
    return made, LANES[lane](made, made.body(**case.get("ask", {})))


@pytest.mark.requirement("W4.1", "W4.2", "W4.3")
@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_case_is_decided_and_recorded(case, lane):
    made, reply = ask(case, lane)
    body = reply.json()
    assert (reply.status, body.get("code"), body.get("reason")) == (
        case["status"],
        case.get("code"),
        case.get("reason"),
    )
    assert body["approved"] is (reply.status == 200)
    assert body["status"] == {200: "approved", 202: "pending"}.get(reply.status, "denied")
    assert ("expires_at" in body) == (reply.status in {200, 202})
    assert ("Retry-After".lower() in reply.headers) == (reply.status == 429)

    stored = Verification.objects.get(id=parse_id(IdKind.VERIFICATION, body["verification_id"]))
    assert stored.organization_id == made.agent.organization_id
    assert (stored.status, stored.code, stored.reason) == (body["status"], body.get("code", ""), body.get("reason", ""))
    record = read_entry(Entry.objects.get(id=stored.id))
    checks = {line["name"]: line["result"] for line in record["data"]["checks"]}
    assert [name for name, result in checks.items() if result in {"failed", "errored"}] == [
        name for name in [case.get("failed")] if name
    ]
    assert record["data"]["agent"]["config_version"] == made.agent.config_version
    assert record["data"]["action"]["resource"] == made.body(**case.get("ask", {}))["resource"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_lanes_answer_with_the_same_bytes(case):
    (_, fast), (_, slow) = ask(case, "native"), ask(case, "patient")
    assert VOLATILE.sub(b"", fast.body) == VOLATILE.sub(b"", slow.body)
    for header in ("content-type", "cache-control", "www-authenticate"):
        assert fast.headers.get(header) == slow.headers.get(header), header


def test_record_lists_every_check_in_the_documented_order():
    _, admin = make_organization()
    reply = make_agent(admin).ask_natively()
    record = read_entry(Entry.objects.get(id=parse_id(IdKind.VERIFICATION, reply.json()["verification_id"])))
    names = [line["name"] for line in record["data"]["checks"]]
    documented = ["agent_status", "capability", "scope", "policy", "trust_score", "anomaly", "signature", "rate_limit"]
    assert [name for name in names if name in documented] == documented
    assert set(names) - set(documented) == {"allowed_ip", "containment", "mcp_server"}
    assert all(line["result"] == "passed" and line["ns"] > 0 for line in record["data"]["checks"])


def test_checks_after_a_refusal_are_recorded_as_not_run():
    _, admin = make_organization()
    made = make_agent(admin)
    reply = made.ask_natively(made.body(action_type="file_delete"))
    record = read_entry(Entry.objects.get(id=parse_id(IdKind.VERIFICATION, reply.json()["verification_id"])))
    results = {line["name"]: line["result"] for line in record["data"]["checks"]}
    assert results["capability"] == "failed"
    assert results["scope"] == results["rate_limit"] == "not_run"
    assert results["agent_status"] == results["signature"] == "passed"


HOSTILE = 'a"b\\c\u0007\u2028\u00e4\U0001f600</script>'


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize(
    "ask",
    [
        {},
        {"action_type": HOSTILE},
        {"resource": "/app/" + HOSTILE},
        {"context": {"user_id": HOSTILE, HOSTILE: [1, {"z": None, "a": True}], "session_id": "s"}},
        {"parameters": {"z": 1.5, "a": {"\u20ac": 1e21, "\r": -0.0, "\U0001f600": [], "\ufb33": ""}}},
        {"data": {"records": 3, "bytes": 0, "fields": [HOSTILE], "destination": HOSTILE}},
    ],
    ids=["usual", "action", "resource", "context", "parameters", "data"],
)
def test_record_is_canonical_json(ask, lane):
    """As an encoder that is not ours writes it, whatever the agent has sent."""
    _, admin = make_organization()
    made = make_agent(admin)
    raw, headers = made.request(json.dumps(made.body(**ask), ensure_ascii=False).encode())
    reply = (native(raw, headers) if lane == "native" else None) or patient(raw, headers)
    entry = Entry.objects.get(id=parse_id(IdKind.VERIFICATION, reply.json()["verification_id"]))
    for written in (bytes(entry.body), bytes(entry.disclosures)):
        assert written == rfc8785.dumps(json.loads(written))
    assert read_entry(entry)["altered"] == []


def test_nothing_personal_is_sealed_in_clear():
    """What may tell of a person stands beside the entry, where it can be erased, and is read as if it stood in it."""
    _, admin = make_organization()
    made = make_agent(admin)
    asked = made.body(
        resource="/home/ada/diary",
        parameters={"subject": "Grace"},
        data={"destination": "ada@example.com"},
        context={"user_id": "usr_ada", "session_id": "sess_ada"},
    )
    raw, headers = made.request(asked)
    reply = native(raw, headers, client="192.0.2.77")
    entry = Entry.objects.get(id=parse_id(IdKind.VERIFICATION, reply.json()["verification_id"]))
    sealed = bytes(entry.body)
    digest = bytes(Verification.objects.get(id=entry.id).request_digest)
    for word in (b"/home/ada", b"usr_ada", b"sess_ada", b"ada@", b"Grace", b"192.0.2.77", digest.hex().encode()):
        assert word not in sealed, word
    read = read_entry(entry)
    assert read["actor"]["address"] == "192.0.2.77"
    assert read["data"]["action"]["resource"] == "/home/ada/diary"
    assert read["data"]["action"]["parameters"] == {"subject": "Grace"}
    assert read["data"]["context"] == asked["context"]
    assert read["data"]["claims"]["destination"] == "ada@example.com"
    assert "/home/ada/diary is in none of the agent's scopes" in read["data"]["details"]
    for clear in ("decision", "checks", "agent"):
        assert json.loads(sealed)["data"][clear] == read["data"][clear]


def test_commitment_binds_the_digest_of_the_request():
    """With the disclosure anybody can compute the digest that an approval is bound to; without it, nobody can guess."""
    _, admin = make_organization()
    reply = make_agent(admin).ask_natively()
    stored = Verification.objects.get(id=parse_id(IdKind.VERIFICATION, reply.json()["verification_id"]))
    entry = Entry.objects.get(id=stored.id)
    salt, action = json.loads(bytes(entry.disclosures))["data.action.personal"]
    canonical = rfc8785.dumps(action)
    assert sha256(canonical).digest() == bytes(stored.request_digest)
    committed = json.loads(bytes(entry.body))["data"]["action"]["personal"]["sha256"]
    assert sha256(bytes.fromhex(salt) + canonical).hexdigest() == committed


def test_columns_of_the_entry_say_what_its_body_says():
    """The columns only help to find an entry: whoever changes one of them contradicts what is sealed."""
    _, admin = make_organization()
    reply = make_agent(admin).ask_natively()
    entry = Entry.objects.get(id=parse_id(IdKind.VERIFICATION, reply.json()["verification_id"]))
    sealed = json.loads(bytes(entry.body))
    stored = Verification.objects.get(id=entry.id)
    assert sealed["at"] == show_time(entry.recorded_at) == show_time(stored.created_at)
    assert entry.recorded_at == stored.created_at
    assert entry.recorded_at.microsecond % 1000 == 0
    assert (sealed["id"], sealed["organization"]) == (entry.id.hex, entry.organization_id.hex)
    assert (sealed["actor"]["id"], sealed["kind"]) == (entry.subject_id.hex, entry.kind)


@pytest.mark.parametrize(
    "moment", [1795913943.7425, 1795913943.3755, 1795913943.8505, 1795913943.9995, 1795913943.0005]
)
def test_a_moment_between_two_milliseconds_is_written_in_one_way(moment):
    """Else the audit of an honest ledger finds some in ten thousand decisions altered."""
    _, admin = make_organization()
    agent = current_snapshot(make_agent(admin).agent.id)
    assert agent is not None
    request = action_from({"agent_id": agent.public_id, "action_type": "file_read", "resource": "/app/a"})
    origin = Origin(SignedMessage("POST", "http", b"", b"/", b"", [], b""), "127.0.0.1", b"", "", 0)
    row = build_row(
        verification_id=uuid7_bytes(moment),
        agent=agent,
        request=request,
        origin=origin,
        decision=Pipeline(checks_in_order()).decide(Case(request, agent, origin, moment)),
        now=moment,
        expires=later(moment, 60),
        duration_us=900,
    )
    _id, _organization, _subject, recorded_at, body, _disclosures = row.entry
    for column in (recorded_at, row.verification[10]):
        assert column is not None
        written = datetime(2000, 1, 1, tzinfo=UTC) + timedelta(microseconds=int.from_bytes(column, "big", signed=True))
        assert written.microsecond % 1000 == 0
        assert show_time(written) == json.loads(body or b"")["at"]
