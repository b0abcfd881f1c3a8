"""A person's data are erased wherever the record holds them, on record, and everything is still proved."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from aim.ids import IdKind, parse_id
from aim.ledger.events import Event
from aim.ledger.followers import registered_follower, take_step
from aim.ledger.models import Entry, Follower
from aim.ledger.proofs import prove_entry
from aim.ledger.reading import read_entry
from aim.ledger.tail import Tail
from aim.ledger.tree import leaf_hash
from aim.resources.resource import normalize_resource
from tests.aim.ledger.test_tree import verify_inclusion
from tests.factories.accounts import make_organization, make_person
from tests.factories.api import Api
from tests.factories.databases import own_database
from tests.factories.followers import follow_all, replay_all, sequence_all
from tests.factories.seals import seal_now
from tests.verification.tampering import audit
from tests.verification.world import make_agent
from verification.approvals.models import Approval, ApprovalVote, Grant
from verification.behaviour.traits import fingerprint, traits_of
from verification.models import BehaviourProfile, Completion, Document, Verification
from verification.services.approvals import Terms, approve_request, deny_request

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
    kept = (Verification, Completion, Document, Approval, ApprovalVote, Grant, BehaviourProfile)
    rows = [str(vars(row)) for model in kept for row in model.objects.all()]
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


def proof_holds(before):
    assert leaf_hash(bytes(Entry.objects.get(id=before.entry.id).body)) == before.leaf
    root = verify_inclusion(before.leaf, before.seq, before.checkpoint.size, before.path)
    return root == bytes(before.checkpoint.root)


def way_to(resource):
    """What a profile holds of the resource itself."""
    return traits_of("file_read", None, normalize_resource(resource), None, 0).steps[-1]


def learned(agent):
    return BehaviourProfile.objects.get(agent_id=agent.agent.id)


def test_what_was_learned_of_a_person_is_unlearned(place):
    """Resources and destinations stand in profiles as fingerprints, which can be guessed: they go as well."""
    person, _ = place
    agent = make_agent(person.actor, resource_scope=["/app/**"], calls_per_hour=10_000)
    mine = decide(
        agent, context={"user_id": "usr_hopper"}, resource="/app/hopper/x", data={"destination": "hopper.example"}
    )
    for number in range(3):
        decide(agent, resource=f"/app/common/file{number}", data={"destination": "shared.example"})
    seal_now()
    follow_all("behaviour", "documents")
    before, version = prove_entry(mine), learned(agent).version
    assert fingerprint("hopper.example") in learned(agent).profile["hosts"]
    assert traces(way_to("/app/hopper/x"))

    said = ledger("erase", "--user", "usr_hopper", "--reason", "x")
    assert said["erased"]["verification_behaviourprofile"] == 1
    assert traces(fingerprint("hopper.example")) == traces(way_to("/app/hopper/x")) == []
    profile = learned(agent).profile
    assert fingerprint("shared.example") in profile["hosts"], "what others have taught stays"
    assert learned(agent).version > version, "each process must see that it is another one"
    replay_all("behaviour")
    assert learned(agent).profile == profile
    assert proof_holds(before)
    seal_now()
    assert audit().findings == []


def test_followers_do_not_bring_back_what_they_have_read_ahead(place):
    person, _ = place
    agent = make_agent(person.actor, calls_per_hour=10_000)
    follow_all("documents", "behaviour")
    mine = decide(agent, context={"user_id": "usr_liskov"}, resource="/app/liskov")
    newest = sequence_all()
    follow_all("trust")
    tail = Tail(None)
    tail.rise(newest)
    tail.read(Follower.objects.get(name="documents").seq)
    tail.read(newest - 1)
    ledger("erase", "--user", "usr_liskov", "--reason", "x")
    for name in ("documents", "behaviour"):
        while (step := take_step(registered_follower(name), tail.read)).seq < newest:
            assert step.moved
    assert not Document.objects.filter(verification_id=mine, words__contains="liskov").exists()
    assert traces("liskov") == traces(way_to("/app/liskov")) == []


def test_approvals_and_grants_forget_what_was_asked_for(place):
    _, agent = place
    voter = make_person(agent.agent.organization)
    mine = decide(agent, context={"user_id": "usr_perlman"}, action_type="file_list", resource="/app/perlman/x")
    approve_request(voter.actor, mine, terms=Terms("for", 3600, "/app/perlman/**"), note="Perlman may")
    assert agent.ask_natively(agent.body(action_type="file_list", resource="/app/perlman/y")).status == 200
    seal_now()
    before = prove_entry(mine)
    ledger("erase", "--user", "usr_perlman", "--entry", f"ver_{mine.hex}", "--reason", "x")
    grant = Grant.objects.get(approval_id=mine)
    assert (grant.resource, grant.revoked_at is not None) == ("", True)
    assert Entry.objects.filter(kind=Event.GRANT_REVOKED, subject_id=grant.id).count() == 1
    # Only what the other decision says for itself is left, which is not the person's.
    assert [row for row in traces("erlman") if "/app/perlman/y" not in row] == []
    answer = agent.ask_natively(agent.body(action_type="file_list", resource="/app/perlman/z"))
    assert answer.status == 202, "the grant allows nothing any more, and breaks nothing"
    assert proof_holds(before)
    seal_now()
    assert audit().findings == []


def test_what_an_approver_said_is_erased(place):
    _, agent = place
    voter = make_person(agent.agent.organization)
    mine = decide(agent, action_type="file_list", resource="/app/plain")
    deny_request(voter.actor, mine, note="Ask Goldwasser first")
    assert traces("Goldwasser")
    ledger("erase", "--user", voter.user.email, "--reason", "left")
    assert traces("Goldwasser") == traces(voter.user.email) == []
    assert Verification.objects.get(id=mine).resource == "/app/plain", "what the agent asked for is not the approver's"
    seal_now()
    assert audit().findings == []
