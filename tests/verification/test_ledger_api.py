"""The ledger over HTTP: one's own entries, and proofs that convince whoever has the public key and nothing else."""

import base64
import json
from hashlib import sha256

import pytest
from django.db import connection

from aim.ids import IdKind, parse_id, uuid7
from aim.ledger.events import Event
from aim.ledger.models import Entry, Leaf
from aim.ledger.notes import Checkpoint, VerifierKey, open_note
from aim.ledger.tree import leaf_hash
from tests.aim.ledger.test_tree import verify_consistency, verify_inclusion
from tests.factories.accounts import make_organization, make_person
from tests.factories.api import Api, messages, problem
from tests.factories.seals import seal_now
from tests.verification.world import make_agent


@pytest.fixture(scope="module")
def admin():
    return make_person(make_organization())


@pytest.fixture(scope="module")
def api(admin):
    return Api(admin.token)


@pytest.fixture(scope="module")
def agent(admin):
    return make_agent(admin.actor)


def decide(agent, **changes):
    return agent.ask_natively(agent.body(**changes)).json()["verification_id"]


def root_by(proof):
    """What a stranger computes from the answer, after checking who signed it."""
    text, _ = open_note(proof["checkpoint"], [VerifierKey.parse(key) for key in proof["keys"]])
    checkpoint = Checkpoint.parse(text)
    path = [base64.b64decode(step) for step in proof["path"]]
    leaf = leaf_hash(proof["entry"].encode())
    assert leaf.hex() == proof["leaf"]
    return verify_inclusion(leaf, proof["seq"], checkpoint.size, path), checkpoint.root


@pytest.mark.requirement("W5.2", "O.1")
def test_proof_of_a_decision_convinces_a_stranger(api, agent):
    verification_id = decide(agent, resource="/app/secret/plan.json")
    seal_now()
    reply = api.get(f"/verifications/{verification_id}/proof")
    assert reply.status_code == 200
    proof = reply.json()
    computed, signed = root_by(proof)
    assert computed == signed
    sealed = json.loads(proof["entry"])
    assert f"ver_{sealed['id']}" == verification_id == proof["verification_id"]
    assert sealed["data"]["decision"]["status"] == "approved"
    action = proof["disclosures"]["data.action.personal"]
    assert json.loads(action["value"])["resource"] == "/app/secret/plan.json"
    committed = sha256(bytes.fromhex(action["salt"]) + action["value"].encode()).hexdigest()
    assert committed == sealed["data"]["action"]["personal"]["sha256"]
    assert set(proof["disclosures"]) == {
        "actor.personal",
        "data.action.personal",
        "data.claims",
        "data.context",
        "data.personal",
    }
    assert proof["tlog_proof"].endswith(proof["checkpoint"])


def test_changed_entry_has_no_proof(api, agent):
    verification_id = decide(agent)
    seal_now()
    proof = api.get(f"/verifications/{verification_id}/proof").json()
    forged = proof["entry"].replace('"status":"approved"', '"status":"denied"')
    path = [base64.b64decode(step) for step in proof["path"]]
    size = int(proof["checkpoint"].split("\n")[1])
    root = base64.b64decode(proof["checkpoint"].split("\n")[2])
    assert verify_inclusion(leaf_hash(forged.encode()), proof["seq"], size, path) != root


def test_proof_must_wait_for_the_next_checkpoint(api, agent):
    seal_now()
    reply = api.get(f"/verifications/{decide(agent)}/proof")
    assert reply.status_code == 409
    assert problem(reply)["type"] == "urn:aim:problem:not_sealed"
    assert int(reply.headers["Retry-After"]) >= 1


def test_agent_proves_its_own_decision_and_is_not_told_what_the_checks_have_found(agent):
    verification_id = decide(agent)
    seal_now()
    proof = Api(agent.api_key).get(f"/verifications/{verification_id}/proof").json()
    computed, signed = root_by(proof)
    assert computed == signed
    assert "data.action.personal" in proof["disclosures"]
    assert "data.personal" not in proof["disclosures"]


def test_agent_cannot_prove_another_agent_s_decision(admin, agent):
    other = make_agent(admin.actor)
    verification_id = decide(other)
    seal_now()
    assert Api(agent.api_key).get(f"/verifications/{verification_id}/proof").status_code == 404


@pytest.mark.requirement("R.1")
def test_stranger_learns_nothing_of_a_decision(agent):
    verification_id = decide(agent)
    seal_now()
    stranger = Api(make_person(make_organization()).token)
    foreign = stranger.get(f"/verifications/{verification_id}/proof")
    unknown = stranger.get(f"/verifications/ver_{uuid7().hex}/proof")
    assert foreign.status_code == unknown.status_code == 404
    assert problem(foreign) == problem(unknown)


def test_proof_stays_valid_when_the_clear_values_are_erased(api, agent):
    verification_id = decide(agent, resource="/app/people/ada.json")
    seal_now()
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE ledger_entry SET disclosures = NULL WHERE id = %s", [parse_id(IdKind.VERIFICATION, verification_id)]
        )
    proof = api.get(f"/verifications/{verification_id}/proof").json()
    computed, signed = root_by(proof)
    assert computed == signed
    assert proof["disclosures"] == {}
    assert "data.action.resource" in proof["erased"]
    assert "people/" not in json.dumps(proof)


def test_checkpoint_is_the_newest_one(api):
    checkpoint = seal_now()
    reply = api.get("/ledger/checkpoint")
    assert (reply.status_code, reply.content.decode()) == (200, checkpoint.note)
    assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert reply.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("accept", ["text/plain", "*/*", "application/json, text/plain"])
def test_checkpoint_can_be_asked_for_by_its_type(api, accept):
    seal_now()
    reply = api.client.get("/api/v1/ledger/checkpoint", headers=api.headers | {"accept": accept})
    assert reply.status_code == 200


def test_consistency_ties_a_kept_checkpoint_to_the_newest(api, agent):
    kept = seal_now()
    decide(agent)
    newest = seal_now()
    reply = api.get(f"/ledger/consistency?from={kept.size}").json()
    assert (reply["from"], reply["to"]) == (kept.size, newest.size)
    path = [base64.b64decode(step) for step in reply["hashes"]]
    roots = verify_consistency(kept.size, newest.size, bytes(kept.root), path)
    assert roots == (bytes(kept.root), bytes(newest.root))


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("", {"from"}),
        ("?from=x", {"from"}),
        ("?from=-1", {"from"}),
        ("?from=01", {"from"}),
        ("?from=99999999999999999", {"from"}),
        ("?from=1&to=99999999999", {"to"}),
        ("?from=2&to=1", {"from"}),
        ("?from=1&till=2", {"till"}),
        ("?from=x&to=y&z=1", {"from", "to", "z"}),
    ],
)
def test_consistency_names_every_problem(api, query, fields):
    seal_now()
    reply = api.get(f"/ledger/consistency{query}")
    assert reply.status_code == 400
    assert {field for field, _ in messages(reply)} == fields


def test_tiles_hold_what_the_checkpoint_covers(api, agent):
    for _ in range(3):
        decide(agent)
    checkpoint = seal_now()
    width = checkpoint.size % 256 or 256
    number = (checkpoint.size - width) // 256
    suffix = "" if width == 256 else f".p/{width}"
    reply = api.get(f"/ledger/tile/0/{number:03}{suffix}")
    assert reply.status_code == 200
    assert len(reply.content) == 32 * width
    assert "immutable" in reply.headers["Cache-Control"]
    last = Entry.objects.get(id=Leaf.objects.get(seq=checkpoint.size - 1).entry_id)
    assert reply.content[-32:] == leaf_hash(bytes(last.body))


@pytest.mark.parametrize(
    "path",
    [
        "0/999",
        "0/000.p/0",
        "0/000.p/256",
        "0/000.p/1000",
        "0/0",
        "0/x000/000",
        "00/000",
        "64/000",
        "-1/000",
        "entries/000",
        "0/000.p/",
        "0/000/..",
        "0/٠٠٠",
        "9/000.p/1",
    ],
)
def test_tiles_that_are_not_there(api, path):
    seal_now()
    assert api.get(f"/ledger/tile/{path}").status_code == 404


def test_keys_are_listed_and_one_of_them_has_signed(api):
    checkpoint = seal_now()
    keys = api.get("/ledger/keys").json()["keys"]
    assert keys[-1]["retired_at"] is None
    open_note(checkpoint.note, [VerifierKey.parse(keys[-1]["key"])])


def test_entries_of_the_organization_newest_first(api, admin, agent):
    verification_id = decide(agent)
    seal_now()
    results = api.get("/ledger/entries").json()["results"]
    ids = [row["id"] for row in results]
    assert ids == sorted(ids, reverse=True)
    assert ids[0] == verification_id.replace("ver_", "ent_")
    assert results[0]["sealed"] is True
    assert results[0]["data"]["action"]["resource"] == "/app/config/config.json"
    kinds = {row["kind"] for row in results}
    assert {Event.VERIFICATION_DECIDED, Event.AGENT_REGISTERED, Event.ORGANIZATION_CREATED} <= kinds
    assert all(row["actor"]["label"] != "" for row in results)
    fresh = decide(agent)
    newest = api.get("/ledger/entries?limit=1").json()["results"][0]
    assert (newest["id"], newest["seq"], newest["sealed"]) == (fresh.replace("ver_", "ent_"), None, False)


def test_entries_are_paged_without_a_gap(api, agent):
    decide(agent)
    everything = [row["id"] for row in api.get("/ledger/entries?limit=200").json()["results"]]
    seen, path = [], "/ledger/entries?limit=3"
    while path:
        page = api.get(path).json()
        seen += [row["id"] for row in page["results"]]
        path = page["next"] and page["next"].partition("/api/v1")[2]
    assert seen == everything
    first = api.get("/ledger/entries?limit=3").json()
    second = api.get(first["next"].partition("/api/v1")[2]).json()
    back = api.get(second["previous"].partition("/api/v1")[2]).json()
    assert [row["id"] for row in back["results"]] == [row["id"] for row in first["results"]]


def test_entries_are_narrowed(api, agent):
    decide(agent)

    def found(query):
        return [row["kind"] for row in api.get(f"/ledger/entries?limit=200&{query}").json()["results"]]

    assert set(found("kind=verification.decided")) == {"verification.decided"}
    assert set(found("kind=agents.agent.registered")) == {"agents.agent.registered"}
    assert {"agents.agent.registered", "verification.decided"} <= set(found(f"subject={agent.agent.public_id}"))
    assert found("until=2020-01-01T00:00:00Z") == []
    assert len(found("since=2020-01-01T00:00:00Z")) == len(found(""))
    assert found(f"subject=agt_{uuid7().hex}") == []


@pytest.mark.parametrize("query", ["kind=x", "subject=x", "subject=agt_x", "since=x", "foo=1", "limit=0", "cursor=x"])
def test_entries_refuse_what_they_do_not_know(api, query):
    assert api.get(f"/ledger/entries?{query}").status_code == 400


@pytest.mark.requirement("R.1")
def test_entries_of_strangers_are_not_seen(agent):
    decide(agent)
    stranger = make_person(make_organization())
    rows = Api(stranger.token).get("/ledger/entries?limit=200").json()["results"]
    own = {row["subject"].get("id") for row in rows}
    assert agent.agent.id.hex not in own
    assert not any(row["kind"] == "verification.decided" for row in rows)
    foreign = Api(stranger.token).get(f"/ledger/entries?subject={agent.agent.public_id}")
    assert foreign.json()["results"] == []


def test_agent_cannot_list_entries(agent):
    assert Api(agent.api_key).get("/ledger/entries").status_code == 403
    assert Api(agent.api_key).get("/ledger/checkpoint").status_code == 200
