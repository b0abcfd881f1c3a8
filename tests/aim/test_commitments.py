"""What may be erased is committed to: read as if it stood in the entry, missed without any other loss."""

import json
import os
import re
from hashlib import sha256

import pytest
import rfc8785
from django.db import DatabaseError, connection, transaction

from aim.ids import uuid7
from aim.ledger.append import append_entry
from aim.ledger.commitments import SALT_BYTES, SaltPool, commit
from aim.ledger.events import Event
from aim.ledger.models import Entry
from aim.ledger.reading import matches, read_body, read_entry

PERSON = {"kind": "person", "id": "00", "label": "ada@example.com", "address": "192.0.2.1", "credential": "session"}


def add(**changes):
    values = {
        "kind": Event.AGENT_SUSPENDED,
        "organization_id": uuid7(),
        "actor": PERSON,
        "subject": {"kind": "user", "id": "01", "label": "grace@example.com"},
        "data": {"before": "verified", "reason": "Grace asked"},
    } | changes
    with transaction.atomic():
        return append_entry(**values)


def erase(entry):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE ledger_entry SET disclosures = NULL WHERE id = %s", [entry.id])
    return Entry.objects.get(id=entry.id)


def test_people_and_free_text_are_not_sealed_in_clear():
    entry = add(personal={"of": {"label": "linus@example.com"}})
    for word in (b"ada@", b"grace@", b"linus@", b"192.0.2.1", b"Grace asked"):
        assert word not in bytes(entry.body)
    read = read_entry(Entry.objects.get(id=entry.id))
    assert (read["actor"], read["subject"]["label"]) == (PERSON, "grace@example.com")
    assert read["data"] == {"before": "verified", "reason": "Grace asked", "of": {"label": "linus@example.com"}}
    assert (read["erased"], read["altered"]) == ([], [])


def test_commitment_is_the_digest_of_salt_and_canonical_json():
    entry = add()
    sealed, disclosed = json.loads(bytes(entry.body)), json.loads(bytes(entry.disclosures))
    assert set(disclosed) == {"actor.personal", "subject.personal", "data.personal"}
    for place, (salt, value) in disclosed.items():
        part = sealed[place.partition(".")[0]]["personal"]
        assert part["fields"] == sorted(value)
        assert part["sha256"] == sha256(bytes.fromhex(salt) + rfc8785.dumps(value)).hexdigest()
        assert len(salt) == 32
    assert len({salt for salt, _ in disclosed.values()}) == 3


def test_same_value_has_another_commitment_each_time():
    first, second = (json.loads(bytes(add().body))["actor"]["personal"]["sha256"] for _ in range(2))
    assert first != second


def test_erased_values_are_named_and_missing():
    entry = add()
    read = read_entry(erase(entry))
    assert read["actor"]["label"] is read["actor"]["address"] is read["data"]["reason"] is None
    assert read["data"]["before"] == "verified"
    assert read["erased"] == ["actor.address", "actor.label", "subject.label", "data.reason"]


def test_value_that_was_not_committed_to_is_not_believed():
    entry = add()
    forged = bytes(entry.disclosures).replace(b"Grace asked", b"Grace acted")
    read = read_body(bytes(entry.body), forged)
    assert read["data"]["reason"] is None
    assert (read["erased"], read["altered"]) == ([], ["data.reason"])


@pytest.mark.requirement("E9")
@pytest.mark.parametrize(
    "spell",
    [lambda salt: salt.upper(), lambda salt: salt[:2] + b" " + salt[2:]],
    ids=["capitals", "blank between bytes"],
)
def test_a_salt_is_spelled_in_one_way(spell):
    """What was written is altered where it reads otherwise, even if it means the same bytes."""
    entry = add()
    before = bytes(entry.disclosures)
    salt = re.search(rb'"actor.personal":\["([0-9a-f]*[a-f][0-9a-f]*)"', before)[1]
    read = read_body(bytes(entry.body), before.replace(salt, spell(salt)))
    assert read["altered"] == ["actor.address", "actor.label"]


@pytest.mark.requirement("E9")
def test_no_byte_of_a_value_passes_for_one_of_the_salt():
    """Else the value 12 could be told as 2, whose salt ends with a 1."""
    salt = os.urandom(SALT_BYTES)
    sealed = commit(salt, b"12")
    assert matches(sealed, salt.hex(), b"12")
    assert not matches(sealed, (salt + b"1").hex(), b"2")
    assert not matches(commit(salt[:-1], b"12"), salt[:-1].hex(), b"12")


@pytest.mark.parametrize(
    "disclosures", [b"{}", b"", b"{", b"[]", b"\xff", b'{"actor.personal":["zz",{}]}', b'{"actor.personal":1}']
)
def test_disclosures_that_say_nothing_disclose_nothing(disclosures):
    read = read_body(bytes(add().body), disclosures)
    assert read["actor"]["label"] is None
    assert set(read["erased"]) | set(read["altered"]) == {
        "actor.address",
        "actor.label",
        "subject.label",
        "data.reason",
    }


def test_entry_of_the_first_version_is_read_as_it_is():
    body = {"v": 1, "kind": "agents.agent.suspended", "actor": PERSON, "subject": {}, "data": {"reason": "x"}}
    assert read_body(json.dumps(body).encode(), None) == body | {"erased": [], "altered": []}


@pytest.mark.parametrize(
    "change",
    [
        "disclosures = '\\x7b7d'",
        "disclosures = NULL, body = '\\x7b7d'",
        "disclosures = NULL, kind = 'other'",
        "disclosures = NULL, recorded_at = now()",
        "disclosures = NULL, organization_id = NULL",
        "disclosures = NULL, subject_id = '00000000-0000-0000-0000-000000000000'",
        "disclosures = NULL, id = '00000000-0000-0000-0000-000000000000'",
    ],
)
def test_nothing_but_erasing_is_let_through(change):
    entry = add()
    with connection.cursor() as cursor, pytest.raises(DatabaseError, match="append-only"):
        cursor.execute(f"UPDATE ledger_entry SET {change} WHERE id = %s", [entry.id])
    assert read_entry(Entry.objects.get(id=entry.id))["erased"] == []


def test_erasing_is_let_through_once_and_not_undone():
    entry = erase(add())
    with connection.cursor() as cursor:
        for value in (b"{}", None):
            with pytest.raises(DatabaseError, match="append-only"):
                cursor.execute("UPDATE ledger_entry SET disclosures = %s WHERE id = %s", [value, entry.id])


@pytest.mark.parametrize("where", ["data", "actor"])
def test_a_member_cannot_pass_for_a_commitment(where):
    forged = {"kind": "agent", "personal": {"fields": [], "sha256": "00" * 32}}
    with pytest.raises(ValueError, match="personal"):
        add(**{where: forged})


def test_salts_are_never_given_twice():
    pool = SaltPool()
    taken = [pool.take(count) for count in (1, 5, 1020, 5, 2000) for _ in range(3)]
    salts = [block[start : start + 16] for block in taken for start in range(0, len(block), 16)]
    assert len(set(salts)) == len(salts) == 3 * 3031
    assert all(len(salt) == 16 for salt in salts)


def test_a_forked_process_does_not_repeat_salts():
    pool = SaltPool()
    pool.take(1)
    readable, writable = os.pipe()
    if not (child := os.fork()):
        os.write(writable, pool.take(5))
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(readable, 80) != pool.take(5)
