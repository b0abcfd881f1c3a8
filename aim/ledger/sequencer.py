"""The one final order of entries: dense from 0, with no hole, whatever the order in which transactions commit.

Within a batch they stand as their transactions began to write, so that what follows from an entry comes after it:
the times in ids and entries are those of several machines, to the millisecond.

An entry is given the next number once it is visible, so that no number is ever missing. What is hard is to find what
has become visible without an index for it: ids carry the time at which they were made, and a transaction may commit
long after. Therefore each pass notes which transactions were still running. When one of them has ended, the next pass
looks back to when it began; otherwise it looks back to the last pass only.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from uuid import UUID

from django.db import connection

BATCH = 5_000
SLACK_SECONDS = 0.25
"""How much older an id may be than the first write of its transaction: clocks differ a little, batches wait."""
LONG_SLACK_SECONDS, LONG_SLACK_EVERY = 5.0, 2.0
"""For batches that were sent again; not in each pass, since it looks at everything of that time again."""
UNKNOWN_SECONDS = 600
"""How far back the transactions may have begun that were running when this process became the sequencer; whatever is
older is found by the walk, so that nothing waits for two days of entries to be looked through.
"""
LOOKBACK_SECONDS = 48 * 3600
WALK_ENTRIES = 10_000
WALK_SECONDS = 5.0

_FIRST = UUID(int=0)
_LAST = UUID(int=2**128 - 1)

# Tables that are new to the planner look small to it, and whatever came since the last ANALYZE looks like one row: what
# it would choose then is slow for what there is. Both indexes side by side are never far from the best.
_PLANS = "; ".join(f"SET enable_{way} = off" for way in ("seqscan", "bitmapscan", "hashjoin", "nestloop"))
# A snapshot lists what is running up to the last transaction that has ended. The mark is such a one: whatever began to
# write before it is in the list of the snapshot after it, unless it has ended.
_MARK = "SELECT pg_current_xact_id(), extract(epoch FROM statement_timestamp())::float8"
_LOOK = "SELECT pg_current_snapshot()::text"
_ADD = """
WITH fresh AS (
    SELECT e.id, age(e.xmin) AS age, e.cmin AS place, sha256('\\x00'::bytea || e.body) AS leaf FROM ledger_entry e
    WHERE e.id > %(floor)s AND e.id <= %(ceiling)s AND NOT EXISTS (
        SELECT FROM ledger_leaf l WHERE l.entry_id = e.id AND l.entry_id > %(floor)s AND l.entry_id <= %(ceiling)s)
    ORDER BY e.id LIMIT %(limit)s
), added AS (
    INSERT INTO ledger_leaf (seq, entry_id, leaf)
    SELECT (SELECT coalesce(max(seq), -1) FROM ledger_leaf)
        + row_number() OVER (ORDER BY age DESC, place::text::bigint, id), id, leaf
    FROM fresh
    RETURNING seq
)
SELECT count(*), max(seq), (SELECT id FROM fresh ORDER BY id DESC LIMIT 1) FROM added
"""
_START = """
SELECT extract(epoch FROM least(recorded_at, statement_timestamp()))::float8 FROM ledger_entry
WHERE id = (SELECT entry_id FROM ledger_leaf ORDER BY seq DESC LIMIT 1)
"""
_WALK = "SELECT id FROM ledger_entry WHERE id > %s ORDER BY id OFFSET %s LIMIT 1"
_NEWEST = "SELECT coalesce(max(seq), -1) FROM ledger_leaf"


@dataclass(frozen=True)
class _Look:
    """Which transactions were running at a moment of the database's clock."""

    running: frozenset[str]
    at: float


class Sequencer:
    """Gives numbers by the connection of the calling thread. `told` is called with the newest after each batch.

    Two at once do no harm: the primary key lets only one of them give a number. The host runs one, by a lock.
    """

    def __init__(self, told: Callable[[int], object] = lambda _newest: None) -> None:
        self._told = told
        self._since: float | None = None
        self._running: dict[str, float] = {}
        self._reached_back = inf
        self._long_due = 0.0
        self._walked = _FIRST
        self._walk_due = 0.0

    def run(self) -> int:
        """One pass: everything that is visible now has a number when it returns. Answers how many were given."""
        if self._since is None:
            with connection.cursor() as cursor:
                cursor.execute(_PLANS)
        look = _look()
        if self._since is None:
            # What was running before this process looked may have begun at any time within reason.
            self._running = dict.fromkeys(look.running, look.at - UNKNOWN_SECONDS)
            count = self._add(self._start())
            self._walk_due = look.at + WALK_SECONDS
        else:
            ended = [began for xid, began in self._running.items() if xid not in look.running]
            count = self._add(self._floor_of(min([self._since, look.at, *ended]), look.at))
            # A transaction seen for the first time made its first write after the last look.
            self._running = {xid: self._running.get(xid, self._since) for xid in look.running}
        self._since = look.at
        return count + self._walk(look.at)

    def _floor_of(self, since: float, now: float) -> UUID:
        self._reached_back = min(self._reached_back, since)
        if now < self._long_due:
            return _floor(since - SLACK_SECONDS)
        back, self._reached_back = self._reached_back, now
        self._long_due = now + LONG_SLACK_EVERY
        return _floor(back - LONG_SLACK_SECONDS)

    def _start(self) -> UUID:
        with connection.cursor() as cursor:
            cursor.execute(_START)
            row = cursor.fetchone()
        return _floor(row[0] - UNKNOWN_SECONDS) if row and row[0] else _FIRST

    def _walk(self, now: float) -> int:
        """Look through the last two days again, a stretch at a time: for what a clock that was wrong has put there."""
        if now < self._walk_due:
            return 0
        self._walk_due = now + WALK_SECONDS
        after = max(self._walked, _floor(now - LOOKBACK_SECONDS))
        with connection.cursor() as cursor:
            cursor.execute(_WALK, [after, WALK_ENTRIES])
            row = cursor.fetchone()
        self._walked = row[0] if row else _FIRST
        return self._add(after, row[0] if row else _LAST)

    def _add(self, floor: UUID, ceiling: UUID = _LAST) -> int:
        total = 0
        while True:
            with connection.cursor() as cursor:
                cursor.execute(_ADD, {"floor": floor, "ceiling": ceiling, "limit": BATCH})
                row = cursor.fetchone()
            count: int = row[0]
            newest, floor = row[1:]
            total += count
            if count:
                self._told(newest)
            if count < BATCH:
                return total


def newest_seq() -> int:
    """The highest number given; -1 when there is none."""
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST)
        newest: int = cursor.fetchone()[0]
    return newest


def _look() -> _Look:
    if connection.in_atomic_block:
        raise RuntimeError("The sequencer must see what others commit, one statement after the other")
    with connection.cursor() as cursor:
        cursor.execute(_MARK)
        _, at = cursor.fetchone()
        cursor.execute(_LOOK)
        snapshot = cursor.fetchone()[0]
    return _Look(frozenset(filter(None, snapshot.split(":")[2].split(","))), at)


def _floor(moment: float) -> UUID:
    """Below every id made since then."""
    return UUID(int=max(int(moment * 1000), 0) << 80)
