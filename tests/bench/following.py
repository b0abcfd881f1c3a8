"""The worker and beat beside the web processes, and how far what follows the ledger is behind at full load."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
import psycopg

from aim.runtime.children import start_child, stop_child
from aim.runtime.product import worker_and_beat
from tests.bench.rounds import Length, run_client
from tests.bench.servers import BenchProblem, Stores, Subject

MUST_LIVE, AIM_LIVE, MUST_OTHERS = 1.0, 0.3, 10.0
_LOOK_SECONDS = 0.2
_SETTLING_SECONDS = 1.0
_BEGIN_SECONDS, _CATCH_UP_SECONDS = 60.0, 300.0
# The age of the newest entry that has its place: whatever is shown live is that old at least.
_LIVE = """
SELECT extract(epoch FROM clock_timestamp() - e.recorded_at)::float8
FROM ledger_leaf l JOIN ledger_entry e ON e.id = l.entry_id ORDER BY l.seq DESC LIMIT 1
"""
# For each follower the age of the first entry that it has not taken in.
_OTHERS = """
SELECT f.name, coalesce(extract(epoch FROM clock_timestamp() - next.recorded_at), 0)::float8 FROM ledger_follower f
LEFT JOIN LATERAL (SELECT e.recorded_at FROM ledger_leaf l JOIN ledger_entry e ON e.id = l.entry_id
    WHERE l.seq = f.seq + 1) AS next ON true
"""
_BEHIND = """
SELECT (SELECT count(*) FROM ledger_entry) - (SELECT coalesce(max(seq), -1) + 1 FROM ledger_leaf)
    + (SELECT coalesce(sum((SELECT coalesce(max(seq), -1) FROM ledger_leaf) - f.seq), 1) FROM ledger_follower f)
"""


class Following(msgspec.Struct, frozen=True):
    """Lags in seconds, sampled while all connections asked: `live` of the newest entry in its place (median and
    longest), `others` the longest of each follower; `caught_up` is how long after the load all was taken in.
    """

    per_second: float
    seconds: float
    live: float
    live_longest: float
    others: dict[str, float]
    caught_up: float

    @property
    def met(self) -> bool:
        return self.live_longest < MUST_LIVE and max(self.others.values(), default=0.0) < MUST_OTHERS


@contextmanager
def worker_running(stores: Stores) -> Iterator[list[int]]:
    """Start both as `manage.py up` does; answers their process ids once everything on record is taken in."""
    environment = stores.environment()
    children: list[subprocess.Popen[bytes]] = []
    try:
        for name, arguments in worker_and_beat(stores.folder).items():
            log = stores.folder / f"{name}.log"
            children.append(
                start_child([sys.executable, *arguments], log=log, environment=environment, death_signal=signal.SIGTERM)
            )
        catch_up(stores, seconds=_BEGIN_SECONDS)
        yield [child.pid for child in children]
    finally:
        for child in children:
            stop_child(child, ask=signal.SIGTERM, seconds=15)


def catch_up(stores: Stores, *, seconds: float = _CATCH_UP_SECONDS) -> float:
    """Wait until everything on record is taken in, so that what runs next is not disturbed; answers how long."""
    began = time.monotonic()
    with psycopg.connect(stores.database_url, autocommit=True) as connection:
        while time.monotonic() - began < seconds:
            row = connection.execute(_BEHIND).fetchone()
            if row is not None and row[0] <= 0:
                return time.monotonic() - began
            time.sleep(_LOOK_SECONDS)
    raise BenchProblem(f"What follows the ledger has not caught up within {seconds:.0f} s.")


def measure_following(subject: Subject, *, stores: Stores, agents: Path, length: Length) -> Following:
    """Ask over 64 connections for as long as signatures allow, and look at the lags meanwhile."""
    lags = _Lags(stores.database_url)
    with lags.sampled():
        outcome = run_client(subject, connections=64, length=length, agents=agents, postmaster=stores.postmaster)
    if outcome.wrong or not outcome.answered:
        raise BenchProblem(f"{subject.name}: {outcome.wrong} wrong answers {outcome.statuses}: {outcome.sample[:500]}")
    caught_up = catch_up(stores)
    # Before the load, while requests are signed, the newest entry only grows older.
    live = sorted(lag for at, lag in lags.live if at >= lags.ended - outcome.seconds + _SETTLING_SECONDS) or [0.0]
    return Following(
        per_second=outcome.per_second,
        seconds=outcome.seconds,
        live=round(live[len(live) // 2], 3),
        live_longest=round(live[-1], 3),
        others={name: round(lag, 2) for name, lag in lags.others.items()},
        caught_up=round(caught_up, 1),
    )


class _Lags:
    """Looks a few times a second, by a thread and a session of its own."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._stop = threading.Event()
        self.live: list[tuple[float, float]] = []
        self.others: dict[str, float] = {}
        self.ended = 0.0

    @contextmanager
    def sampled(self) -> Iterator[None]:
        thread = threading.Thread(target=self._look, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self.ended = time.monotonic()
            self._stop.set()
            thread.join()

    def _look(self) -> None:
        with suppress(psycopg.OperationalError), psycopg.connect(self._url, autocommit=True) as connection:
            while not self._stop.wait(_LOOK_SECONDS):
                row = connection.execute(_LIVE).fetchone()
                if row is not None:
                    self.live.append((time.monotonic(), float(row[0])))
                for name, lag in connection.execute(_OTHERS):
                    self.others[name] = max(self.others.get(name, 0.0), float(lag))
