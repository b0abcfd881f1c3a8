"""PostgreSQL reads from an array's text what was in the list, whatever somebody has put into it."""

from uuid import UUID

import pytest
from django.db import connection

from aim.arrays import array_of, text_array, uuid_array
from aim.ids import uuid7

HOSTILE = [
    "",
    " ",
    "NULL",
    "null",
    "a,b",
    "{}",
    '"',
    "\\",
    '\\"',
    "',1); DROP TABLE x; --",
    "%s",
    "é\n\t\u2028",
    '{"a": "\\u0000"}',
]


def read(kind, text):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT %s::{kind}[]", [text])
        return cursor.fetchone()[0]


@pytest.mark.django_db
def test_texts_come_back_as_they_were():
    assert read("text", text_array(HOSTILE)) == HOSTILE
    assert read("text", text_array([])) == []


@pytest.mark.django_db
def test_arrays_within_an_array_stay_texts():
    inner = [array_of([1, 2]), text_array(HOSTILE)]
    assert read("text", text_array(inner)) == inner


@pytest.mark.django_db
def test_ids_numbers_and_truth_values_come_back():
    ids = [uuid7(), None, UUID(int=0)]
    assert read("uuid", uuid_array(ids)) == ids
    assert read("bigint", array_of([0, -1, 2**60])) == [0, -1, 2**60]
    assert read("bool", array_of([True, False])) == [True, False]
    assert read("float", array_of([0.1, 1e300])) == [0.1, 1e300]


@pytest.mark.django_db
def test_many_texts_become_as_many_rows():
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM unnest(%s::text[]) AS t(value)", [text_array(HOSTILE)])
        assert [value for (value,) in cursor.fetchall()] == HOSTILE
