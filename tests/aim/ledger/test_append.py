"""The ledger takes entries and gives up none of them."""

import json

import pytest
from django.db import DatabaseError, connection, transaction

from aim.ids import uuid7
from aim.ledger.append import append_entry
from aim.ledger.events import Event
from aim.ledger.models import Entry


def add(**changes):
    values = {
        "kind": Event.ORGANIZATION_UPDATED,
        "organization_id": uuid7(),
        "actor": {"kind": "person"},
        "subject": {"kind": "organization"},
        "data": {"b": 1, "a": "ä"},
    } | changes
    with transaction.atomic():
        return append_entry(**values)


def test_entry_is_canonical_json():
    entry = add()
    body = bytes(Entry.objects.get(id=entry.id).body)
    assert b'"data":{"a":"\xc3\xa4","b":1}' in body
    assert json.loads(body)["id"] == entry.id.hex


def test_entry_needs_the_transaction_of_its_change():
    with pytest.raises(RuntimeError):
        append_entry(kind=Event.ORGANIZATION_UPDATED, organization_id=None, actor={}, subject={}, data={})


def test_entry_vanishes_with_its_change():
    organization = uuid7()
    with transaction.atomic():
        append_entry(kind=Event.ORGANIZATION_UPDATED, organization_id=organization, actor={}, subject={}, data={})
        transaction.set_rollback(True)
    assert not Entry.objects.filter(organization_id=organization).exists()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_entry SET kind = 'other' WHERE id = %s",
        "DELETE FROM ledger_entry WHERE id = %s",
        "TRUNCATE ledger_entry",
        "UPDATE {partition} SET body = '' WHERE id = %s",
        "DELETE FROM {partition} WHERE id = %s",
        "TRUNCATE {partition}",
    ],
)
def test_entry_can_neither_be_changed_nor_removed(statement):
    entry = add()
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM ledger_entry WHERE id = %s", [entry.id])
        statement = statement.format(partition=cursor.fetchone()[0])
        values = [entry.id] if "%s" in statement else []
        with pytest.raises(DatabaseError, match="append-only"):
            cursor.execute(statement, values)
    assert Entry.objects.filter(id=entry.id).exists()
