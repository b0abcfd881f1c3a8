"""Checkpoints say what the ledger is, follow each other, and are refused where the ledger contradicts them."""

from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from aim import clock
from aim.encryption import UndecryptableError, encrypt
from aim.ledger import sealing
from aim.ledger.append import append_entry
from aim.ledger.events import Event
from aim.ledger.followers import OPERATOR
from aim.ledger.keys import verifier_key, verifier_keys
from aim.ledger.models import Checkpoint, Entry, Leaf, SealKey, Tile
from aim.ledger.notes import Checkpoint as Statement
from aim.ledger.notes import open_note
from aim.ledger.proofs import NotSealedError, prove_consistency, prove_entry
from aim.ledger.sealing import BrokenLedgerError, last_checkpoint, rotate_key, seal, seal_if_due
from aim.ledger.sequencer import Sequencer
from aim.ledger.tree import leaf_hash, root_of
from tests.aim.ledger.test_tree import verify_consistency, verify_inclusion
from tests.factories.seals import seal_now


def add(count=1):
    with transaction.atomic():
        return [
            append_entry(
                kind=Event.ORGANIZATION_UPDATED,
                organization_id=None,
                actor={"kind": "system"},
                subject={"kind": "organization"},
                data={"number": number},
            )
            for number in range(count)
        ]


@contextmanager
def rolled_back(statement, *values):
    """Something that only a superuser of the database could do, for a while."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            for table in ("ledger_leaf", "ledger_checkpoint", "ledger_tile"):
                cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            cursor.execute(statement, values)
            assert cursor.rowcount
        yield
        transaction.set_rollback(True)


def leaves(size):
    return [bytes(leaf) for leaf in Leaf.objects.filter(seq__lt=size).order_by("seq").values_list("leaf", flat=True)]


def opened(checkpoint):
    text, signed = open_note(checkpoint.note, verifier_keys())
    return Statement.parse(text), signed


def test_checkpoint_signs_size_and_root_of_everything():
    add(3)
    checkpoint = seal_now()
    statement, signed = opened(checkpoint)
    assert statement.size == checkpoint.size == Leaf.objects.count()
    assert statement.root == bytes(checkpoint.root) == root_of(leaves(checkpoint.size))
    assert statement.number == checkpoint.number
    assert statement.at == checkpoint.signed_at
    # The log keeps the name of its first key, which another test may have made.
    assert statement.origin == signed[0].name == SealKey.objects.earliest("id").name


def test_each_entry_is_provable_and_only_as_it_is():
    entry = add(5)[2]
    seal_now()
    proof = prove_entry(entry.id)
    assert proof.leaf == leaf_hash(bytes(entry.body))
    root = verify_inclusion(proof.leaf, proof.seq, proof.checkpoint.size, proof.path)
    assert root == bytes(proof.checkpoint.root)
    assert verify_inclusion(leaf_hash(b"x"), proof.seq, proof.checkpoint.size, proof.path) != root
    lines = proof.text().split("\n")
    assert lines[:2] == ["c2sp.org/tlog-proof@v1", f"index {proof.seq}"]
    assert proof.text().endswith(proof.checkpoint.note)


def test_entry_after_the_last_checkpoint_is_not_sealed_yet():
    seal_now()
    entry = add()[0]
    with pytest.raises(NotSealedError):
        prove_entry(entry.id)
    Sequencer().run()
    with pytest.raises(NotSealedError):
        prove_entry(entry.id)
    seal()
    assert prove_entry(entry.id).entry == entry


def test_the_ledger_only_grows():
    add(2)
    first = seal_now()
    add(300)
    second = seal_now()
    path = prove_consistency(first.size, second.size)
    roots = verify_consistency(first.size, second.size, bytes(first.root), path)
    assert roots == (bytes(first.root), bytes(second.root))
    assert second.number == first.number + 1


def test_full_tiles_are_kept_and_hold_the_leaves():
    add(600)
    checkpoint = seal_now()
    kept = Tile.objects.filter(level=0).order_by("number")
    assert len(kept) == checkpoint.size // 256 >= 2
    assert b"".join(bytes(tile.hashes) for tile in kept) == b"".join(leaves(len(kept) * 256))
    assert all(bytes(tile.root) == root_of(leaves(256)) for tile in kept[:1])


def test_sealed_when_something_came_or_an_hour_went(monkeypatch):
    seal_now()
    assert seal_if_due() is None
    add()
    assert seal_if_due() is None, "an entry without its place cannot be sealed"
    Sequencer().run()
    number = last_checkpoint().number
    assert seal_if_due().number == number + 1
    assert seal_if_due() is None
    later = clock.now() + timedelta(minutes=61)
    monkeypatch.setattr(sealing.clock, "now", lambda: later)
    again = seal_if_due()
    assert (again.number, again.size) == (number + 2, last_checkpoint().size)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_leaf SET leaf = sha256('x') WHERE seq = (SELECT max(seq) - 1 FROM ledger_leaf)",
        "DELETE FROM ledger_leaf WHERE seq > (SELECT max(seq) - 3 FROM ledger_leaf)",
        "DELETE FROM ledger_leaf WHERE seq = (SELECT max(seq) - 1 FROM ledger_leaf)",
        "UPDATE ledger_checkpoint SET root = sha256('x') WHERE number = (SELECT max(number) FROM ledger_checkpoint)",
    ],
)
def test_nothing_is_signed_that_contradicts_the_last_checkpoint(statement):
    add(5)
    seal_now()
    before = Checkpoint.objects.count()
    with rolled_back(statement):
        with pytest.raises(BrokenLedgerError), transaction.atomic():
            seal()
        assert sealing._seal_state().startswith("the ledger contradicts")
        assert Checkpoint.objects.count() == before


def test_state_tells_of_entries_that_wait(monkeypatch):
    add()
    seal_now()
    assert sealing._seal_state() is None
    add()
    Sequencer().run()
    assert sealing._seal_state() is None, "a few seconds are no problem"
    later = clock.now() + timedelta(minutes=2)
    monkeypatch.setattr(sealing.clock, "now", lambda: later)
    assert sealing._seal_state().startswith("1 entries wait")


@pytest.mark.parametrize("table", ["ledger_tile", "ledger_checkpoint"])
@pytest.mark.parametrize("verb", ["UPDATE {} SET root = ''", "DELETE FROM {}", "TRUNCATE {}"])
def test_seals_can_neither_be_changed_nor_removed(table, verb):
    add(300)
    seal_now()
    with connection.cursor() as cursor, pytest.raises(DatabaseError, match="append-only"):
        cursor.execute(verb.format(table))


def test_private_key_is_not_in_the_database_in_clear():
    seal_now()
    row = SealKey.objects.filter(retired_at=None).get()
    stored = bytes(row.private_key)
    assert stored.startswith(b"gAAAA")
    assert len(stored) > 64


def test_rotation_ties_the_new_key_to_the_old():
    add()
    seal_now()
    old_keys = verifier_keys()
    old, new = rotate_key(OPERATOR, reason="a test")
    tie = last_checkpoint()
    _, signed = opened(tie)
    assert signed == [verifier_key(old), verifier_key(new)]
    assert open_note(tie.note, old_keys)[1] == [verifier_key(old)], "who only knows the old key can follow"
    retired = SealKey.objects.get(id=old.id)
    assert retired.retired_at is not None
    assert retired.private_key is None
    add()
    assert opened(seal_now())[1] == [verifier_key(new)]
    assert len(verifier_keys()) == len(old_keys) + 1
    kinds = [entry.kind for entry in Entry.objects.filter(subject_id=new.id)]
    assert sorted(kinds) == [Event.LEDGER_KEY_CREATED, Event.LEDGER_KEY_ROTATED]


def test_without_the_master_key_nothing_is_signed():
    seal_now()
    row = SealKey.objects.filter(retired_at=None).get()
    with transaction.atomic():
        SealKey.objects.filter(id=row.id).update(private_key=encrypt(b"x" * 32)[:-4] + b"AAAA")
        with pytest.raises(UndecryptableError), transaction.atomic():
            seal()
        transaction.set_rollback(True)
