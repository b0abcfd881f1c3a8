"""Counts decisions by minute, hour and day. Only what is never erased goes in, so that a replay counts the same."""

from collections.abc import Sequence
from uuid import UUID

from django.db import connection

from aim.ledger.events import Event
from aim.ledger.followers import SealedEntry, follower
from verification.models import Rollup
from verification.statistics.buckets import WIDTH, bucket_of

_ENDS = {
    Rollup.Granularity.MINUTE: (16, ":00Z"),
    Rollup.Granularity.HOUR: (13, ":00:00Z"),
    Rollup.Granularity.DAY: (10, "T00:00:00Z"),
}
"""How much of `2026-11-23T16:30:00.123Z` names the period, and what makes a moment of it again."""

_ADD = """
INSERT INTO verification_rollup AS r
    (organization_id, granularity, period, agent_id, action_type, status, code, count, duration_us, latency)
SELECT organization_id, granularity, period::timestamptz, agent_id, action_type, status, code, count, duration_us,
    latency::int[]
FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::uuid[], %s::text[], %s::text[], %s::text[], %s::bigint[],
    %s::bigint[], %s::text[])
    AS t(organization_id, granularity, period, agent_id, action_type, status, code, count, duration_us, latency)
ON CONFLICT (organization_id, granularity, period, agent_id, action_type, status, code) DO UPDATE SET
    count = r.count + excluded.count, duration_us = r.duration_us + excluded.duration_us,
    latency = (SELECT array_agg(a + b ORDER BY i)
        FROM unnest(r.latency, excluded.latency) WITH ORDINALITY AS u(a, b, i))
"""

Key = tuple[object, ...]


class _Count:
    __slots__ = ("count", "duration_us", "latency")

    def __init__(self) -> None:
        self.count = self.duration_us = 0
        self.latency = [0] * WIDTH

    def add(self, duration_us: int) -> None:
        self.count += 1
        self.duration_us += duration_us
        self.latency[bucket_of(duration_us)] += 1

    def add_all(self, other: "_Count") -> None:
        self.count += other.count
        self.duration_us += other.duration_us
        self.latency = [one + more for one, more in zip(self.latency, other.latency, strict=True)]

    def columns(self) -> Key:
        return self.count, self.duration_us, "{" + ",".join(map(str, self.latency)) + "}"


def _by_minute(entries: Sequence[SealedEntry]) -> dict[tuple[UUID | None, str, str, str, str, str], _Count]:
    """Each decision is counted once; the longer periods are sums of these counts."""
    counts: dict[tuple[UUID | None, str, str, str, str, str], _Count] = {}
    length, _ = _ENDS[Rollup.Granularity.MINUTE]
    for entry in entries:
        body = entry.body
        data = body["data"]
        decision, action = data["decision"], data["action"]["action_type"]
        minute = body["at"][:length]
        key = (entry.organization_id, minute, body["actor"]["id"], action, decision["status"], decision["code"])
        count = counts.get(key)
        if count is None:
            count = counts[key] = _Count()
        count.add(decision["duration_us"])
    return counts


@follower(name="statistics", kinds={Event.VERIFICATION_DECIDED}, pause=0.5)
class StatisticsFollower:
    def follow(self, entries: Sequence[SealedEntry]) -> None:
        counts: dict[Key, _Count] = {}
        for (organization, minute, *of_all), count in _by_minute(entries).items():
            for granularity, (length, end) in _ENDS.items():
                key = (organization, granularity.value, minute[:length] + end, *of_all)
                counts.setdefault(key, _Count()).add_all(count)
        # In one order, whatever else may write these rows one day.
        rows = [(*key, *counts[key].columns()) for key in sorted(counts, key=str)]
        with connection.cursor() as cursor:
            cursor.execute(_ADD, [list(column) for column in zip(*rows, strict=True)])

    def reset(self) -> None:
        Rollup.objects.all().delete()
