"""Decisions by class of data: noted as policies find it, found among many, and gone with what is erased."""

import pytest
from django.http import QueryDict
from django.urls import reverse

from aim.ids import IdKind, parse_id, uuid7
from tests.factories.accounts import make_organization, make_person
from tests.factories.api import Api
from tests.factories.browser import signed_in_browser
from tests.factories.followers import follow_all, replay_all
from tests.verification.test_documents import through
from tests.verification.world import make_agent
from verification import classified, listing
from verification.exports import lines_for
from verification.ledger_blots import blot_classes
from verification.listing import Filters, facets_for, listing_for
from verification.models import ClassifiedDecision
from verification.services.data_classes import create_data_class, delete_data_class, update_data_class


@pytest.fixture
def admin(_database):
    return make_person(make_organization())


def ask(made, resource, **changes):
    return made.ask_natively(made.body(resource=resource, **changes)).json()["verification_id"]


def found(person, address):
    """The decisions of the page, in its order, and the total that it says."""
    page = listing_for(person.actor, QueryDict(address))
    return [row.public_id for row in page.page.rows], page.page.total, page.capped


@pytest.mark.requirement("W4.5", "W4.10")
def test_the_list_is_narrowed_to_the_classes_that_policies_find(admin):
    made = make_agent(admin.actor)
    create_data_class(admin.actor, name="customers", patterns=["/srv/customers/**", "/srv/*.csv"])
    create_data_class(admin.actor, name="secret", patterns=["/srv/customers/keys/**"])
    other = make_person(make_organization())
    create_data_class(other.actor, name="customers", patterns=["/**"])
    one = ask(made, "/srv/customers/list.json")
    both = ask(made, "/srv/customers/keys/a.pem", action_type="file_delete")
    table = ask(made, "/srv/all.csv")
    ask(made, "/srv/all.json")
    ask(made, "/srv/customers/../all.json")
    stranger = ask(make_agent(other.actor), "/srv/customers/list.json")
    follow_all("data_classes", "statistics")

    assert found(admin, "data=customers") == ([table, both, one], 3, False)
    assert found(admin, "data=secret") == ([both], 1, False)
    assert found(admin, "data=secret&data=customers")[0] == [table, both, one]
    assert found(admin, "data=customers&action=file_read&status=approved&status=denied")[0] == [table, one]
    assert found(admin, "data=customers&q=keys")[0] == [both]
    assert found(admin, "data=customers&user=usr_123")[1] == 3
    assert found(admin, "data=customers&since=2020-01-01&until=2020-01-02")[0] == []
    assert found(other, "data=customers")[0] == [stranger]
    assert found(other, "data=secret")[1] == 1, "A class that does not exist narrows nothing, as any unknown value."
    [facet] = [
        facet for facet in facets_for(admin.actor, Filters.read(QueryDict("data=secret"))) if facet.name == "data"
    ]
    assert [(option.value, option.chosen) for option in facet.options] == [("customers", False), ("secret", True)]
    lines = lines_for(admin.actor, QueryDict("data=secret"))
    assert [row["id"] for row in lines.rows] == [parse_id(IdKind.VERIFICATION, both)]
    listed = Api(admin.token).get("/verifications?data_class=secret").json()
    assert [row["id"] for row in listed["results"]] == [both]
    browser = signed_in_browser(admin)
    page = browser.get(reverse("verification:verification-list"), {"data": "secret", "d": both}).content.decode()
    assert 'name="data" value="secret" checked' in page
    assert page.count("?range=30d&amp;data=customers") + page.count("?range=30d&data=customers") == 1


@pytest.mark.requirement("W4.5")
def test_a_decision_keeps_the_class_it_was_made_under_until_it_is_followed_anew(admin):
    made = make_agent(admin.actor)
    row = create_data_class(admin.actor, name="customers", patterns=["/srv/customers/**"])
    one = ask(made, "/srv/customers/a")
    follow_all("data_classes")
    update_data_class(admin.actor, row.id, changes={"patterns": ["/srv/people/**"]})
    two = ask(made, "/srv/people/a")
    follow_all("data_classes")
    assert found(admin, "data=customers")[0] == [two, one]
    replay_all("data_classes")
    assert found(admin, "data=customers")[0] == [two]
    assert blot_classes([parse_id(IdKind.VERIFICATION, two)]) == 1
    assert found(admin, "data=customers")[0] == []
    delete_data_class(admin.actor, row.id)
    assert [facet.name for facet in facets_for(admin.actor, Filters.read(QueryDict("data=customers"))) if facet.options]


@pytest.mark.requirement("W4.10")
def test_only_the_newest_of_a_class_are_looked_through_and_the_list_says_so(admin, monkeypatch):
    monkeypatch.setattr(listing, "OF_CLASS", 2)
    made = make_agent(admin.actor)
    create_data_class(admin.actor, name="customers", patterns=["/srv/**"])
    old = ask(made, "/srv/a", action_type="file_delete")
    new = ask(made, "/srv/b", action_type="file_delete")
    ask(made, "/srv/c")
    follow_all("data_classes", "statistics")
    assert found(admin, "data=customers&action=file_delete") == ([new], 1, True)
    monkeypatch.setattr(listing, "OF_CLASS", 4)
    assert found(admin, "data=customers&action=file_delete") == ([new, old], 2, False)


def test_many_of_a_class_are_counted_up_to_a_bound(admin):
    row = create_data_class(admin.actor, name="customers", patterns=["/srv/**"])
    made = make_agent(admin.actor)
    ask(made, "/srv/c")
    follow_all("data_classes")
    ClassifiedDecision.objects.bulk_create(
        ClassifiedDecision(data_class_id=row.id, verification_id=uuid7()) for _ in range(listing.COUNTED + 1)
    )
    # Of decisions that are gone nothing is shown, and nothing goes wrong.
    assert found(admin, "data=customers") == ([], 0, True)


@pytest.mark.requirement("W4.10")
@pytest.mark.parametrize("looked", [2, 100])
def test_the_api_goes_through_a_class_with_other_filters_in_both_directions(admin, monkeypatch, looked):
    monkeypatch.setattr(classified, "LOOKED", looked)
    create_data_class(admin.actor, name="customers", patterns=["/srv/customers/**"])
    made = make_agent(admin.actor)
    mine, deleted = [], []
    for number in range(12):
        action = "file_delete" if number % 3 == 0 else "file_read"
        one = ask(made, f"/srv/customers/{number}", action_type=action)
        mine.insert(0, one)
        if action == "file_delete":
            deleted.insert(0, one)
        ask(made, f"/srv/{number}")
    follow_all("data_classes", "statistics", "documents")
    api = Api(admin.token)
    for query, expected in (("", mine), ("&action_type=file_delete", deleted), ("&q=customers", mine)):
        there, back = through(api, f"/verifications?data_class=customers&limit=3{query}")
        assert [id_ for page in there for id_ in page] == expected, query
        assert [id_ for page in reversed(back) for id_ in page] + there[-1] == expected, query
    for nothing in ("/verifications?data_class=secret", "/verifications?data_class=customers&q=xyzzy"):
        assert api.get(nothing).json()["results"] == []
