"""What Prometheus may ask: how many decisions, how long they took, how the writer fares. No label names a person."""

from bisect import bisect_left
from collections import Counter as Tally

from prometheus_client import Counter, Gauge, Histogram

_LATENCY = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class BulkHistogram(Histogram):
    """Takes many observations at once, because each single one writes to a file that all processes share."""

    def observe_all(self, values: list[float]) -> None:
        """As `observe` for each of the values."""
        self._sum.inc(sum(values))
        for index, count in Tally(bisect_left(self._upper_bounds, value) for value in values).items():
            self._buckets[index].inc(count)


DECISIONS = Counter("aim_decisions_total", "Decisions answered, by status and code", ["status", "code"])
DECISION_SECONDS = BulkHistogram("aim_decision_seconds", "From arrival to answer, commit included", buckets=_LATENCY)
REFUSALS = Counter("aim_refusals_total", "Requests answered without a decision, by code", ["code"])
BATCH_SIZE = BulkHistogram("aim_writer_batch_size", "Decisions a transaction", buckets=(1, 2, 4, 8, 16, 32, 64))
BATCHES = Counter("aim_writer_batches_total", "Batches by the way they were recorded", ["way"])
QUEUE = Gauge("aim_writer_queue", "Decisions waiting to be recorded", multiprocess_mode="livesum")


class Meter:
    """Counts decisions in memory; `flush` hands them to Prometheus, every second or so."""

    def __init__(self) -> None:
        self._decisions: Tally[tuple[str, str]] = Tally()
        self._seconds: list[float] = []
        self._batches: Tally[str] = Tally()
        self._sizes: list[float] = []

    def count(self, status: str, code: str, seconds: float) -> None:
        self._decisions[status, code] += 1
        self._seconds.append(seconds)

    def count_batch(self, way: str, size: int) -> None:
        self._batches[way] += 1
        self._sizes.append(float(size))

    def flush(self) -> None:
        batches, self._batches = self._batches, Tally()
        sizes, self._sizes = self._sizes, []
        for way, count in batches.items():
            BATCHES.labels(way).inc(count)
        if sizes:
            BATCH_SIZE.observe_all(sizes)
        decisions, self._decisions = self._decisions, Tally()
        seconds, self._seconds = self._seconds, []
        for (status, code), count in decisions.items():
            DECISIONS.labels(status, code).inc(count)
        if seconds:
            DECISION_SECONDS.observe_all(seconds)
