"""What was decided in a span of time, added up: totals against the span before, a series, reasons, groups, latency."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet, Sum

from accounts.contracts import Actor, ActorKind
from aim import clock
from verification.models import DecisionCount, Rollup, TotalRollup, Verification
from verification.statistics.buckets import WIDTH, percentile

Granularity = DecisionCount.Granularity
STEPS = {
    Granularity.MINUTE: timedelta(minutes=1),
    Granularity.HOUR: timedelta(hours=1),
    Granularity.DAY: timedelta(days=1),
}
SPANS = {
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "90d": timedelta(days=90),
    "365d": timedelta(days=365),
}
MOST_POINTS, USUAL_POINTS = 1500, 375
MOST_GROUPS = 50
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_PLACES = ", ".join(f"sum(latency[{place}])::bigint" for place in range(1, WIDTH + 1))
"""An aggregate for each class: many times quicker than unfolding the arrays into rows."""
_SUMS = """
SELECT {key}, status, sum(count)::bigint, sum(duration_us)::bigint, ARRAY[{places}]
FROM {table}
WHERE organization_id = %(organization_id)s AND granularity = %(granularity)s
    AND period >= %(since)s AND period < %(until)s {narrowed}
GROUP BY 1, 2 ORDER BY 1, 2
"""
_Sums = tuple[Any, str, int, int, list[int]]
_BY_AGENT = "AND agent_id = %(agent_id)s"


class Group(StrEnum):
    """By what decisions may be told apart. The values are columns."""

    AGENT = "agent_id"
    ACTION_TYPE = "action_type"
    STATUS = "status"
    CODE = "code"


@dataclass(frozen=True)
class Span:
    """Whole periods of one granularity: `until` is the end of the one that runs now."""

    since: datetime
    until: datetime
    granularity: Granularity

    @property
    def step(self) -> timedelta:
        return STEPS[self.granularity]

    def before(self) -> "Span":
        """The span of the same length that ended where this one begins."""
        return Span(self.since - (self.until - self.since), self.since, self.granularity)

    def periods(self) -> Iterator[datetime]:
        moment = self.since
        while moment < self.until:
            yield moment
            moment += self.step


@dataclass(frozen=True)
class Totals:
    """`latency` counts by `buckets`; times are in microseconds."""

    approved: int
    pending: int
    denied: int
    mean_us: int | None
    latency: Sequence[int]

    @property
    def count(self) -> int:
        return self.approved + self.pending + self.denied

    @property
    def approval_rate(self) -> float | None:
        """The share of approvals in percent."""
        return round(100 * self.approved / self.count, 2) if self.count else None

    def within(self, share: float) -> int | None:
        return percentile(self.latency, share)


@dataclass(frozen=True)
class Point:
    at: datetime
    approved: int
    pending: int
    denied: int


@dataclass(frozen=True)
class Line:
    """One of a group: an agent, a type of action, a status or a code."""

    key: str | UUID
    totals: Totals


def span_of(name: str, granularity: Granularity | None = None, *, now: datetime | None = None) -> Span | None:
    """The last hour, day … by its name in `SPANS`, up to now; None for a granularity that does not suit it."""
    length = SPANS[name]
    if granularity is None:
        granularity = next(fine for fine, step in STEPS.items() if length / step <= USUAL_POINTS)
    step = STEPS[granularity]
    if length < step or length / step > MOST_POINTS:
        return None
    started = ((now or clock.now()) - _EPOCH) // step
    until = _EPOCH + (started + 1) * step
    return Span(until - length, until, granularity)


def totals(actor: Actor, span: Span, *, agent_id: UUID | None = None) -> Totals:
    lines = _lines(actor, span, None, agent_id)
    return lines[0].totals if lines else Totals(0, 0, 0, None, [])


def totals_with_before(actor: Actor, span: Span, *, agent_id: UUID | None = None) -> tuple[Totals, Totals]:
    """The totals of the span, and those of the span before it, in one query."""
    both = Span(span.before().since, span.until, span.granularity)
    found = _added(sums(actor, both, "period >= %(edge)s", edge=span.since, agent_id=agent_id))
    nothing = Totals(0, 0, 0, None, [])
    return found.get(True, nothing), found.get(False, nothing)


def course(actor: Actor, span: Span) -> tuple[Totals, dict[datetime, Totals]]:
    """The totals of the span and those of each period in which something was decided, in one query."""
    rows = sums(actor, span, "period")
    whole = _added(("", *row[1:]) for row in rows).get("", Totals(0, 0, 0, None, []))
    return whole, _added(rows)


def series(actor: Actor, span: Span, *, agent_id: UUID | None = None) -> list[Point]:
    """One point a period, also where nothing was decided."""
    counted: dict[datetime, dict[str, int]] = {}
    for row in _rows(actor, span, agent_id).values("period", "status").annotate(total=Sum("count")):
        counted.setdefault(row["period"], {})[row["status"]] = row["total"]
    return [point_of(moment, counted.get(moment, {})) for moment in span.periods()]


def reasons(actor: Actor, span: Span, *, agent_id: UUID | None = None) -> list[tuple[str, int]]:
    """Why actions were not approved, by code, the most frequent first."""
    rows = _rows(actor, span, agent_id).exclude(status=Verification.Status.APPROVED)
    counted = rows.values("code").annotate(total=Sum("count")).order_by("-total", "code")
    return [(row["code"], row["total"]) for row in counted[:MOST_GROUPS]]


def groups(actor: Actor, span: Span, by: Group, *, agent_id: UUID | None = None) -> list[Line]:
    """The busiest first."""
    lines = sorted(_lines(actor, span, by, agent_id), key=lambda line: (-line.totals.count, str(line.key)))
    return lines[:MOST_GROUPS]


def counted_in(actor: Actor, span: Span, *, agents: bool = False) -> QuerySet[Any]:
    """The one place that scopes counts: people see their organization's.

    With `agents` they are told apart by agent, in nearly as many rows as there are decisions where many agents ask.
    """
    rows: QuerySet[Any] = (Rollup if agents else TotalRollup).objects.all()
    if actor.kind is not ActorKind.PERSON or actor.organization_id is None:
        return rows.none()
    return rows.filter(
        organization_id=actor.organization_id,
        granularity=span.granularity,
        period__gte=span.since,
        period__lt=span.until,
    )


def _rows(actor: Actor, span: Span, agent_id: UUID | None) -> QuerySet[Any]:
    rows = counted_in(actor, span, agents=agent_id is not None)
    return rows if agent_id is None else rows.filter(agent_id=agent_id)


def sums(
    actor: Actor, span: Span, key: str = "''", *, agent_id: UUID | None = None, edge: datetime | None = None
) -> list[_Sums]:
    """Of each key and status: how many, microseconds together, and the counts by `buckets`.

    `key` is SQL of the program's own, never text from outside; it may compare with `edge`.
    """
    if actor.kind is not ActorKind.PERSON or actor.organization_id is None:
        return []
    by_agent = agent_id is not None or key == Group.AGENT
    statement = _SUMS.format(
        key=key,
        places=_PLACES,
        table="verification_rollup" if by_agent else "verification_totalrollup",
        narrowed="" if agent_id is None else _BY_AGENT,
    )
    values: dict[str, Any] = {
        "organization_id": actor.organization_id,
        "granularity": span.granularity.value,
        "since": span.since,
        "until": span.until,
        "agent_id": agent_id,
        "edge": edge,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        found: list[_Sums] = cursor.fetchall()
    return found


def _lines(actor: Actor, span: Span, by: Group | None, agent_id: UUID | None) -> list[Line]:
    rows = sums(actor, span, "''" if by is None else by.value, agent_id=agent_id)
    return [Line(key, found) for key, found in _added(rows).items()]


def _added(rows: Iterable[_Sums]) -> dict[Any, Totals]:
    """Of each key, all its statuses together."""
    found: dict[Any, tuple[dict[str, int], int, list[int]]] = {}
    for key, status, count, duration_us, latency in rows:
        by_status, spent, classes = found.get(key, ({}, 0, [0] * WIDTH))
        # A row that an older release wrote may be shorter; what it does not have is null here.
        classes = [one + (more or 0) for one, more in zip(classes, latency, strict=True)]
        found[key] = {**by_status, status: by_status.get(status, 0) + count}, spent + duration_us, classes
    return {key: totals_of(*parts) for key, parts in found.items()}


def totals_of(by_status: dict[str, int], spent: int, latency: Sequence[int]) -> Totals:
    point = point_of(_EPOCH, by_status)
    count = sum(by_status.values())
    return Totals(point.approved, point.pending, point.denied, round(spent / count) if count else None, latency)


def point_of(moment: datetime, by_status: dict[str, int]) -> Point:
    status = Verification.Status
    return Point(
        moment,
        *(by_status.get(name, 0) for name in (status.APPROVED.value, status.PENDING.value, status.DENIED.value)),
    )
