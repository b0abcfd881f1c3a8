"""How far the sequencer and the followers are behind what is on record, as a metric, a readiness part and a list.

Asked of the database each time, so that it is right also when the worker that should follow is gone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import DatabaseError, connection
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from aim.health import scraped, watched
from aim.ledger.followers import registered_followers

SEQUENCER = "sequencer"
SEQUENCER_SECONDS = 10.0
FOLLOWER_SECONDS = 60.0
COUNTED = 100_000
"""More entries than these are not counted one by one."""
_MARGIN_MS = 5_000

_NEWEST = """
SELECT seq, entry_id, (extract(epoch FROM clock_timestamp()) * 1000)::bigint
FROM ledger_leaf ORDER BY seq DESC LIMIT 1
"""
_UNSEQUENCED = """
SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(recorded_at)), 0)::float8 FROM (
    SELECT e.recorded_at FROM ledger_entry e
    WHERE e.id > %s AND NOT EXISTS (SELECT FROM ledger_leaf l WHERE l.entry_id = e.id) LIMIT %s) AS waiting
"""
_FOLLOWERS = """
SELECT known.name, coalesce(f.seq, -1), f.updated_at, f.stopped_at, coalesce(f.error, ''),
    coalesce(extract(epoch FROM clock_timestamp() - next.recorded_at), 0)::float8
FROM unnest(%s::text[]) AS known(name) LEFT JOIN ledger_follower f USING (name)
LEFT JOIN LATERAL (
    SELECT e.recorded_at FROM ledger_leaf l JOIN ledger_entry e ON e.id = l.entry_id
    WHERE l.seq = coalesce(f.seq, -1) + 1) AS next ON true
ORDER BY known.name
"""


@dataclass(frozen=True)
class Lag:
    """`seconds` is how long the first entry waits that has not been taken in."""

    name: str
    seq: int
    entries: int
    seconds: float
    updated_at: datetime | None = None
    stopped_at: datetime | None = None
    error: str = ""

    @property
    def problem(self) -> str | None:
        """What is wrong, or None."""
        if self.stopped_at is not None:
            return f"{self.name} has stopped: {self.error}"
        bound = SEQUENCER_SECONDS if self.name == SEQUENCER else FOLLOWER_SECONDS
        if self.seconds <= bound:
            return None
        return (
            f"{self.name} is {self.seconds:.0f} s and {self.entries} entries behind{self.error and f': {self.error}'}"
        )


def sequencer_lag() -> Lag:
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST)
        seq, entry_id, now = cursor.fetchone() or (-1, UUID(int=0), 0)
        since = max(min(entry_id.int >> 80, now) - _MARGIN_MS, 0)
        cursor.execute(_UNSEQUENCED, [UUID(int=since << 80), COUNTED])
        count, seconds = cursor.fetchone()
    return Lag(SEQUENCER, seq, count, max(seconds, 0.0))


def follower_lags() -> list[Lag]:
    """Every follower the code knows, whether or not it has ever run."""
    names = [known.name for known in registered_followers()]
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(seq), -1) FROM ledger_leaf")
        newest: int = cursor.fetchone()[0]
        cursor.execute(_FOLLOWERS, [names])
        rows = cursor.fetchall()
    return [
        Lag(name, seq, max(newest - seq, 0), max(seconds, 0.0), updated_at, stopped_at, error)
        for name, seq, updated_at, stopped_at, error, seconds in rows
    ]


@watched("sequencer")
def _sequencer() -> str | None:
    try:
        return sequencer_lag().problem
    except DatabaseError as error:
        return f"unknown: {type(error).__name__}"


@watched("followers")
def _followers() -> str | None:
    try:
        return "; ".join(problem for lag in follower_lags() if (problem := lag.problem)) or None
    except DatabaseError as error:
        return f"unknown: {type(error).__name__}"


class LagCollector(Collector):
    """Reads at each scrape."""

    def collect(self) -> Iterator[Metric]:
        seconds = GaugeMetricFamily(
            "aim_follower_lag_seconds", "Age of the first entry not yet taken in", labels=["follower"]
        )
        entries = GaugeMetricFamily("aim_follower_lag_entries", "Entries not yet taken in", labels=["follower"])
        stopped = GaugeMetricFamily("aim_follower_stopped", "1 for a follower that has stopped", labels=["follower"])
        try:
            lags = [sequencer_lag(), *follower_lags()]
        except DatabaseError:
            return
        for lag in lags:
            seconds.add_metric([lag.name], lag.seconds)
            entries.add_metric([lag.name], lag.entries)
            stopped.add_metric([lag.name], float(lag.stopped_at is not None))
        yield from (seconds, entries, stopped)


scraped(LagCollector())
