"""`python -m tests.bench.taking_in`: one process gives numbers, seals, reads and follows, and measures each by itself.

`tests.bench.followers` starts it, with the addresses of its stores in the environment. With `--beside` it does what a
worker does until its input ends.
"""

import argparse
import os
import sys
import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from cProfile import Profile
from datetime import datetime
from operator import attrgetter
from pstats import SortKey, Stats
from zlib import crc32

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aim.settings")
django.setup()

from django.db import connection, transaction  # noqa: E402 - needs Django

from aim.celery import tune_garbage_collection  # noqa: E402
from aim.ledger import sequencer  # noqa: E402
from aim.ledger.followers import Registered, SealedEntry, Stretch, registered_followers, take_step  # noqa: E402
from aim.ledger.host import FollowerHost  # noqa: E402
from aim.ledger.models import Follower, Leaf  # noqa: E402
from aim.ledger.sealing import seal  # noqa: E402
from aim.ledger.tail import Tail, read_entries  # noqa: E402
from tests.bench.processes import session_seconds, sessions_of, thread_seconds  # noqa: E402

_COUNTERS = """
SELECT sum(n_tup_ins + n_tup_upd)::bigint, (pg_current_wal_insert_lsn() - '0/0')::bigint FROM pg_stat_user_tables
"""
# Each thread's session holds the lock of its duty, whose key is made from its name (`aim.ledger.lease`).
_SESSIONS = "SELECT pid, objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = 0x41494D"
_PROFILED_LINES = 25
_HEAD = """| | entries a step | steps | own µs | PostgreSQL µs | rows written | log bytes |
|---|--:|--:|--:|--:|--:|--:|"""
_seq = attrgetter("seq")


class Bench:
    """Measures what is done in this process; figures are for each of the `decisions`."""

    def __init__(self, *, postmaster: int, decisions: int, only: list[str], profile: bool) -> None:
        self._postmaster = postmaster
        self._decisions = decisions
        self._only = only
        self._profile = profile

    def wants(self, name: str) -> bool:
        return not self._only or name in self._only

    def measure(self, name: str, step: int, work: Callable[[], int]) -> None:
        """`work` answers in how many steps it was done."""
        before = self._read()
        with _profiled() if self._profile else _plain():
            steps = work()
        own, postgres, rows, log = (
            (after - before) / self._decisions for before, after in zip(before, self._read(), strict=True)
        )
        _say(f"| {name} | {step} | {steps} | {own * 1e6:.1f} | {postgres * 1e6:.1f} | {rows:.3f} | {log:.0f} |")

    def _read(self) -> tuple[float, float, int, int]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_force_next_flush()")
            cursor.execute(_COUNTERS)
            rows, log = cursor.fetchone()
        postgres = sum(session_seconds(pid) for pid in sessions_of(self._postmaster))
        return time.process_time(), postgres, rows, log


@contextmanager
def _profiled() -> Iterator[None]:
    with Profile() as profile:
        yield
    Stats(profile, stream=sys.stdout).sort_stats(SortKey.TIME).print_stats(_PROFILED_LINES)


@contextmanager
def _plain() -> Iterator[None]:
    yield


def measure_all(bench: Bench, *, steps: list[int]) -> None:
    if bench.wants("sequencer"):
        for step in steps:
            _forget_order()
            sequencer.BATCH = step
            bench.measure("sequencer", step, lambda step=step: -(-sequencer.Sequencer().run() // step))
    if bench.wants("seal"):
        bench.measure("seal", 0, lambda: int(seal() is not None))
    followers = registered_followers()
    wanted = [known.kinds for known in followers]
    kinds = None if None in wanted else frozenset[str]().union(*(known or () for known in wanted))
    newest = sequencer.newest_seq()
    for step in steps:
        tail = Tail(kinds)
        tail.rise(newest)
        if bench.wants("reading"):
            bench.measure("reading", step, lambda tail=tail, step=step: _read(tail, step))
    entries = read_entries(-1, newest, kinds)
    for known in followers:
        if bench.wants(known.name):
            for step in steps:
                _begin_anew(known)
                bench.measure(known.name, step, lambda known=known, step=step: _follow(known, step, entries))


def _forget_order() -> None:
    """So that it can be found again; the product refuses to."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE ledger_leaf DISABLE TRIGGER USER")
        cursor.execute("TRUNCATE ledger_leaf")
        cursor.execute("ALTER TABLE ledger_leaf ENABLE TRIGGER USER")


def _read(tail: Tail, step: int) -> int:
    after, steps = -1, 0
    while (stretch := tail.read(after, None, step)).upto > after:
        after, steps = stretch.upto, steps + 1
    return steps


def _begin_anew(known: Registered) -> None:
    """As a replay does, without a line in the ledger."""
    with transaction.atomic():
        known.follower.reset()
        Follower.objects.update_or_create(name=known.name, defaults={"seq": -1, "stopped_at": None})


def _follow(known: Registered, step: int, entries: list[SealedEntry]) -> int:
    newest = entries[-1].seq

    def read(after: int, _erased_at: datetime | None) -> Stretch:
        upto = min(after + step, newest)
        first = bisect_right(entries, after, key=_seq)
        return Stretch(entries[first : bisect_right(entries, upto, key=_seq)], upto)

    steps = 0
    while take_step(known, read).moved:
        steps += 1
    return steps


def follow_beside() -> None:
    """Do what a worker does until its input ends. It measures from the first line to the second, a count of decisions,
    and then tells what each thread used, and its session of PostgreSQL.
    """
    host = FollowerHost()
    host.start()
    before: dict[str, tuple[float, float]] = {}
    for line in sys.stdin:
        after = _by_thread()
        if before:
            _say("| thread of the worker | own µs | PostgreSQL µs |\n|---|--:|--:|")
        for name, began in before.items():
            own, postgres = ((now - then) / int(line) * 1e6 for then, now in zip(began, after[name], strict=True))
            _say(f"| {name} | {own:.1f} | {postgres:.1f} |")
        before = after
    host.stop()


def _by_thread() -> dict[str, tuple[float, float]]:
    with connection.cursor() as cursor:
        cursor.execute(_SESSIONS)
        sessions: dict[int, int] = {key: pid for pid, key in cursor.fetchall()}
    used = {}
    for thread in threading.enumerate():
        name = thread.name.removeprefix("ledger ")
        keys = (crc32(duty.encode()) & 0x7FFF_FFFF for duty in (name, f"follower {name}", f"duty {name}"))
        session = next((sessions[key] for key in keys if key in sessions), 0)
        used[name] = (thread_seconds(thread.native_id or 0), session_seconds(session))
    return used


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.taking_in", description=__doc__)
    parser.add_argument("--postmaster", type=int, help="the process id of the PostgreSQL that is measured")
    parser.add_argument("--steps", type=int, nargs="+")
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--beside", action="store_true")
    arguments = parser.parse_args()
    tune_garbage_collection()
    if arguments.beside:
        follow_beside()
        return
    sequencer.Sequencer().run()
    decisions = Leaf.objects.count()
    bench = Bench(postmaster=arguments.postmaster, decisions=decisions, only=arguments.only, profile=arguments.profile)
    _say(_HEAD)
    measure_all(bench, steps=arguments.steps)


if __name__ == "__main__":
    main()
