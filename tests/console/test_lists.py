"""Order and pages by key, over rows with equal values, and for keys that nobody wrote."""

import pytest
from django.http import QueryDict

from agents.models import Agent
from agents.registry import ORDERS, registry_of
from aim.console.lists import chosen_order, keyset_page
from tests.factories.accounts import make_organization, make_person
from tests.factories.agents import make_agent, make_verified_agent

SIZE = 3


@pytest.fixture(scope="module")
def admin(_database):
    admin = make_person(make_organization())
    for index in range(8):
        maker = make_verified_agent if index % 3 else make_agent
        maker(admin.actor, display_name=f"Agent {index // 2}", version=f"{index % 2}.0")
    return admin


def page_of(admin, parameters):
    query = QueryDict(parameters)
    order = chosen_order(query, ORDERS, default="name")
    return keyset_page(registry_of(admin.actor), order, query, total=8, size=SIZE)


@pytest.mark.parametrize("sort", [f"{sign}{name}" for name in ORDERS for sign in ("", "-")])
def test_forth_and_back_shows_every_row_once_in_order(admin, sort):
    seen, places, page = [], [], page_of(admin, f"sort={sort}")
    pages = [page]
    while page.next:
        page = page_of(admin, f"sort={sort}&after={page.next}")
        pages.append(page)
    for page in pages:
        seen += [row.id for row in page.rows]
        places.append((page.first, page.last))
    assert places == [(1, 3), (4, 6), (7, 8)]
    order = chosen_order(QueryDict(f"sort={sort}"), ORDERS, default="name")
    sign = "-" if order.descending else ""
    assert seen == list(
        registry_of(admin.actor).order_by(f"{sign}{order.field}", f"{sign}id").values_list("id", flat=True)
    )
    back = page_of(admin, f"sort={sort}&before={pages[-1].previous}")
    assert [row.id for row in back.rows] == [row.id for row in pages[1].rows]
    assert (back.first, back.last) == (4, 6)
    first = page_of(admin, f"sort={sort}&before={back.previous}")
    assert [row.id for row in first.rows] == [row.id for row in pages[0].rows]
    assert (first.first, first.previous) == (1, None)


def test_a_row_that_comes_meanwhile_moves_no_page(admin):
    first = page_of(admin, "sort=name")
    make_agent(admin.actor, display_name="A newcomer before all")
    second = page_of(admin, f"sort=name&after={first.next}")
    assert not {row.id for row in first.rows} & {row.id for row in second.rows}
    Agent.objects.filter(display_name="A newcomer before all").delete()


@pytest.mark.parametrize(
    "key", ["x", "é", "W10", "bnVsbA", "WyJ4IiwieCIsMV0", "W251bGwsIjAxIiwxXQ", "e30", "W1tdLFtdLFtdXQ"]
)
def test_a_key_that_nobody_wrote_leads_to_the_first_page(admin, key):
    assert page_of(admin, f"after={key}").first == 1


@pytest.mark.parametrize("sort", ["nothing", "-", "--name", "id", "password"])
def test_an_order_that_does_not_exist_is_the_usual_one(sort):
    assert chosen_order(QueryDict(f"sort={sort}"), ORDERS, default="name").state == "name"
