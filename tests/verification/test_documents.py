"""Decisions of a person or a session: exactly those, wherever they lie and whether their words are indexed yet."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection

from aim import clock
from aim.ids import uuid7_bytes
from tests.factories.accounts import make_organization, make_person
from tests.factories.agents import make_agent
from tests.factories.api import Api
from verification import documents
from verification.documents import having, matching_ids, words_of
from verification.followers.documents import _ADD
from verification.models import Verification
from verification.selectors import verifications_visible_to

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("W4.10")]


@pytest.fixture(autouse=True)
def _few_are_many(monkeypatch):
    """The bounds of a table of millions, for one of some dozens."""
    monkeypatch.setattr(documents, "NEWEST", 10)
    monkeypatch.setattr(documents, "FREQUENT", 3)


class Store:
    def __init__(self):
        self.admin = make_person(make_organization())
        self.agent = make_agent(self.admin.actor).agent
        self.started = clock.now() - timedelta(hours=10)
        self.made = 0

    def decide(self, count=1, *, words=True, **fields):
        """So many decisions, each ten minutes after the one before."""
        rows = []
        for _ in range(count):
            self.made += 1
            at = self.started + timedelta(minutes=10 * self.made)
            row = Verification(
                id=UUID(bytes=uuid7_bytes(at.timestamp())),
                organization_id=self.agent.organization_id,
                agent_id=self.agent.id,
                action_type="file_read",
                created_at=at,
                duration_us=5,
                request_digest=b"x" * 32,
                **{"status": "approved", "resource": "/x", "user_id": "usr_1", "session_id": "s_1", **fields},
            )
            rows.append(row)
        Verification.objects.bulk_create(rows)
        if words:
            texts = [words_of(row.resource, row.user_id, row.session_id) for row in rows]
            with connection.cursor() as cursor:
                cursor.execute(_ADD, [[row.id for row in rows], [row.organization_id for row in rows], texts])
        return [row.id for row in rows]

    def having(self, *, most=100, status=None, **exact):
        rows = verifications_visible_to(self.admin.actor)
        rows = rows.filter(status=status) if status else rows
        found, count = having(self.admin.actor, rows, exact, most=most)
        return list(found.order_by("id").values_list("id", flat=True)), count


@pytest.fixture
def store():
    return Store()


def test_what_is_rare_is_found_by_its_words_far_behind_the_newest(store):
    old = store.decide(2, user_id="usr_77", session_id="s_9")
    store.decide(30)
    new = store.decide(user_id="usr_77")
    store.decide(5)
    assert store.having(user_id="usr_77") == (old + new, 3)
    assert store.having(user_id="usr_77", session_id="s_9") == (old, 2)
    assert store.having(user_id="usr_78") == ([], 0)


def test_other_texts_of_the_same_words_are_not_meant(store):
    mine = store.decide(user_id="usr_77")
    store.decide(4, user_id="77-usr")
    store.decide(1, user_id="usr_1", session_id="usr 77")
    store.decide(30)
    assert store.having(user_id="usr_77") == (mine, 1)
    # Also where they are so many that the index does not lead to the one that is.
    assert store.having(user_id="usr_77", most=3) == (mine, 1)


def test_nothing_is_missed_while_the_words_are_still_to_be_written(store):
    store.decide(3)
    mine = store.decide(2, words=False, user_id="usr_77")
    store.decide(30, words=False)
    assert store.having(user_id="usr_77") == (mine, 2)


def test_nothing_is_missed_before_any_words_are_written(store):
    mine = store.decide(words=False, user_id="usr_77")
    store.decide(30, words=False)
    assert store.having(user_id="usr_77") == (mine, 1)


def test_what_is_frequent_is_all_there_and_counted_up_to_the_bound(store):
    ids = [id_ for _ in range(15) for id_ in (*store.decide(user_id="usr_77"), *store.decide())]
    mine = ids[::2]
    assert store.having(user_id="usr_77") == (mine, 15)
    assert store.having(user_id="usr_77", most=8) == (mine, 8)


def test_the_other_filters_hold(store):
    store.decide(user_id="usr_77")
    mine = store.decide(user_id="usr_77", status="denied")
    store.decide(30, status="denied")
    assert store.having(user_id="usr_77", status="denied") == (mine, 1)


def test_a_name_without_any_word_is_looked_for_everywhere(store):
    mine = store.decide(user_id="--")
    store.decide(30)
    assert store.having(user_id="--") == (mine, 1)


def test_no_other_organization_is_looked_into(store):
    other = Store()
    other.decide(2, user_id="usr_77")
    other.decide(30)
    store.decide(30)
    assert store.having(user_id="usr_77") == ([], 0)
    rows = verifications_visible_to(store.admin.actor)
    assert matching_ids(store.admin.actor, "usr_77", rows, most=50) == []


@pytest.mark.parametrize("among_the_newest", [0, 4])
def test_a_text_is_found_among_the_newest_and_behind_them_whichever_way_is_quicker(store, among_the_newest):
    old = store.decide(3, resource="/reports/quarterly.csv")
    store.decide(30)
    new = store.decide(among_the_newest, resource="/reports/Quarterly")
    store.decide(4)
    rows = verifications_visible_to(store.admin.actor)
    found = matching_ids(store.admin.actor, "quarterly", rows, most=50)
    assert found == [*reversed(new), *reversed(old)]
    assert matching_ids(store.admin.actor, "quarterly", rows, most=2) == found[:2]
    assert matching_ids(store.admin.actor, "quar' | x:*", rows, most=2) == []


def through(api, address):
    """The ids on every page from the first to the last, and again from the last back to the first."""
    reply = api.get(address).json()
    there, back = [[row["id"] for row in reply["results"]]], []
    while reply["next"]:
        reply = api.get(reply["next"].partition("/api/v1")[2]).json()
        there.append([row["id"] for row in reply["results"]])
    while reply["previous"]:
        reply = api.get(reply["previous"].partition("/api/v1")[2]).json()
        back.append([row["id"] for row in reply["results"]])
    return there, back


@pytest.mark.parametrize("every", [1, 2, 15])
def test_the_api_goes_through_all_that_a_text_finds_in_both_directions(store, every):
    mine = []
    for number in range(45):
        kind = "/reports/quarterly.csv" if number % every == 0 else "/x"
        made = store.decide(resource=kind)
        mine += made if number % every == 0 else []
    there, back = through(Api(store.admin.token), "/verifications?q=quarterly&limit=2")
    shown = [Verification(id=id_).public_id for id_ in reversed(mine)]
    assert [id_ for page in there for id_ in page] == shown
    assert [id_ for page in reversed(back) for id_ in page] + there[-1] == shown


def test_the_api_puts_a_rare_text_through_the_other_filters(store):
    store.decide(3, resource="/reports/quarterly.csv")
    [mine] = store.decide(resource="/reports/quarterly.csv", status="denied")
    store.decide(20, resource="/reports/quarterly.csv")
    store.decide(30, status="denied")
    there, _back = through(Api(store.admin.token), "/verifications?q=quarterly&status=denied&limit=2")
    assert there == [[Verification(id=mine).public_id]]
