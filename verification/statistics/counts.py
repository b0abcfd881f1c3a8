"""What was decided in a span of time, told apart in all the ways that a list shows at once, and read in one query.

The figures above the list, its chart, the counts of its filters and its total are sums of the same rows.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db import connection

from accounts.contracts import Actor, ActorKind
from verification.statistics.buckets import WIDTH
from verification.statistics.selectors import Point, Span, Totals, point_of, totals_of

# Sums of these types are made many times quicker than those of `bigint`, which PostgreSQL makes as `numeric`. No row
# has two thousand million decisions, and microseconds are exact up to 285 years of them.
#
# Periods of the span by status, with those before it as one; and each kind, of the span alone.
_COUNTS = """
SELECT grouping(action_type) = 1, at, status, action_type, code,
    sum(count::int), sum(duration_us::float)::bigint, sum(count::int) FILTER (WHERE {fits}),
    sum(count::int) FILTER (WHERE at IS NOT NULL), min(at), max(at)
FROM (
    SELECT CASE WHEN period >= %(since)s THEN period END AS at, status, action_type, code, count, duration_us
    FROM verification_totalrollup
    WHERE organization_id = %(organization_id)s AND granularity = %(granularity)s
        AND period >= %(before)s AND period < %(until)s
) AS counted
GROUP BY GROUPING SETS ((at, status), (status, action_type, code))
"""
_OF_AGENTS = """
SELECT status, action_type, code, sum(count::int), min(period), max(period) FROM verification_rollup
WHERE organization_id = %(organization_id)s AND granularity = %(granularity)s
    AND period >= %(since)s AND period < %(until)s AND agent_id = ANY(%(agents)s::uuid[])
GROUP BY 1, 2, 3
"""
# An aggregate for each class: many times quicker than unfolding the arrays into rows.
_LATENCY = f"""
SELECT ARRAY[{", ".join(f"coalesce(sum(latency[{place}]), 0)" for place in range(1, WIDTH + 1))}]
FROM verification_totalrollup
WHERE organization_id = %(organization_id)s AND granularity = %(granularity)s
    AND period >= %(since)s AND period < %(until)s
"""  # noqa: S608 - numbers of places alone are put in
_BUSIEST = """
WITH counted AS MATERIALIZED (
    SELECT agent_id, sum(count::int) AS n FROM verification_rollup
    WHERE organization_id = %(organization_id)s AND granularity = %(granularity)s
        AND period = ANY(%(newest)s::timestamptz[]) AND period >= %(since)s AND period < %(until)s AND {fits}
    GROUP BY agent_id
), shown AS (
    (SELECT agent_id FROM counted ORDER BY n DESC, agent_id LIMIT %(most)s)
    UNION SELECT unnest(%(besides)s::uuid[])
)
"""
# Where the newest periods are all there are, and where they are not: then the key is asked for those that are shown.
_COUNTED_THERE = """
SELECT agent_id, n, (SELECT count(*) FROM counted) FROM counted
WHERE agent_id = ANY(ARRAY(SELECT agent_id FROM shown))
"""
_COUNTED_EVERYWHERE = """
SELECT agent_id, sum(count::int), 0 FROM verification_rollup
WHERE organization_id = %(organization_id)s AND granularity = %(granularity)s
    AND period = ANY(%(periods)s::timestamptz[]) AND agent_id = ANY(ARRAY(SELECT agent_id FROM shown)) AND {fits}
GROUP BY agent_id
"""


@dataclass(frozen=True, slots=True)
class Kind:
    """Decisions alike in status, type of action and code: how many, and the first and last period that has any."""

    status: str
    action_type: str
    code: str
    count: int
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which kinds are asked for; of each, any of its values will do, and none named means all."""

    statuses: Sequence[str] = ()
    actions: Sequence[str] = ()
    codes: Sequence[str] = ()

    def within(self, kinds: Iterable[Kind], *, leaving_out: str = "") -> list[Kind]:
        """Those that pass; `leaving_out` names the field of `Kind` that is not looked at."""
        named = {"status": self.statuses, "action_type": self.actions, "code": self.codes}
        asked = {field: set(values) for field, values in named.items() if values and field != leaving_out}
        return [kind for kind in kinds if all(getattr(kind, field) in values for field, values in asked.items())]

    @property
    def condition(self) -> str:
        """SQL for the parameters of `parameters`."""
        named = (("status", self.statuses), ("action_type", self.actions), ("code", self.codes))
        return " AND ".join(f"{column} = ANY(%({column})s::text[])" for column, values in named if values) or "true"

    @property
    def parameters(self) -> dict[str, list[str]]:
        return {"status": list(self.statuses), "action_type": list(self.actions), "code": list(self.codes)}


@dataclass(frozen=True, slots=True)
class Period:
    """What was decided in a period, all of it, and how much of it is wanted."""

    point: Point
    count: int
    wanted: int


@dataclass(frozen=True, slots=True)
class _Found:
    periods: Mapping[datetime, Period]
    kinds: Sequence[Kind]
    now: tuple[dict[str, int], int]
    before: tuple[dict[str, int], int]


class Counts:
    """The counts of an organization's decisions in a span and in the one before; people see their organization's.

    Each part is read when it is first asked for.
    """

    def __init__(self, actor: Actor, span: Span, wanted: Wanted) -> None:
        self.span, self.wanted = span, wanted
        self._visible = actor.kind is ActorKind.PERSON and actor.organization_id is not None
        self._parameters: dict[str, Any] = {
            "organization_id": actor.organization_id,
            "granularity": span.granularity.value,
            "before": span.before().since,
            "since": span.since,
            "until": span.until,
            **wanted.parameters,
        }

    @property
    def kinds(self) -> Sequence[Kind]:
        return self._found.kinds

    @property
    def periods(self) -> Mapping[datetime, Period]:
        """Those in which anything was decided."""
        return self._found.periods

    def kinds_of(self, agents: Sequence[UUID]) -> list[Kind]:
        """Of these agents alone."""
        return [Kind(*row) for row in self._rows(_OF_AGENTS, agents=list(agents))]

    @cached_property
    def now(self) -> Totals:
        """With the counts by length of time."""
        rows = self._rows(_LATENCY)
        return totals_of(*self._found.now, rows[0][0] if rows else [])

    @property
    def before(self) -> Totals:
        """Of the span before this one, without counts by length of time."""
        return totals_of(*self._found.before, [])

    def series(self) -> list[Point]:
        """One point a period, also where nothing was decided."""
        known = self.periods
        return [known[at].point if at in known else Point(at, 0, 0, 0) for at in self.span.periods()]

    def busiest(
        self, newest: Sequence[datetime], periods: Sequence[datetime], *, most: int, besides: Sequence[UUID]
    ) -> tuple[dict[UUID, int], int]:
        """The agents that asked most for what is wanted in the newest periods, and some besides, each with how often it
        did in all the periods; and how many agents asked in the newest ones.
        """
        whole = len(newest) == len(periods)
        statement = (_BUSIEST + (_COUNTED_THERE if whole else _COUNTED_EVERYWHERE)).format(fits=self.wanted.condition)
        rows = self._rows(statement, newest=list(newest), periods=list(periods), most=most, besides=list(besides))
        counts = dict.fromkeys(besides, 0) | {agent: count for agent, count, _all in rows}
        return dict(sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))), rows[0][2] if rows else 0

    @cached_property
    def _found(self) -> _Found:
        periods: dict[datetime, Period] = {}
        kinds: list[Kind] = []
        by_period: dict[datetime | None, dict[str, int]] = {}
        wanted: dict[datetime | None, int] = {}
        spent = {True: 0, False: 0}
        for row in self._rows(_COUNTS.format(fits=self.wanted.condition)):
            of_period, at, status, action_type, code, count, duration_us, fits, now, first, last = row
            if of_period:
                by_period.setdefault(at, {})[status] = count
                wanted[at] = wanted.get(at, 0) + (fits or 0)
                spent[at is not None] += duration_us
            elif now is not None:
                kinds.append(Kind(status, action_type, code, now, first, last))
        before = by_period.pop(None, {})
        now_by_status: dict[str, int] = {}
        for at, counts in by_period.items():
            assert at is not None
            periods[at] = Period(point_of(at, counts), sum(counts.values()), wanted[at])
            for status, count in counts.items():
                now_by_status[status] = now_by_status.get(status, 0) + count
        return _Found(periods, kinds, (now_by_status, spent[True]), (before, spent[False]))

    def _rows(self, statement: str, **more: Any) -> list[Any]:
        if not self._visible:
            return []
        with connection.cursor() as cursor:
            cursor.execute(statement, {**self._parameters, **more})
            found: list[Any] = cursor.fetchall()
        return found
