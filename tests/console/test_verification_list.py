"""The list of decisions over counts of any size: its figures, its facets, and how often its pages ask the database."""

from datetime import timedelta

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext

from aim import clock
from aim.ids import uuid7
from tests.console.decisions import counted, decided
from tests.factories import agents
from tests.factories.accounts import make_organization, make_person
from tests.factories.browser import signed_in_browser
from verification.listing import LOOKED, Filters, facets_for, listing_for

LIST, OVERVIEW = "/dashboard/verifications", "/dashboard"


@pytest.fixture
def admin(_database):
    return make_person(make_organization())


def make_agent(actor):
    return agents.make_agent(actor).agent


def facets_of(person, address):
    found = facets_for(person.actor, Filters.read(QueryDict(address)))
    return {facet.name: facet for facet in found}


def counts_of(facet):
    return {option.value: option.count for option in facet.options}


def test_facets_count_what_the_others_let_through(admin):
    one, other = make_agent(admin.actor), make_agent(admin.actor)
    now = clock.now()
    counted(one, now, 5)
    counted(one, now, 2, status="denied", code="out_of_scope")
    counted(other, now, 3, status="denied", code="out_of_scope", action_type="file_delete")
    counted(other, now - timedelta(hours=30), 7)

    facets = facets_of(admin, "status=denied")
    assert counts_of(facets["status"]) == {"approved": 5, "denied": 5, "pending": 0}
    assert counts_of(facets["action"]) == {"file_delete": 3, "file_read": 2}
    assert counts_of(facets["agent"]) == {other.public_id: 3, one.public_id: 2}
    assert counts_of(facets["code"]) == {"out_of_scope": 5}

    facets = facets_of(admin, f"agent={one.public_id}")
    assert counts_of(facets["status"]) == {"approved": 5, "denied": 2, "pending": 0}
    assert counts_of(facets["action"]) == {"file_read": 7}
    assert counts_of(facets["agent"]) == {one.public_id: 7, other.public_id: 3}
    assert not facets["agent"].note
    assert counts_of(facets_of(admin, "range=7d")["agent"]) == {other.public_id: 10, one.public_id: 7}
    assert counts_of(facets_of(make_person(make_organization()), "range=7d")["agent"]) == {}


def test_where_too_much_was_decided_those_are_offered_that_ask_of_late_with_counts_of_the_whole_range(admin):
    late, early, gone = (make_agent(admin.actor) for _ in range(3))
    now = clock.now()
    counted(early, now - timedelta(hours=2), LOOKED)
    counted(late, now - timedelta(hours=1), 4)
    counted(gone, now - timedelta(hours=5), 90)
    counted(late, now - timedelta(hours=5), 6, status="denied", code="out_of_scope")
    facet = facets_of(admin, "range=24h")["agent"]
    assert list(counts_of(facet).items()) == [(early.public_id, LOOKED), (late.public_id, 10)]
    assert str(facet.note) == "Those that ask most of late"
    chosen = facets_of(admin, f"range=24h&agent={gone.public_id}")["agent"]
    assert counts_of(chosen)[gone.public_id] == 90
    # What is rare is looked for as far back as it takes.
    assert counts_of(facets_of(admin, "range=24h&status=denied")["agent"]) == {late.public_id: 6}


def test_the_total_is_that_of_the_agents_who_are_asked_for(admin):
    one, other = make_agent(admin.actor), make_agent(admin.actor)
    counted(one, clock.now(), 5)
    counted(other, clock.now(), 3)
    for address, total in (("", 8), (f"agent={one.public_id}", 5), (f"agent={uuid7()}", 8)):
        assert listing_for(admin.actor, QueryDict(address)).page.total == total


@pytest.mark.requirement("W4.10")
@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (LIST, 18),
        (f"{LIST}?range=90d&status=denied", 18),
        (f"{LIST}?range=90d&status=denied&action=file_read&code=out_of_scope&code=rate_limited", 17),
        (f"{LIST}?range=7d&q=x", 21),
        (OVERVIEW, 32),
    ],
)
def test_a_page_asks_as_often_for_many_decisions_as_for_few(admin, address, expected):
    browser = signed_in_browser(admin)

    def queries():
        with CaptureQueriesContext(connection) as captured:
            assert browser.get(address).status_code == 200
        return len(captured)

    now = clock.now()
    agent = make_agent(admin.actor)
    decided(agent, now)
    counted(agent, now, 1, status="denied", code="out_of_scope")
    few = min(queries(), queries())
    for hours in range(20):
        another = make_agent(admin.actor)
        decided(another, now - timedelta(hours=hours))
        counted(another, now - timedelta(hours=hours), 900, status="denied", code="rate_limited")
    # The session is noted as used now and then, which is one more.
    assert (few, min(queries(), queries())) == (expected, expected)
