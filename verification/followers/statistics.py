"""Counts decisions by minute, hour and day. Only what is never erased goes in, so that a replay counts the same."""

from collections import defaultdict
from collections.abc import Sequence

from django.db import connection

from aim.arrays import array_of, text_array
from aim.ledger.events import Event
from aim.ledger.followers import SealedEntry, follower
from verification.models import Rollup, TotalRollup
from verification.statistics.buckets import WIDTH, bucket_of

_ENDS = {
    Rollup.Granularity.MINUTE: (16, ":00Z"),
    Rollup.Granularity.HOUR: (13, ":00:00Z"),
    Rollup.Granularity.DAY: (10, "T00:00:00Z"),
}
"""How much of `2026-11-23T16:30:00.123Z` names the period, and what makes a moment of it again."""

_KINDS = ("granularity", "period", "agent_id", "action_type", "status", "code")
_TYPES = {"organization_id": "uuid", "agent_id": "uuid", "count": "bigint", "duration_us": "bigint"}
_MADE = {"period": "period::timestamptz", "latency": "latency::int[]"}
_NO_TIMES = ["0"] * WIDTH


def _addition(table: str, kinds: Sequence[str]) -> str:
    """The statement that adds counts to those that are there; its parameters are one list a column."""
    key = ("organization_id", *kinds)
    columns = (*key, "count", "duration_us", "latency")
    # Tables and columns are those above, never text from outside.
    return f"""
INSERT INTO {table} AS r ({", ".join(columns)})
SELECT {", ".join(_MADE.get(name, name) for name in columns)}
FROM unnest({", ".join(f"%s::{_TYPES.get(name, 'text')}[]" for name in columns)}) AS t({", ".join(columns)})
ON CONFLICT ({", ".join(key)}) DO UPDATE SET
    count = r.count + excluded.count, duration_us = r.duration_us + excluded.duration_us,
    latency = (SELECT array_agg(a + b ORDER BY i)
        FROM unnest(r.latency, excluded.latency) WITH ORDINALITY AS u(a, b, i))
"""  # noqa: S608


_ADD = _addition("verification_rollup", _KINDS)
_ADD_TOTALS = _addition("verification_totalrollup", [name for name in _KINDS if name != "agent_id"])

Key = tuple[str, ...]


class _Count:
    __slots__ = ("count", "duration_us", "latency")

    def __init__(self) -> None:
        self.count = self.duration_us = 0
        # By class, and only those that came: most counts are of a few decisions.
        self.latency: dict[int, int] = {}

    def add(self, duration_us: int) -> None:
        self.count += 1
        self.duration_us += duration_us
        place = bucket_of(duration_us)
        self.latency[place] = self.latency.get(place, 0) + 1

    def add_all(self, other: "_Count") -> None:
        self.count += other.count
        self.duration_us += other.duration_us
        latency = self.latency
        for place, count in other.latency.items():
            latency[place] = latency.get(place, 0) + count

    def times(self) -> str:
        """The latencies as PostgreSQL reads an array."""
        times = _NO_TIMES.copy()
        for place, count in self.latency.items():
            times[place] = str(count)
        return "{" + ",".join(times) + "}"


def _by_minute(entries: Sequence[SealedEntry]) -> dict[Key, _Count]:
    """Each decision is counted once; the longer periods are sums of these counts.

    Ids are texts here, which are compared and hashed in no time.
    """
    counts: dict[Key, _Count] = {}
    length, _ = _ENDS[Rollup.Granularity.MINUTE]
    for entry in entries:
        body = entry.body
        data = body["data"]
        decision, action = data["decision"], data["action"]["action_type"]
        assert entry.organization_id is not None, "every decision belongs to an organization"
        minute = body["at"][:length]
        key = (entry.organization_id.hex, minute, body["actor"]["id"], action, decision["status"], decision["code"])
        count = counts.get(key)
        if count is None:
            count = counts[key] = _Count()
        count.add(decision["duration_us"])
    return counts


@follower(name="statistics", kinds={Event.VERIFICATION_DECIDED}, pause=1.0)
class StatisticsFollower:
    def follow(self, entries: Sequence[SealedEntry]) -> None:
        counts: defaultdict[Key, _Count] = defaultdict(_Count)
        totals: defaultdict[Key, _Count] = defaultdict(_Count)
        for (organization, minute, agent, *kind), count in _by_minute(entries).items():
            for granularity, (length, end) in _ENDS.items():
                period = (organization, granularity.value, minute[:length] + end)
                counts[*period, agent, *kind].add_all(count)
                totals[*period, *kind].add_all(count)
        with connection.cursor() as cursor:
            for statement, sums in ((_ADD, counts), (_ADD_TOTALS, totals)):
                # In one order, whatever else may write these rows one day.
                keys = sorted(sums)
                rows = [sums[key] for key in keys]
                cursor.execute(
                    statement,
                    [
                        *map(text_array, zip(*keys, strict=True)),
                        array_of([row.count for row in rows]),
                        array_of([row.duration_us for row in rows]),
                        text_array([row.times() for row in rows]),
                    ],
                )

    def reset(self) -> None:
        Rollup.objects.all().delete()
        TotalRollup.objects.all().delete()
