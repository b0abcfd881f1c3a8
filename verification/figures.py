"""What the pages of decisions say in figures and charts, each against the span before."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from accounts.contracts import Actor
from aim.console.charts import Bucket, Chart, Latency, volume_chart
from verification.statistics.buckets import percentile
from verification.statistics.counts import Counts
from verification.statistics.selectors import Point, Span, Totals, course, series, totals, totals_with_before

MOST_BARS = 48


@dataclass(frozen=True, slots=True)
class Figures:
    now: Totals
    before: Totals
    volume: Chart

    @property
    def mean_ms(self) -> float | None:
        return None if self.now.mean_us is None else round(self.now.mean_us / 1000, 1)

    @property
    def mean_ms_before(self) -> float | None:
        return None if self.before.mean_us is None else round(self.before.mean_us / 1000, 1)

    @property
    def p99_ms(self) -> float | None:
        found = self.now.within(0.99)
        return None if found is None else round(found / 1000, 1)


def figures_for(actor: Actor, span: Span, *, small: bool = True, agent_id: UUID | None = None) -> Figures:
    now, before = totals_with_before(actor, span, agent_id=agent_id)
    return Figures(
        now=now,
        before=before,
        volume=_volume(series(actor, span, agent_id=agent_id), small=small),
    )


def figures_of(counts: Counts) -> Figures:
    """The figures of a list, in its strip."""
    return Figures(now=counts.now, before=counts.before, volume=_volume(counts.series(), small=True))


def day_of(actor: Actor, span: Span) -> tuple[Figures, list[Latency]]:
    """The figures of all agents with the percentiles of each period; None there where nothing was decided."""
    now, periods = course(actor, span)
    nothing = Totals(0, 0, 0, None, [])
    found = [(period, periods.get(period, nothing)) for period in span.periods()]
    points = [Point(period, part.approved, part.pending, part.denied) for period, part in found]
    figures = Figures(now=now, before=totals(actor, span.before()), volume=_volume(points, small=False))
    return figures, [_latency(period, part.latency) for period, part in found]


def _volume(points: Sequence[Point], *, small: bool) -> Chart:
    return volume_chart(_buckets(points), height=72 if small else 168, small=small)


def _buckets(points: Sequence[Point]) -> list[Bucket]:
    """The series in at most `MOST_BARS` bars of equal width."""
    width = max(1, -(-len(points) // MOST_BARS))
    parts = [points[at : at + width] for at in range(0, len(points), width)]
    return [
        Bucket(
            part[0].at,
            sum(point.approved for point in part),
            sum(point.denied for point in part),
            sum(point.pending for point in part),
        )
        for part in parts
    ]


def _latency(period: datetime, latency: Sequence[int]) -> Latency:
    found = [percentile(latency, share) for share in (0.5, 0.95, 0.99)]
    return Latency(period, *(None if value is None else value / 1000 for value in found))
