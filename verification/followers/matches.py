"""Counts how often each version of a policy applied, by hour and day. Only what is never erased goes in."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import connection

from aim.arrays import array_of, text_array, uuid_array
from aim.ids import IdKind, parse_id
from aim.ledger.events import Event
from aim.ledger.followers import SealedEntry, follower
from verification.models import PolicyRollup
from verification.statistics.policy_matches import MOST_SAMPLES

_ENDS = {PolicyRollup.Granularity.HOUR: (13, ":00:00Z"), PolicyRollup.Granularity.DAY: (10, "T00:00:00Z")}
"""How much of `2026-11-23T16:30:00.123Z` names the period, and what makes a moment of it again."""

_ADD = """
INSERT INTO verification_policyrollup AS r
    (organization_id, policy_id, granularity, period, version, shadow, effect, agent_id, count, latest)
SELECT organization_id, policy_id, granularity, period::timestamptz, version, shadow, effect, agent_id, count,
    latest::uuid[]
FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::int[], %s::bool[], %s::text[], %s::uuid[],
    %s::bigint[], %s::text[])
    AS t(organization_id, policy_id, granularity, period, version, shadow, effect, agent_id, count, latest)
ON CONFLICT (policy_id, granularity, period, version, shadow, effect, agent_id) DO UPDATE SET
    count = r.count + excluded.count,
    latest = ARRAY(SELECT id FROM unnest(r.latest || excluded.latest) AS u(id) ORDER BY id DESC LIMIT %s)
"""
Key = tuple[Any, ...]


@follower(name="matches", kinds={Event.VERIFICATION_DECIDED}, pause=1.0)
class MatchesFollower:
    def follow(self, entries: Sequence[SealedEntry]) -> None:
        found: dict[Key, list[UUID]] = {}
        for entry in entries:
            body = entry.body
            for match in body["data"].get("policies", ()):
                policy_id = parse_id(IdKind.POLICY, match["policy_id"])
                said = (match["version"], match.get("shadow", False), match["effect"], body["actor"]["id"])
                for granularity, (length, end) in _ENDS.items():
                    key = (entry.organization_id, policy_id, granularity.value, body["at"][:length] + end, *said)
                    found.setdefault(key, []).append(entry.id)
        if not found:
            return
        keys = sorted(found, key=str)
        organizations, policies, granularities, periods, versions, shadows, effects, agents = zip(*keys, strict=True)
        columns = [
            uuid_array(organizations),
            uuid_array(policies),
            text_array(granularities),
            text_array(periods),
            array_of(versions),
            array_of(shadows),
            text_array(effects),
            uuid_array(map(UUID, agents)),
            array_of([len(found[key]) for key in keys]),
            text_array([_newest(found[key]) for key in keys]),
        ]
        with connection.cursor() as cursor:
            cursor.execute(_ADD, [*columns, MOST_SAMPLES])

    def reset(self) -> None:
        PolicyRollup.objects.all().delete()


def _newest(ids: Sequence[UUID]) -> str:
    return uuid_array(sorted(ids, reverse=True)[:MOST_SAMPLES])
