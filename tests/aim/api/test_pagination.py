import base64
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import pytest
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.models import Organization
from aim.api.pagination import Cursor, CursorPages


@pytest.fixture
def organizations():
    rows = [Organization.objects.create(name=f"Organization {uuid4()}") for _ in range(7)]
    return Organization.objects.filter(id__in=[row.id for row in rows]), sorted((row.id for row in rows), reverse=True)


def page(queryset, query):
    pages = CursorPages()
    request = Request(RequestFactory().get(f"/api/v1/x?{query}"))
    rows = pages.paginate_queryset(queryset, request)
    return [row.id for row in rows], pages.get_paginated_response([]).data


def follow(link):
    return urlsplit(link).query


def test_pages_lead_forth_and_back_without_loss(organizations):
    queryset, ids = organizations
    first, links = page(queryset, "limit=3&q=a%20b")
    assert (first, links["previous"]) == (ids[:3], None)
    assert parse_qs(follow(links["next"]))["q"] == ["a b"]
    second, links = page(queryset, follow(links["next"]))
    third, last = page(queryset, follow(links["next"]))
    assert (second, third, last["next"]) == (ids[3:6], ids[6:], None)
    back, links = page(queryset, follow(last["previous"]))
    assert back == second
    again, links = page(queryset, follow(links["previous"]))
    assert (again, links["previous"]) == (first, None)
    assert page(queryset, follow(links["next"]))[0] == second


def test_the_whole_list_on_one_page_has_no_links(organizations):
    queryset, ids = organizations
    assert page(queryset, "limit=7") == (ids, {"results": [], "next": None, "previous": None})
    assert page(queryset.none(), "") == ([], {"results": [], "next": None, "previous": None})


def test_a_row_that_arrives_between_two_pages_shifts_nothing(organizations):
    queryset, ids = organizations
    _, links = page(queryset, "limit=3")
    newer = Organization.objects.create(name=f"Newer {uuid4()}")
    more = Organization.objects.filter(id__in=[*ids, newer.id])
    assert page(more, follow(links["next"]))[0] == ids[3:6]


@pytest.mark.parametrize(
    "limit", ["0", "201", "-1", "1.5", "", "x", "\u0661", "99999999999999999999", "+1", " 1", "1%00"]
)
def test_a_wrong_limit_is_named(organizations, limit):
    with pytest.raises(ValidationError) as caught:
        page(organizations[0], f"limit={limit}&cursor=nonsense")
    assert set(caught.value.detail) == {"limit", "cursor"}


GOOD = Cursor(newer=False, id=UUID(int=7)).encode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        GOOD + "=",
        GOOD + "A",
        GOOD[:-1],
        GOOD[:-1] + "!",
        "\n" + GOOD,
        "é" * 23,
        "A" * 23,
        "A" * 10_000,
        "\x00",
        base64.urlsafe_b64encode(b"x" + b"0" * 16).decode().rstrip("="),
    ],
)
def test_a_cursor_that_no_page_gave_is_refused(text):
    with pytest.raises(ValueError, match="cursor"):
        Cursor.decode(text)


@given(st.booleans(), st.uuids())
def test_cursors_come_back(newer, identifier):
    cursor = Cursor(newer=newer, id=identifier)
    assert Cursor.decode(cursor.encode()) == cursor


def test_the_pages_describe_themselves():
    names = {parameter["name"] for parameter in CursorPages().get_schema_operation_parameters(APIView())}
    schema = CursorPages().get_paginated_response_schema({"type": "array"})
    assert names == {"limit", "cursor"}
    assert set(schema["required"]) == {"results", "next", "previous"}
