"""Counts that follow the record: exact, the same after a replay, and each organization's own."""

from datetime import timedelta
from importlib import import_module

import pytest
from django.db import connection

from aim import clock
from aim.ids import uuid7
from tests.factories.accounts import make_organization, make_person
from tests.factories.api import Api, messages
from tests.factories.followers import follow_all, replay_all
from tests.verification.world import make_agent
from verification.models import Rollup, TotalRollup, Verification
from verification.statistics.buckets import BOUNDS_US, WIDTH, bucket_of, percentile
from verification.statistics.selectors import MOST_POINTS, SPANS, STEPS, Group, groups, series, span_of, totals
from verification.tasks import prune_rollups


@pytest.fixture(scope="module")
def people():
    organization = make_organization()
    return make_person(organization)


@pytest.fixture(scope="module")
def decided(people):
    """Two agents: one with 5 approvals and 3 refusals of two kinds, one with 2 approvals."""
    first, second = make_agent(people.actor), make_agent(people.actor)
    for resource in ["/app/a"] * 5 + ["/etc/passwd"] * 2:
        first.ask_natively(first.body(resource=resource))
    first.ask_natively(first.body(action_type="file_delete"))
    for _ in range(2):
        second.ask_natively()
    follow_all("statistics")
    return first, second


def rollups(organization_id):
    return [
        sorted(model.objects.filter(organization_id=organization_id).values_list(), key=str)
        for model in (Rollup, TotalRollup)
    ]


def test_counts_are_those_of_the_decisions(people, decided):
    api = Api(people.token)
    for name in SPANS:
        body = api.get(f"/statistics?range={name}").json()
        assert {key: body["totals"][key] for key in ("count", "approved", "pending", "denied")} == {
            "count": 10,
            "approved": 7,
            "pending": 0,
            "denied": 3,
        }
        assert body["totals"]["approval_rate"] == 70.0
        assert sum(point["approved"] + point["denied"] for point in body["series"]) == 10
        assert body["previous"]["count"] == 0
        assert body["previous"]["p99_us"] is None
        assert body["reasons"] == [{"code": "out_of_scope", "count": 2}, {"code": "capability_missing", "count": 1}]
        assert body["since"] < body["series"][-1]["at"] < body["until"]
        assert "groups" not in body


def test_latency_is_that_of_the_decisions(people, decided):
    rows = Verification.objects.filter(organization_id=people.organization.id)
    times = sorted(rows.values_list("duration_us", flat=True))
    these = totals(people.actor, span_of("1h"))
    assert these.mean_us == round(sum(times) / len(times))
    assert sum(these.latency) == len(times)
    for share, place in ((0.5, 4), (0.99, 9)):
        assert times[place] / 1.5 <= (these.within(share) or 0) <= times[place] * 1.5 + BOUNDS_US[0]


def test_groups_tell_agents_actions_and_outcomes_apart(people, decided):
    first, second = decided
    api = Api(people.token)
    lines = api.get("/statistics?group=agent").json()["groups"]
    assert [(line["key"], line["count"], line["denied"]) for line in lines] == [
        (first.agent.public_id, 8, 3),
        (second.agent.public_id, 2, 0),
    ]
    assert all(line["p95_us"] > 0 for line in lines)
    lines = api.get("/statistics?group=action_type").json()["groups"]
    assert [(line["key"], line["count"]) for line in lines] == [("file_read", 9), ("file_delete", 1)]
    lines = api.get("/statistics?group=status").json()["groups"]
    assert [(line["key"], line["count"]) for line in lines] == [("approved", 7), ("denied", 3)]
    lines = api.get(f"/statistics?group=code&agent={second.agent.public_id}").json()["groups"]
    assert [(line["key"], line["count"]) for line in lines] == [("", 2)]


def test_replay_counts_the_same(people, decided):
    before = rollups(people.organization.id)
    assert all(before)
    for model in (Rollup, TotalRollup):
        model.objects.filter(organization_id=people.organization.id).update(count=999)
    replay_all("statistics")
    assert rollups(people.organization.id) == before


def test_those_of_all_agents_are_the_sums_of_those_by_agent(people, decided):
    sums = {}
    for row in Rollup.objects.filter(organization_id=people.organization.id):
        key = (row.granularity, row.period, row.action_type, row.status, row.code)
        count, duration, latency = sums.get(key, (0, 0, [0] * WIDTH))
        latency = [one + more for one, more in zip(latency, row.latency, strict=True)]
        sums[key] = (count + row.count, duration + row.duration_us, latency)
    assert sums == {
        (row.granularity, row.period, row.action_type, row.status, row.code): (row.count, row.duration_us, row.latency)
        for row in TotalRollup.objects.filter(organization_id=people.organization.id)
    }
    for group in (Group.ACTION_TYPE, Group.STATUS, Group.CODE):
        lines = groups(people.actor, span_of("1h"), group)
        assert sum(line.totals.count for line in lines) == 10
        assert sum(sum(line.totals.latency) for line in lines) == 10


def test_the_migration_fills_them_from_those_by_agent(people, decided):
    before = rollups(people.organization.id)
    TotalRollup.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute(import_module("verification.migrations.0011_total_rollups").FILL)
    assert rollups(people.organization.id) == before


def test_hours_and_days_are_the_sums_of_minutes(people, decided):
    for granularity in Rollup.Granularity:
        these = groups(people.actor, span_of("24h", granularity), Group.STATUS)
        assert {line.key: line.totals.count for line in these} == {"approved": 7, "denied": 3}


def test_erasing_what_is_personal_changes_no_count(people, decided):
    before = rollups(people.organization.id)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE ledger_entry SET disclosures = NULL WHERE organization_id = %s AND disclosures IS NOT NULL",
            [people.organization.id],
        )
    replay_all("statistics")
    assert rollups(people.organization.id) == before


def test_strangers_see_none_of_it(decided):
    stranger = make_person(make_organization())
    body = Api(stranger.token).get(f"/statistics?group=agent&agent={decided[0].agent.public_id}").json()
    assert body["totals"]["count"] == 0
    assert body["groups"] == []
    assert Api(decided[0].api_key).get("/statistics").status_code == 403


def test_what_is_asked_wrongly_is_named(people):
    answer = Api(people.token).get("/statistics?range=2h&group=colour&agent=x&colour=red")
    assert answer.status_code == 400
    assert {field for field, _ in messages(answer)} == {"range", "group", "agent", "colour"}
    answer = Api(people.token).get("/statistics?range=365d&granularity=minute")
    assert messages(answer) == [("granularity", "Not for a range of 365d.")]


def test_every_span_has_a_series_that_can_be_drawn():
    for name, length in SPANS.items():
        span = span_of(name)
        assert span.until - span.since == length
        assert 24 <= len(list(span.periods())) <= MOST_POINTS
        assert clock.now() < span.until <= clock.now() + STEPS[span.granularity]
        assert span.before().until == span.since


def test_series_has_a_point_for_each_period(people, decided):
    points = series(people.actor, span_of("6h"))
    assert len(points) == 360
    assert sum(point.approved for point in points) == 7


def test_percentiles_lie_within_their_class():
    latency = [0] * WIDTH
    for microseconds in range(1000, 2001):
        latency[bucket_of(microseconds)] += 1
    assert 1400 <= (percentile(latency, 0.5) or 0) <= 1600
    assert (percentile(latency, 1.0) or 0) <= 2048 * 2**0.5
    assert percentile([], 0.5) is None
    latency = [0] * WIDTH
    latency[bucket_of(10**9)] = 1
    assert percentile(latency, 0.99) == BOUNDS_US[-1]


def test_only_what_nobody_may_ask_for_is_pruned():
    organization = uuid7()
    for granularity, days in (("minute", 2), ("minute", 4), ("hour", 100), ("hour", 121), ("day", 5000)):
        Rollup.objects.create(
            organization_id=organization,
            granularity=granularity,
            period=clock.now() - timedelta(days=days),
            agent_id=organization,
            action_type="file_read",
            status="approved",
            count=1,
            duration_us=1,
            latency=[1],
        )
    assert prune_rollups() >= 2
    left = Rollup.objects.filter(organization_id=organization).order_by("period")
    assert [row.granularity for row in left] == ["day", "hour", "minute"]
    prune_rollups()
    assert left.count() == 3
    left.all().delete()
