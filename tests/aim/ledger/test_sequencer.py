"""One order without holes, whatever the order in which transactions commit, and however the sequencer dies."""

import hashlib
import threading
import time
from contextlib import contextmanager, suppress
from uuid import UUID

import pytest
from django.db import OperationalError, connection, connections, transaction

from aim import clock
from aim.ids import uuid7, uuid7_bytes
from aim.ledger.append import append_entry, write_entry
from aim.ledger.events import Event
from aim.ledger.models import Entry, Leaf
from aim.ledger.sequencer import _ADD, _PLANS, Sequencer, newest_seq
from tests.factories.followers import sequence_all
from tests.factories.threads import at_once


def append(organization_id, number=0):
    return append_entry(
        kind=Event.ORGANIZATION_UPDATED,
        organization_id=organization_id,
        actor={"kind": "person"},
        subject={"kind": "organization"},
        data={"number": number},
    )


@contextmanager
def rolled_back():
    """Everything inside is forgotten, settings too."""
    with suppress(RolledBackError), transaction.atomic():
        yield
        raise RolledBackError


class RolledBackError(Exception):
    pass


def order_of(organization_id):
    """The organization's entries in their final order."""
    ids = Entry.objects.filter(organization_id=organization_id).values_list("id", flat=True)
    return list(Leaf.objects.filter(entry_id__in=list(ids)).order_by("seq").values_list("entry_id", flat=True))


def assert_whole():
    """Every entry has exactly one number, the numbers have no hole, and every leaf is the hash of its entry."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), coalesce(max(seq), -1) + 1, coalesce(min(seq), 0) FROM ledger_leaf")
        count, end, start = cursor.fetchone()
        assert (count, start) == (end, 0)
        cursor.execute(
            "SELECT count(*) FROM ledger_entry e FULL JOIN ledger_leaf l ON l.entry_id = e.id"
            " WHERE e.id IS NULL OR l.seq IS NULL"
        )
        assert cursor.fetchone() == (0,)


@pytest.fixture(autouse=True, scope="module")
def _whole(django_db_setup, django_db_blocker):
    """Other tests record by clocks that they have moved: what only the walk would find has its number before these."""
    with django_db_blocker.unblock():
        Sequencer()._add(UUID(int=0))


@pytest.fixture
def sequencer():
    """One that has begun: it knows everything before the test."""
    sequencer = Sequencer()
    sequencer.run()
    yield sequencer
    connection.close()


@pytest.fixture
def other():
    """A second session, in which a transaction stays open while the test goes on."""
    other = connections.create_connection("default")
    yield other
    other.close()


def append_by(session, organization_id, moment=None):
    """An entry added by another session, with an id of this moment unless another is given."""
    entry_id = uuid7() if moment is None else UUID(bytes=uuid7_bytes(moment))
    kind = Event.ORGANIZATION_UPDATED
    written = write_entry(
        entry_id=entry_id,
        kind=kind,
        organization_id=organization_id,
        at=clock.now(),
        actor={"kind": "person"},
        subject={"kind": "organization"},
        subject_id=None,
        data={},
        personal={},
    )
    with session.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ledger_entry (id, organization_id, kind, body) VALUES (%s, %s, %s, %s)",
            [entry_id, organization_id, kind, written.body],
        )
    return entry_id


@pytest.mark.requirement("W4.10")
def test_leaf_is_the_hash_of_a_zero_byte_and_the_entry(sequencer):
    with transaction.atomic():
        entry = append(uuid7())
    sequencer.run()
    leaf = Leaf.objects.get(entry_id=entry.id)
    assert bytes(leaf.leaf) == hashlib.sha256(b"\x00" + bytes(Entry.objects.get(id=entry.id).body)).digest()


def test_order_is_dense_under_concurrent_commits(sequencer):
    organization = uuid7()
    writing = threading.Semaphore(0)

    def work(index):
        if index == 0:
            mine = Sequencer()
            while not writing.acquire(timeout=0.001, blocking=True):
                mine.run()
            return
        for number in range(40):
            with transaction.atomic():
                append(organization, number)
        if index == 8:
            writing.release()

    assert at_once(9, work) == [None] * 9
    sequencer.run()
    assert len(order_of(organization)) == 320
    assert_whole()


def test_late_commit_gets_the_next_number_and_no_hole(sequencer, other):
    organization = uuid7()
    other.set_autocommit(autocommit=False)
    late = append_by(other, organization)
    early = []
    for _ in range(3):
        with transaction.atomic():
            early.append(append(organization).id)
        sequencer.run()
    assert order_of(organization) == early
    other.commit()
    sequencer.run()
    assert order_of(organization) == [*early, late]
    assert_whole()


def test_transaction_that_stayed_open_for_long_is_found_at_its_commit(sequencer, other, monkeypatch):
    """The look back reaches to when the transaction began; in this test everything else is one second."""
    monkeypatch.setattr(sequencer, "_walk", lambda _now: 0)
    organization = uuid7()
    other.set_autocommit(autocommit=False)
    late = append_by(other, organization, moment=sequencer._since - 200)
    sequencer.run()
    # As if it had been seen running for five minutes.
    sequencer._running = {xid: began - 300 for xid, began in sequencer._running.items()}
    sequencer.run()
    assert order_of(organization) == []
    other.commit()
    sequencer.run()
    assert order_of(organization) == [late]


def test_savepoints_of_a_late_transaction_are_found(sequencer, other):
    organization = uuid7()
    other.set_autocommit(autocommit=False)
    append_by(other, organization)
    with other.cursor() as cursor:
        cursor.execute("SAVEPOINT inner_one")
    append_by(other, organization)
    sequencer.run()
    assert order_of(organization) == []
    other.commit()
    sequencer.run()
    assert len(order_of(organization)) == 2


def test_rolled_back_entry_leaves_no_hole(sequencer, other):
    organization = uuid7()
    other.set_autocommit(autocommit=False)
    append_by(other, organization)
    sequencer.run()
    other.rollback()
    with transaction.atomic():
        append(organization)
    sequencer.run()
    assert len(order_of(organization)) == 1
    assert_whole()


@pytest.mark.parametrize("hours", [-30, 30])
def test_entry_of_a_clock_that_was_wrong_is_found(sequencer, other, hours):
    """By the walk through the last days, where the look back does not reach."""
    organization = uuid7()
    append_by(other, organization, moment=sequencer._since + hours * 3600)
    sequencer._walk_due, sequencer._walked = 0.0, UUID(int=0)
    sequencer.run()
    assert len(order_of(organization)) == 1
    with transaction.atomic():
        append(organization)
    sequencer.run()
    assert len(order_of(organization)) == 2
    sequence_all()
    assert_whole()


def test_newest_are_not_compared_one_by_one_where_the_planner_knows_nothing_of_them():
    """What came since the last ANALYZE looks like a single row to it: each of 10,000 with each took 16 seconds."""

    def fill(begin, count):
        ids = [UUID(bytes=uuid7_bytes(begin + number / 1000)) for number in range(count)]
        cursor.execute(
            "INSERT INTO ledger_entry (id, organization_id, kind, body) SELECT unnest(%s::uuid[]), %s, %s, %s",
            [ids, uuid7(), Event.ORGANIZATION_UPDATED, b"{}" * 900],
        )
        cursor.execute(
            "INSERT INTO ledger_leaf (seq, entry_id, leaf) SELECT (SELECT coalesce(max(seq), -1) FROM ledger_leaf)"
            " + row_number() OVER (), id, sha256('') FROM unnest(%s::uuid[]) AS id",
            [ids],
        )
        return ids

    with rolled_back(), connection.cursor() as cursor:
        now = time.time()
        fill(now, 30_000)
        cursor.execute("ANALYZE ledger_entry, ledger_leaf")
        newest = fill(now + 60, 200)
        cursor.execute(_PLANS)
        cursor.execute(f"EXPLAIN {_ADD}", {"floor": newest[0], "ceiling": newest[-50], "limit": 100})
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Merge Anti Join" in plan, plan


def test_two_sequencers_at_once_do_no_harm(sequencer):
    organization = uuid7()
    for number in range(30):
        with transaction.atomic():
            append(organization, number)

    def run(_index):
        for _ in range(5):
            Sequencer().run()

    for outcome in at_once(4, run):
        assert outcome is None or "ledger_leaf_pkey" in str(outcome) or "ledger_leaf_entry_id" in str(outcome)
    sequencer.run()
    assert len(order_of(organization)) == 30
    assert_whole()


def test_batch_that_is_cut_off_counts_for_nothing(sequencer):
    """As when the process dies in the middle: the next one gives the same numbers."""
    organization = uuid7()
    with transaction.atomic():
        for number in range(1000):
            append(organization, number)
    before = newest_seq()
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = '1ms'")
    with pytest.raises(OperationalError):
        sequencer.run()
    with connection.cursor() as cursor:
        cursor.execute("RESET statement_timeout")
    assert newest_seq() == before
    assert sequencer.run() == 1000
    assert newest_seq() == before + 1000
    assert_whole()


def test_what_follows_from_an_entry_comes_after_it(sequencer, other):
    """Though their ids are of the same millisecond, or of two clocks that differ."""
    organization = uuid7()
    ids = [append_by(other, organization, moment=sequencer._since - number / 50) for number in range(10)]
    sequencer.run()
    assert order_of(organization) == ids


def test_more_than_a_batch_is_sequenced_in_one_pass(sequencer, monkeypatch):
    monkeypatch.setattr("aim.ledger.sequencer.BATCH", 7)
    organization = uuid7()
    with transaction.atomic():
        ids = [append(organization, number).id for number in range(40)]
    told = []
    sequencer._told = told.append
    assert sequencer.run() == 40
    assert len(told) == 6
    assert len(order_of(organization)) == len(ids)
    assert_whole()


@pytest.mark.parametrize(
    "statement", ["UPDATE ledger_leaf SET seq = seq + 1", "DELETE FROM ledger_leaf", "TRUNCATE ledger_leaf"]
)
def test_numbers_can_neither_be_changed_nor_removed(sequencer, statement):
    with transaction.atomic():
        append(uuid7())
    sequencer.run()
    with pytest.raises(Exception, match="append-only"), connection.cursor() as cursor:
        cursor.execute(statement)
