"""What the pages of decisions say in figures and charts, each against the span before."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from accounts.contracts import Actor
from aim.console.charts import Bucket, Chart, Latency, volume_chart
from verification.statistics.buckets import percentile
from verification.statistics.selectors import Span, Totals, series, sums, totals

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
    return Figures(
        now=totals(actor, span, agent_id=agent_id),
        before=totals(actor, span.before(), agent_id=agent_id),
        volume=volume_chart(buckets_of(actor, span, agent_id=agent_id), height=72 if small else 168, small=small),
    )


def buckets_of(actor: Actor, span: Span, *, agent_id: UUID | None = None, most: int = MOST_BARS) -> list[Bucket]:
    """The series in at most so many bars of equal width."""
    points = series(actor, span, agent_id=agent_id)
    width = max(1, -(-len(points) // most))
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


def latencies_of(actor: Actor, span: Span) -> list[Latency]:
    """The percentiles of each period; None where nothing was decided."""
    counted: dict[datetime, list[int]] = {}
    for period, _status, _count, _duration, latency in sums(actor, span, "period"):
        known = counted.get(period, [0] * len(latency))
        counted[period] = [one + (more or 0) for one, more in zip(known, latency, strict=True)]
    return [_latency(period, counted.get(period, [])) for period in span.periods()]


def _latency(period: datetime, latency: list[int]) -> Latency:
    found = [percentile(latency, share) for share in (0.5, 0.95, 0.99)]
    return Latency(period, *(None if value is None else value / 1000 for value in found))
