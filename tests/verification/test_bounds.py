"""Decisions of a kind are looked for where the counts know of any, and where nothing is counted yet."""

from datetime import timedelta
from uuid import UUID

import pytest

from aim import clock
from aim.ids import uuid7_bytes
from aim.ledger.models import Follower
from tests.console.decisions import counted
from tests.factories.accounts import make_organization, make_person
from tests.factories.api import Api
from tests.factories.followers import follow_all
from tests.verification.world import make_agent
from verification.models import Verification

pytestmark = pytest.mark.requirement("W4.10")


@pytest.fixture
def admin(_database):
    return make_person(make_organization())


@pytest.fixture
def made(admin):
    """An agent that has asked once, which is counted."""
    made = make_agent(admin.actor)
    made.ask_natively()
    follow_all("statistics")
    return made


def decided(made, at, **fields):
    """A decision of that time, as `public_id`; not counted."""
    row = Verification.objects.create(
        id=UUID(bytes=uuid7_bytes(at.timestamp())),
        organization_id=made.agent.organization_id,
        agent_id=made.agent.id,
        created_at=at,
        duration_us=5,
        request_digest=b"x" * 32,
        **{"status": "approved", "action_type": "email_send", "resource": "/x", **fields},
    )
    return row.public_id


def listed(admin, query):
    return [row["id"] for row in Api(admin.token).get(f"/verifications?{query}").json()["results"]]


def test_what_was_counted_long_ago_is_found_on_its_days_and_not_looked_for_elsewhere(admin, made):
    at = clock.now() - timedelta(days=40)
    mine = decided(made, at)
    counted(made.agent, at, 1, action_type="email_send")
    # That a decision lies where none was counted cannot be; it tells where the list has looked.
    decided(made, at + timedelta(days=5))
    decided(made, at - timedelta(days=5))
    assert listed(admin, "action_type=email_send") == [mine]
    assert listed(admin, "action_type=email_send&status=denied") == []


def test_what_is_not_counted_yet_is_found(admin, made):
    new = made.ask_natively(made.body(action_type="email_send")).json()["verification_id"]
    assert listed(admin, "action_type=email_send") == [new]
    at = clock.now() - timedelta(days=40)
    old = decided(made, at)
    counted(made.agent, at, 1, action_type="email_send")
    assert listed(admin, "action_type=email_send") == [new, old]


@pytest.mark.django_db
def test_nothing_is_taken_for_counted_before_the_counts_were_made():
    admin = make_person(make_organization())
    Follower.objects.filter(name="statistics").delete()
    made = make_agent(admin.actor)
    mine = decided(made, clock.now() - timedelta(days=40), code="rate_limited", status="denied")
    assert mine in listed(admin, "code=rate_limited")


def test_a_time_is_told_by_the_moment_of_the_decision(admin, made):
    at = clock.now().replace(microsecond=0) - timedelta(days=40)
    ids = [decided(made, at + timedelta(seconds=second)) for second in range(4)]
    since, until = at + timedelta(seconds=1), at + timedelta(seconds=3)
    assert listed(admin, f"since={since:%Y-%m-%dT%H:%M:%SZ}&until={until:%Y-%m-%dT%H:%M:%SZ}") == [ids[2], ids[1]]
