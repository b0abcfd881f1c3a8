"""A person's data are erased wherever the record holds them, on record, and everything is still proved."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from aim.ids import IdKind, parse_id
from aim.ledger.events import Event
from aim.ledger.models import Entry
from aim.ledger.proofs import prove_entry
from aim.ledger.reading import read_entry
from aim.ledger.tree import leaf_hash
from tests.aim.ledger.test_tree import verify_inclusion
from tests.factories.accounts import make_organization, make_person
from tests.factories.api import Api
from tests.factories.databases import own_database
from tests.factories.seals import seal_now
from tests.verification.tampering import audit
from tests.verification.world import make_agent
from verification.models import Completion, Document, Verification

ADA = {"user_id": "usr_ada", "session_id": "sess_ada"}


@pytest.fixture(scope="module")
def place():
    with own_database():
        person = make_person(make_organization())
        yield person, make_agent(person.actor, require_approval=["file_list"], calls_per_hour=10_000)


def ledger(*arguments):
    out = StringIO()
    call_command("ledger", *arguments, "--json", stdout=out)
    return json.loads(out.getvalue())


def decide(agent, **changes):
    return parse_id(IdKind.VERIFICATION, agent.ask_natively(agent.body(**changes)).json()["verification_id"])


def traces(word):
    """Where the word still stands in what is kept of the record."""
    rows = [str(vars(row)) for row in [*Verification.objects.all(), *Completion.objects.all()]]
    rows += [bytes(entry.body).decode() + bytes(entry.disclosures or b"").decode() for entry in Entry.objects.all()]
    return [row for row in rows if word in row]


@pytest.mark.requirement("W5.2")
def test_data_of_a_user_are_erased_everywhere_and_every_proof_holds(place):
    person, agent = place
    mine = decide(agent, context=ADA, resource="/app/ada.json", parameters={"note": "Lovelace"})
    pending = decide(agent, context=ADA, action_type="file_list", resource="/app/lovelace")
    other = decide(agent, resource="/app/other.json")
    report = {"status": "success", "duration_ms": 5, "error": "Lovelace was here"}
    Api(agent.api_key).post(f"/verify/ver_{mine.hex}/complete", report)
    seal_now()
    before = prove_entry(mine)
    said = ledger("erase", "--user", "usr_ada", "--reason", "Article 17, request 7")
    assert {mine.hex, pending.hex} <= set(said["entries"])
    assert other.hex not in said["entries"]
    assert said["erased"]["verification_verification"] == 2
    assert traces("ovelace") == traces("usr_ada") == traces("sess_ada") == traces("/app/ada.json") == []
    assert not Document.objects.filter(verification_id=mine).exists()
    assert bytes(Verification.objects.get(id=mine).request_digest) == b""
    assert read_entry(Entry.objects.get(id=other))["erased"] == []

    assert leaf_hash(bytes(Entry.objects.get(id=mine).body)) == before.leaf
    root = verify_inclusion(before.leaf, before.seq, before.checkpoint.size, before.path)
    assert root == bytes(before.checkpoint.root), "a proof given before still holds"
    seal_now()
    assert audit().findings == []
    detail = Api(person.token).get(f"/verifications/ver_{mine.hex}").json()
    assert "data.action.resource" in detail["erased"]
    assert detail["status"] == "approved"


def test_erasure_is_on_record_without_what_was_erased(place):
    _, agent = place
    mine = decide(agent, context={"user_id": "usr_grace"})
    ledger("erase", "--entry", f"ver_{mine.hex}", "--reason", "asked for")
    entry = Entry.objects.filter(kind=Event.LEDGER_ERASED).latest("id")
    record = read_entry(entry)
    assert record["data"] == {"entries": [mine.hex], "because": "asked for"}
    assert entry.organization_id == agent.agent.organization_id
    assert b"grace" not in bytes(entry.body) + bytes(entry.disclosures)


def test_dry_run_counts_and_changes_nothing(place):
    _, agent = place
    mine = decide(agent, context={"session_id": "sess_dry"})
    count = Entry.objects.count()
    said = ledger("erase", "--session", "sess_dry", "--reason", "try", "--dry-run")
    assert said == {"entries": [mine.hex], "erased": {}, "dry_run": True}
    assert read_entry(Entry.objects.get(id=mine))["erased"] == []
    assert Entry.objects.count() == count


def test_data_of_a_person_of_the_organization_are_erased(place):
    person, _ = place
    assert traces(person.user.email)
    ledger("erase", "--user", person.user.email, "--reason", "left")
    assert traces(person.user.email) == []
    seal_now()
    assert audit().findings == []


def test_address_is_erased(place):
    _, agent = place
    decide(agent)
    assert traces('"address":"127.0.0.1"')
    ledger("erase", "--address", "127.0.0.1", "--reason", "moved")
    assert not any(row for row in traces('"address":"127.0.0.1"') if "verification.decided" in row)


def test_erasing_keeps_to_one_organization(place):
    _, agent = place
    stranger = make_agent(make_person(make_organization()).actor)
    theirs, ours = (decide(one, context={"user_id": "usr_both"}) for one in (stranger, agent))
    said = ledger(
        "erase", "--user", "usr_both", "--organization", f"org_{agent.agent.organization_id.hex}", "--reason", "x"
    )
    assert said["entries"] == [ours.hex]
    assert read_entry(Entry.objects.get(id=theirs))["erased"] == []


@pytest.mark.parametrize("arguments", [[], ["--entry", "x"], ["--user", "a", "--organization", "x"]])
def test_erase_refuses_what_it_does_not_understand(place, arguments):
    with pytest.raises(CommandError):
        call_command("ledger", "erase", *arguments, "--reason", "x")
