"""How often policies applied: counted by a follower, so that a million decisions are answered as fast as ten."""

from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
from django.db import connection

from aim import clock
from aim.ids import uuid7
from tests.factories.accounts import make_organization, make_person
from tests.factories.api import Api
from tests.factories.followers import follow_all, replay_all
from tests.factories.timing import assert_within
from tests.verification.policies.asking import in_force
from tests.verification.world import make_agent
from verification.models import PolicyRollup
from verification.services.policies import activate_version, add_version, create_policy, shadow_version
from verification.statistics.policy_matches import _COUNTS, _SAMPLES, HOURS_KEPT, count_matches, parts
from verification.tasks import prune_rollups

pytestmark = pytest.mark.requirement("W4.5")


@pytest.fixture
def world():
    person = make_person(make_organization())
    return person, make_agent(person.actor, calls_per_hour=10_000)


def matches(person, policy, **period):
    now = clock.now()
    asked = {"since": now - timedelta(hours=1), "until": now + timedelta(hours=1)} | period
    query = urlencode({name: moment.isoformat() for name, moment in asked.items()})
    answer = Api(person.token).get(f"/policies/{policy.public_id}/matches?{query}")
    assert answer.status_code == 200, answer.content
    return answer.json()


def rows(policy):
    return sorted(PolicyRollup.objects.filter(policy_id=policy.id).values_list(), key=str)


def test_what_applied_is_counted_once_by_version_effect_and_agent(world):
    person, agent = world
    policy = in_force(person.actor, {"name": "Allow", "effect": "allow", "match": {"actions": ["file_read"]}})
    stricter = {"name": "Allow", "effect": "deny", "match": {"resources": ["/app/secret/**"]}}
    add_version(person.actor, policy.id, stricter)
    shadow_version(person.actor, policy.id, number=2)
    other = make_agent(person.actor)
    asked = [agent.ask_natively().json()["verification_id"] for _ in range(6)]
    asked.append(other.ask_natively(other.body(resource="/app/secret/x")).json()["verification_id"])
    follow_all("matches", "statistics")
    body = matches(person, policy)
    assert body["counts"] == [
        {"version": 1, "shadow": False, "effect": "allow", "count": 7},
        {"version": 2, "shadow": True, "effect": "deny", "count": 1},
    ]
    assert body["agents"] == [
        {"agent_id": agent.agent.public_id, "count": 6},
        {"agent_id": other.agent.public_id, "count": 2},
    ]
    assert body["samples"] == asked[:1:-1], "the newest five, newest first"
    assert body["examined"] == 7
    before = rows(policy)
    PolicyRollup.objects.filter(policy_id=policy.id).update(count=99)
    replay_all("matches")
    assert rows(policy) == before


def test_only_the_time_asked_for_counts(world):
    person, agent = world
    policy = in_force(person.actor, {"name": "Allow", "effect": "allow"})
    agent.ask_natively()
    follow_all("matches")
    hour = clock.now().replace(minute=0, second=0, microsecond=0)
    body = matches(person, policy, since=hour - timedelta(days=3), until=hour - timedelta(minutes=1))
    assert (body["counts"], body["samples"]) == ([], [])
    assert body["until"] == hour.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    # However it falls on hours and days, it is counted once.
    for days in range(4):
        body = matches(person, policy, since=hour - timedelta(days=days, hours=days))
        assert [line["count"] for line in body["counts"]] == [1]


def test_another_organizations_matches_are_its_own(world):
    person, agent = world
    policy = in_force(person.actor, {"name": "Allow", "effect": "allow"})
    agent.ask_natively()
    follow_all("matches")
    now = clock.now()
    found = count_matches(uuid7(), policy.id, since=now - timedelta(hours=1), until=now + timedelta(hours=1))
    assert not found.counts
    stranger = make_person(make_organization())
    query = urlencode({"since": now.isoformat(), "until": now.isoformat()})
    assert Api(stranger.token).get(f"/policies/{policy.public_id}/matches?{query}").status_code == 404


FILL = """
INSERT INTO verification_policyrollup
    (organization_id, policy_id, granularity, period, version, shadow, effect, agent_id, count, latest)
SELECT %(organization)s, %(policy)s, granularity, period, 1, false, 'allow', md5(agent::text)::uuid, count,
    ARRAY[gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), gen_random_uuid()]
FROM generate_series(1, 25) AS agent, (
    SELECT 'hour' AS granularity, %(since)s::timestamptz + n * interval '1 hour' AS period, 20 AS count
    FROM generate_series(0, 90 * 24 - 1) AS n
    UNION ALL SELECT 'day', %(since)s::timestamptz + n * interval '1 day', 480 FROM generate_series(0, 89) AS n) AS t
"""


def test_a_million_decisions_are_answered_at_once(world):
    """As 25 agents leave them within 90 days: 12,000 decisions a day, to all of which the policy applied."""
    person, _ = world
    policy = create_policy(person.actor, {"name": "Allow", "effect": "allow"}).policy
    today = datetime.combine(clock.now().date(), datetime.min.time(), UTC)
    since = today - timedelta(days=90)
    values = {"organization": person.organization.id, "policy": policy.id, "since": since}
    with connection.cursor() as cursor:
        cursor.execute(FILL, values)
        cursor.execute("ANALYZE verification_policyrollup")
    stretch = {"since": since + timedelta(hours=5), "until": today - timedelta(hours=3)}
    body = matches(person, policy, **stretch)
    assert_within(2.0, lambda: matches(person, policy, **stretch))
    assert [line["count"] for line in body["counts"]] == [25 * 480 * 90 - 25 * 20 * 8]
    assert body["counts"][0]["count"] > 1_000_000
    for statement in (_COUNTS, _SAMPLES):
        assert "Seq Scan on verification_policyrollup" not in plan_of(statement, person, policy, since, today)
    PolicyRollup.objects.filter(policy_id=policy.id).delete()


def plan_of(statement, person, policy, since, until):
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE) {statement}", parts(person.organization.id, policy.id, since, until))
        return "\n".join(line for (line,) in cursor.fetchall())


def test_old_hours_are_pruned_and_days_stay(world):
    person, _ = world
    policy = create_policy(person.actor, {"name": "Allow", "effect": "allow"}).policy
    moment = clock.now() - HOURS_KEPT - timedelta(days=1)
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    for granularity in PolicyRollup.Granularity:
        PolicyRollup.objects.create(
            organization_id=person.organization.id,
            policy_id=policy.id,
            granularity=granularity,
            period=day,
            version=1,
            shadow=False,
            effect="allow",
            agent_id=uuid7(),
            count=3,
            latest=[uuid7()],
        )
    prune_rollups()
    assert [row.granularity for row in PolicyRollup.objects.filter(policy_id=policy.id)] == ["day"]
    body = matches(person, policy, since=day + timedelta(hours=9), until=day + timedelta(hours=10))
    assert body["counts"][0]["count"] == 3
    assert body["since"] == day.isoformat(timespec="milliseconds").replace("+00:00", "Z"), "no hour is known any more"
    activate_version(person.actor, policy.id, number=1)
